"""The Autograd page, tab by tab: a formula and its passes, a step, a network, the Break-it lab, the exercises."""

import pytest
from streamlit.testing.v1 import AppTest

from core.autograd.exercises import EXERCISES
from core.autograd.faults import FAULTS
from pages.ui.autograd.break_it_lab import TITLES
from tests.pages.conftest import PROJECT, button


def open_autograd(**query: str) -> AppTest:
    """The page by itself, as an address with these parameters would open it: it needs nothing from the entry."""
    app = AppTest.from_file(str(PROJECT / "pages" / "autograd.py"), default_timeout=60)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    return app


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def sentences(app) -> str:
    return " ".join(element.value for element in (*app.markdown, *app.caption))


# A formula


def test_the_page_opens_with_the_reports_formula():
    app = open_autograd()
    assert app.text_input(key="formula").value == "(a**2*b + b)**2"
    assert metrics(app) == {"f(2, 3)": "225", "∂f/∂a": "360", "∂f/∂b": "150"}


def test_sliders_move_the_value_and_the_gradient():
    app = open_autograd()
    app.slider(key="value_a").set_value(1.0).run()
    assert metrics(app) == {"f(1, 3)": "36", "∂f/∂a": "72", "∂f/∂b": "24"}
    app.text_input(key="formula").set_value("exp(k) + f").run()
    app.slider(key="value_k").set_value(0.0).run()
    assert metrics(app) == {"y(0, 1)": "2", "∂y/∂k": "1", "∂y/∂f": "1"}


@pytest.mark.parametrize("example", ["A neuron", "A diamond", "Smooth maximum", "An LSTM's memory", "The report's"])
def test_every_example_works(example):
    app = open_autograd()
    button(app, example).click().run()
    assert not app.exception
    assert not app.error
    check = app.table[-1].value
    differences = (*check["Ours − PyTorch"], *check["Ours − finite"])
    assert all(abs(float(number.replace("−", "-"))) < 1e-6 for number in differences)


@pytest.mark.parametrize(
    ("text", "sentence", "pointer"),
    [
        ("a + ", "missing at the end", "a +\n   ^"),
        ("2a", "operator is missing", "2a\n ^"),
        ("__import__('os').system('ls')", "A name starts with a letter", "^^^^^^^^^^"),
        ("9**9**9", "at most 100", "9**9**9\n^^^^^^^"),
        ("1/(a - 2)", "Division by zero", "1/(a - 2)\n^^^^^^^^^"),
        ("sqrt(a - 2)", "no finite slope", "sqrt(a - 2)\n^^^^^^^^^^^"),
        ("", "Type a formula", "^"),
    ],
)
def test_a_formula_that_does_not_work_gets_a_sentence_and_a_place(text, sentence, pointer):
    app = open_autograd()
    app.text_input(key="formula").set_value(text).run()
    assert not app.exception
    (error,) = app.error
    assert sentence in error.value
    assert pointer in app.code[0].value
    app.text_input(key="formula").set_value("a*b").run()
    assert not app.error


def test_a_formula_without_names_has_nothing_to_differentiate_by():
    app = open_autograd(formula="2*3")
    assert metrics(app) == {"f()": "6"}
    assert "no name in this formula" in app.info[0].value


def test_the_passes_are_walked_step_by_step():
    app = open_autograd()
    button(app, "First").click().run()
    assert "Nothing is calculated yet" in sentences(app)
    assert button(app, "Back").disabled
    told = []
    for _ in range(9):
        button(app, "Next").click().run()
        told.append(sentences(app))
    assert button(app, "Next").disabled
    assert "Forward, 1 of 4" in told[0]
    assert "pow_two(2) = **4**" in told[0]
    assert "Forward, 4 of 4" in told[3]
    assert "Backward starts at the result" in told[4]
    assert "30 · 4 = **120**, added to what came along another path: **30 + 120 = 150**" in told[7]
    assert "90 · 4 = **360**" in told[8]
    assert "return (grad * 2 * a.data,)" in app.code[0].value


def test_a_formula_is_shown_as_it_was_typed():
    """Tables and messages read Markdown, where a pair of ** makes bold type."""
    app = open_autograd(formula="a**2*b**2")
    assert r"a\*\*2\*b\*\*2" in list(app.table[0].value["At"])
    app = open_autograd(formula="sqrt(a**2*b**2)", value_a="0.0")
    assert r"sqrt(a\*\*2\*b\*\*2) has no finite slope" in app.error[0].value


def test_a_kink_is_explained():
    app = open_autograd(formula="relu(a)", value_a="0.0")
    assert "kink" in sentences(app)
    app.slider(key="value_a").set_value(1.0).run()
    assert "kink" not in sentences(app)


# A step


def test_a_step_is_taken_call_by_call():
    app = open_autograd(tab="A step")
    assert list(app.table[0].value["loss"]) == ["225", "225", "110.57", "110.57"]
    for call in ("loss.backward()", "loss.backward()", "zero_grad()"):
        button(app, call).click().run()
    gradients = list(app.table[0].value["∂loss/∂b"])
    assert gradients[:4] == ["None", "150", "150", "None"]
    assert float(gradients[5]) == pytest.approx(2 * float(gradients[4]))
    assert gradients[6] == "None"
    button(app, "Start over").click().run()
    assert len(app.table[0].value) == 4


# A network


@pytest.mark.parametrize("kind", ["A neuron", "A layer", "A network"])
def test_a_network_is_opened(kind):
    app = open_autograd(tab="A network", network=kind)
    shown = metrics(app)
    before, change, after = (float(shown[label]) for label in ("Loss before", "Real change", "Loss after"))
    assert change < 0
    assert after == pytest.approx(before + change, abs=1e-3)
    assert any("matrix" in latex.value for latex in app.latex)
    assert app.get("vega_lite_chart")


def test_a_dead_neuron_is_explained():
    app = open_autograd(tab="A network", network="A neuron", network_seed="0")
    dead = [seed for seed in range(8) if is_dead(app, seed)]
    assert 0 < len(dead) < 8


def is_dead(app, seed: int) -> bool:
    app.number_input(key="network_seed").set_value(seed).run()
    assert not app.exception
    return any("dead" in info.value for info in app.info)


# Break-it lab


@pytest.mark.parametrize(("title", "fault"), [*zip(TITLES, FAULTS.values(), strict=True)], ids=list(FAULTS))
def test_a_fault_is_looked_at_guessed_and_found(title, fault):
    app = open_autograd(tab="Break-it lab", fault=title)
    assert not app.exception
    assert fault.look in sentences(app)
    assert bool(app.table) != bool(app.get("vega_lite_chart")), "a comparison or curves"
    question = app.radio[0]
    for option in fault.question.options:
        question.set_value(option).run()
        right = option == fault.question.options[fault.question.answer]
        assert bool(app.success) == right
        assert bool(app.error) != right
    assert fault.diff() in [code.value for code in app.code]


def test_what_is_wrong_is_marked_in_the_comparison():
    app = open_autograd(tab="Break-it lab", fault=list(TITLES)[list(FAULTS).index("unstable_softmax")])
    table = app.table[0].value
    assert list(table["Wrong twin"])[-1] == "✗ nan"
    assert not any("✗" in text for text in table["Right twin"])


# Exercises


def answer(app, exercise: str, name: str, text: str) -> None:
    app.text_input(key=f"answer_{exercise}_{name}").set_value(text).run()
    assert not app.exception


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))
def test_an_exercise_is_solved_input_by_input(exercise):
    app = open_autograd(tab="Exercises", exercise=exercise.name)
    assert not app.success
    for solved, (name, solution) in enumerate(exercise.solutions.items(), 1):
        answer(app, exercise.name, name, f"7 + {solution}")
        assert "finite differences" not in app.error[0].value
        assert "Not for" in app.error[0].value
        assert len(app.success) == solved - 1
        answer(app, exercise.name, name, solution)
        assert not app.error
    assert "Solved" in app.success[-1].value


def test_a_wrong_answer_meets_a_counter_example():
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", "grad*a")
    assert (
        "Not for a = 1.8, b = −1.1, grad = −0.7: to a should go **0.77**, and this gives **−1.26**."
        in app.error[0].value
    )
    answer(app, "mul", "a", "b")
    assert "multiplies it by what arrives, grad" in app.error[0].value
    answer(app, "mul", "a", "grad*b*log(a)/log(a)")
    assert "this has no value. The logarithm" in app.error[0].value


@pytest.mark.parametrize("text", ["grad*", "grad*q", "().__class__", "9**9**9**9", "a" * 500, "\u202e", "grad;b"])
def test_an_answer_that_cannot_be_understood_is_pointed_at(text):
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", text)
    assert len(app.error) == 1
    assert not app.success
    assert any("^" in code.value for code in app.code) or "no value" in app.error[0].value


def test_an_answer_stays_while_another_exercise_is_tried():
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", "grad*b")
    app.get("button_group")[0].set_value("add").run()
    assert not app.success
    app.get("button_group")[0].set_value("mul").run()
    assert app.text_input(key="answer_mul_a").value == "grad*b"
    assert app.success


@pytest.mark.parametrize(
    "query",
    [
        {"tab": "no such tab"},
        {"value_a": "abc", "value_b": "1e9"},
        {"formula": "a" * 5000},
        {"tab": "A network", "network": "A brain", "network_seed": "-5", "network_lr": "7"},
        {"tab": "Break-it lab", "fault": "10. The fault that is not there"},
        {"tab": "Exercises", "exercise": "div"},
    ],
)
def test_an_address_that_makes_no_sense_opens_the_page_all_the_same(query):
    app = open_autograd(**query)
    assert app.title[0].value == "Autograd"
    assert len(app.markdown) + len(app.error) > 0
