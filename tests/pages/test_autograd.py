"""The Autograd page, tab by tab: formula, training step, network, Break-it lab and exercises."""

import pytest
from streamlit.testing.v1 import AppTest

from core.autograd.exercises import EXERCISES
from core.autograd.faults import FAULTS
from pages.ui.autograd.break_it_lab import TITLES
from tests.pages.conftest import PROJECT, button


def open_autograd(**query: str) -> AppTest:
    """Open the page alone, with these query parameters; it needs nothing from app.py."""
    app = AppTest.from_file(str(PROJECT / "pages" / "autograd.py"), default_timeout=60)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    return app


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def sentences(app) -> str:
    return " ".join(element.value for element in (*app.markdown, *app.caption))


# Formula


def test_the_page_opens_with_the_default_formula():
    app = open_autograd()
    assert app.text_input(key="formula").value == "(a**2*b + b)**2"
    assert metrics(app) == {"f(2, 3)": "225", "∂f/∂a": "360", "∂f/∂b": "150"}


def test_sliders_change_the_value_and_the_gradient():
    app = open_autograd()
    app.slider(key="value_a").set_value(1.0).run()
    assert metrics(app) == {"f(1, 3)": "36", "∂f/∂a": "72", "∂f/∂b": "24"}
    app.text_input(key="formula").set_value("exp(k) + f").run()
    app.slider(key="value_k").set_value(0.0).run()
    assert metrics(app) == {"y(0, 1)": "2", "∂y/∂k": "1", "∂y/∂f": "1"}


@pytest.mark.parametrize("example", ["Neuron", "Two paths", "Smooth maximum", "LSTM cell state", "Two variables"])
def test_every_example_works(example):
    app = open_autograd()
    button(app, example).click().run()
    assert not app.exception
    assert not app.error
    check = app.table[-1].value
    differences = (*check["Engine − PyTorch"], *check["Engine − finite"])
    assert all(abs(float(number.replace("−", "-"))) < 1e-6 for number in differences)


@pytest.mark.parametrize(
    ("text", "sentence", "pointer"),
    [
        ("a + ", "missing at the end", "a +\n   ^"),
        ("2a", "operator is missing", "2a\n ^"),
        ("__import__('os').system('ls')", "A name starts with a letter", "^^^^^^^^^^"),
        ("9**9**9", "An exponent must be from", "9**9**9\n^^^^^^^"),
        ("1/(a - 2)", "Division by zero", "1/(a - 2)\n^^^^^^^^^"),
        ("sqrt(a - 2)", "no finite slope", "sqrt(a - 2)\n^^^^^^^^^^^"),
        ("", "Type a formula", "^"),
    ],
)
def test_an_invalid_formula_shows_an_error_and_its_position(text, sentence, pointer):
    app = open_autograd()
    app.text_input(key="formula").set_value(text).run()
    assert not app.exception
    (error,) = app.error
    assert sentence in error.value
    assert pointer in app.code[0].value
    app.text_input(key="formula").set_value("a*b").run()
    assert not app.error


def test_a_formula_without_variables_has_no_gradient():
    app = open_autograd(formula="2*3")
    assert metrics(app) == {"f()": "6"}
    assert "no variables, so it has no gradient" in app.info[0].value


def test_both_passes_can_be_followed_step_by_step():
    app = open_autograd()
    button(app, "First").click().run()
    assert "Nothing has been computed yet" in sentences(app)
    assert button(app, "Back").disabled
    explanations = []
    for _ in range(9):
        button(app, "Next").click().run()
        explanations.append(sentences(app))
    assert button(app, "Next").disabled
    assert "Forward, 1 of 4" in explanations[0]
    assert "pow_two(2) = **4**" in explanations[0]
    assert "Forward, 4 of 4" in explanations[3]
    assert "Backward starts at the result" in explanations[4]
    assert "30 · 4 = **120**, added to the gradient from another path: **30 + 120 = 150**" in explanations[7]
    assert "90 · 4 = **360**" in explanations[8]
    assert "return (grad * (2 * a.data),)" in app.code[0].value


def test_a_formula_is_shown_as_it_was_typed():
    """Tables and messages are Markdown, in which a pair of ** would make bold type."""
    app = open_autograd(formula="a**2*b**2")
    assert r"a\*\*2\*b\*\*2" in list(app.table[0].value["Node"])
    app = open_autograd(formula="sqrt(a**2*b**2)", value_a="0.0")
    assert r"sqrt(a\*\*2\*b\*\*2) has no finite slope" in app.error[0].value


def test_a_kink_is_explained():
    app = open_autograd(formula="relu(a)", value_a="0.0")
    assert "kink" in sentences(app)
    app.slider(key="value_a").set_value(1.0).run()
    assert "kink" not in sentences(app)


# Training step


def test_a_training_step_can_be_taken_call_by_call():
    app = open_autograd(tab="Training step")
    assert list(app.table[0].value["loss"]) == ["225", "225", "110.57", "110.57"]
    for call in ("loss.backward()", "loss.backward()", "zero_grad()"):
        button(app, call).click().run()
    gradients = list(app.table[0].value["∂loss/∂b"])
    assert gradients[:4] == ["None", "150", "150", "None"]
    assert float(gradients[5]) == pytest.approx(2 * float(gradients[4]))
    assert gradients[6] == "None"
    button(app, "Start over").click().run()
    assert len(app.table[0].value) == 4


# Network


@pytest.mark.parametrize("kind", ["Neuron", "Layer", "Network"])
def test_every_model_shows_its_matrices_and_a_gradient_step(kind):
    app = open_autograd(tab="Network", network=kind)
    shown = metrics(app)
    before, change, after = (float(shown[label]) for label in ("Loss before", "Actual change", "Loss after"))
    assert change < 0
    assert after == pytest.approx(before + change, abs=1e-3)
    assert any("matrix" in latex.value for latex in app.latex)
    assert app.get("vega_lite_chart")


def test_a_dead_neuron_is_explained():
    app = open_autograd(tab="Network", network="Neuron", network_seed="0")
    dead = [seed for seed in range(8) if is_dead(app, seed)]
    assert 0 < len(dead) < 8


def is_dead(app, seed: int) -> bool:
    app.number_input(key="network_seed").set_value(seed).run()
    assert not app.exception
    return any("dead" in info.value for info in app.info)


# Break-it lab


@pytest.mark.parametrize(("title", "fault"), [*zip(TITLES, FAULTS.values(), strict=True)], ids=list(FAULTS))
def test_a_fault_shows_its_symptom_question_and_solution(title, fault):
    app = open_autograd(tab="Break-it lab", fault=title)
    assert not app.exception
    assert fault.observation in sentences(app)
    assert bool(app.table) != bool(app.get("vega_lite_chart")), "a comparison or curves"
    question = app.radio[0]
    for option in fault.question.options:
        question.set_value(option).run()
        correct = option == fault.question.options[fault.question.answer]
        assert bool(app.success) == correct
        assert bool(app.error) != correct
    assert fault.diff() in [code.value for code in app.code]


def test_wrong_values_are_marked_in_the_comparison():
    app = open_autograd(tab="Break-it lab", fault=list(TITLES)[list(FAULTS).index("unstable_softmax")])
    table = app.table[0].value
    assert list(table["Faulty code"])[-1] == "✗ nan"
    assert not any("✗" in text for text in table["Correct code"])


# Exercises


def answer(app, exercise: str, name: str, text: str) -> None:
    app.text_input(key=f"answer_{exercise}_{name}").set_value(text).run()
    assert not app.exception


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))
def test_an_exercise_can_be_solved_input_by_input(exercise):
    app = open_autograd(tab="Exercises", exercise=exercise.name)
    assert not app.success
    for solved, (name, solution) in enumerate(exercise.solutions.items(), 1):
        answer(app, exercise.name, name, f"7 + {solution}")
        assert "finite differences" not in app.error[0].value
        assert "Wrong at" in app.error[0].value
        assert len(app.success) == solved - 1
        answer(app, exercise.name, name, solution)
        assert not app.error
    assert "Solved" in app.success[-1].value


def test_a_wrong_answer_gets_a_counterexample():
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", "grad*a")
    assert (
        "Wrong at a = 1.8, b = −1.1, grad = −0.7: the gradient of a should be **0.77**, but this gives **−1.26**."
        in app.error[0].value
    )
    answer(app, "mul", "a", "b")
    assert "multiplies it by the incoming gradient, grad" in app.error[0].value
    answer(app, "mul", "a", "grad*b*log(a)/log(a)")
    assert "this has no value. The logarithm" in app.error[0].value


@pytest.mark.parametrize("text", ["grad*", "grad*q", "().__class__", "9**9**9**9", "a" * 500, "\u202e", "grad;b"])
def test_an_invalid_answer_shows_an_error_and_its_position(text):
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", text)
    assert len(app.error) == 1
    assert not app.success
    assert any("^" in code.value for code in app.code) or "no value" in app.error[0].value


def test_an_answer_is_kept_while_another_exercise_is_open():
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
        {"tab": "Network", "network": "Brain", "network_seed": "-5", "network_lr": "7"},
        {"tab": "Break-it lab", "fault": "10. The fault that does not exist"},
        {"tab": "Exercises", "exercise": "div"},
    ],
)
def test_invalid_query_parameters_are_ignored(query):
    app = open_autograd(**query)
    assert app.title[0].value == "Autograd"
    assert len(app.markdown) + len(app.error) > 0
