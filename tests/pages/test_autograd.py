"""The Autograd page, tab by tab: formula, training step, network, Break-it lab and exercises."""

import math

import pytest
from streamlit.testing.v1 import AppTest

from core.autograd.exercises import EXERCISES
from core.autograd.faults import FAULTS
from core.runs.identity import new_token
from pages.ui.autograd.break_it_lab import TITLES
from pages.ui.autograd.formula_settings import EXAMPLES
from pages.ui.autograd.network import zero_grad_text
from pages.ui.autograd.training_step import MAX_ROWS, CallLog
from pages.ui.kept import all_kept_values
from tests.pages.conftest import PROJECT, button


def open_autograd(**query: str) -> AppTest:
    """Open the page alone, with these query parameters; it needs nothing from app.py."""
    app = AppTest.from_file(str(PROJECT / "pages" / "autograd.py"), default_timeout=60)
    app.session_state["token"] = new_token()  # as app.py does
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
    assert app.slider(key="step").value == 0
    assert metrics(app) == {"f(2, 3)": "…", "∂f/∂a": "…", "∂f/∂b": "…"}, "nothing is known before the first step"
    assert "∂f/∂a says how fast f changes when a grows a little" in sentences(app)
    assert "**leaves**: the variables" in sentences(app)
    assert not app.table


def test_after_the_last_step_the_value_and_the_gradient_are_shown():
    app = open_autograd()
    button(app, "Last").click().run()
    assert metrics(app) == {"f(2, 3)": "225", "∂f/∂a": "360", "∂f/∂b": "150"}
    change = (2.001**2 * 3 + 3) ** 2 - 225
    assert f"if a grows by 0.001, f changes by {change:.5g}, which is about ∂f/∂a · 0.001 = 0.36" in sentences(app)


def test_sliders_change_the_value_and_the_gradient():
    app = open_autograd(step="9")
    app.slider(key="value_a").set_value(1.0).run()
    assert metrics(app) == {"f(1, 3)": "36", "∂f/∂a": "72", "∂f/∂b": "24"}
    app.text_input(key="formula").set_value("exp(k) + f").run()
    assert app.slider(key="step").value == 0, "a new formula starts again"
    button(app, "Last").click().run()
    app.slider(key="value_k").set_value(0.0).run()
    assert metrics(app) == {"y(0, 1)": "2", "∂y/∂k": "1", "∂y/∂f": "1"}


def test_a_link_to_a_step_that_does_not_exist_shows_step_0():
    app = open_autograd(formula="a*b", step="9")
    assert app.slider(key="step").value == 0
    assert app.slider(key="step").max == 3


@pytest.mark.parametrize("example", list(EXAMPLES))
def test_every_example_works(example):
    app = open_autograd()
    app.pills(key="example").set_value(example).run()
    assert not app.exception
    assert not app.error
    assert app.text_input(key="formula").value == EXAMPLES[example][0]
    button(app, "Last").click().run()
    gradients = {label: value for label, value in metrics(app).items() if label.startswith("∂")}
    assert len(gradients) == len(EXAMPLES[example][1])
    assert "…" not in metrics(app).values()
    app.session_state["tab"] = "Gradient check"
    app.run()
    check = app.table[-1].value
    assert list(check.index) == list(gradients)
    differences = (*check["Engine − PyTorch"], *check["Engine − finite"])
    assert all(abs(float(number.replace("−", "-"))) < 1e-6 for number in differences)


def test_the_example_that_is_shown_is_marked():
    app = open_autograd()
    assert app.pills(key="example").value == "Two variables"
    app.text_input(key="formula").set_value("a*b").run()
    assert app.pills(key="example").value is None
    app.text_input(key="formula").set_value("a*a + a").run()
    assert app.pills(key="example").value == "Two paths"


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
    assert "no variables, so it has no gradient. Its value is 6." in app.info[0].value


def test_both_passes_can_be_followed_step_by_step():
    app = open_autograd()
    assert button(app, "Back").disabled
    explanations = []
    for step in range(1, 10):
        button(app, "Next").click().run()
        explanations.append(sentences(app))
        assert len(app.table[0].value) == step, "one row per step so far"
        assert app.table[0].value.index[0] == step, "the current step comes first"
    assert button(app, "Next").disabled
    assert "**Step 1 of 9.** Forward: `a**2`: pow_two(2) = **4**" in explanations[0]
    assert "**Step 4 of 9.** Forward" in explanations[3]
    assert "The backward pass starts at the result: ∂f/∂f = **1**" in explanations[4]
    assert "30 · 4 = **120** goes to `b`, which now has 30 + 120 = 150." in explanations[7]
    assert "90 · 4 = **360** goes to `a`." in explanations[8]
    assert "return (grad * (2 * a.data),)" in app.code[0].value
    button(app, "First").click().run()
    assert app.slider(key="step").value == 0


def test_the_words_factor_and_chain_rule_are_explained_where_the_backward_pass_starts():
    assert "**local derivative** (the factor on the arrow)" in sentences(open_autograd(step="5"))


def test_a_formula_is_shown_as_it_was_typed():
    """Tables and messages are Markdown, in which a pair of ** would make bold type."""
    app = open_autograd(formula="a**2*b**2", step="3")
    assert r"a\*\*2\*b\*\*2" in list(app.table[0].value["Node"])
    app = open_autograd(formula="sqrt(a**2*b**2)", value_a="0.0")
    assert r"sqrt(a\*\*2\*b\*\*2) has no finite slope" in app.error[0].value


# Gradient check


def test_a_kink_is_explained():
    app = open_autograd(tab="Gradient check", formula="relu(a)", value_a="0.0")
    assert "kink" in sentences(app)
    app.slider(key="value_a").set_value(1.0).run()
    assert "kink" not in sentences(app)


@pytest.mark.parametrize(
    ("formula", "exact"),
    [("(a**2*b + b)**2", "For ∂f/∂b, even h = 1 is exact"), ("a*b", "For ∂f/∂a and ∂f/∂b, even h = 1"), ("exp(a)", "")],
)
def test_the_text_names_the_variables_for_which_a_large_step_is_exact(formula, exact):
    text = sentences(open_autograd(tab="Gradient check", formula=formula))
    assert exact in text
    assert ("h = 1 is exact" in text) == bool(exact)


# Training step


def test_a_training_step_can_be_taken_call_by_call():
    app = open_autograd(tab="Training step")
    assert list(app.table[0].value["loss"]) == ["225"]
    for call in ("loss.backward()", "update(lr)", "zero_grad()", "loss.backward()", "loss.backward()", "zero_grad()"):
        button(app, call).click().run()
        assert app.table[0].value["Call"].iloc[0].startswith(call[:6]), "the last call comes first"
    log = app.table[0].value[::-1]
    assert list(log["loss"])[:4] == ["225", "225", "110.57", "110.57"]
    gradients = list(log["∂loss/∂b"])
    assert gradients[:4] == ["None", "150", "150", "None"]
    assert float(gradients[5]) == pytest.approx(2 * float(gradients[4]), rel=1e-4)
    assert gradients[6] == "None"
    button(app, "Start over").click().run()
    assert len(app.table[0].value) == 1


def test_numbers_that_overflow_are_explained_and_the_log_is_bounded():
    log = CallLog()
    for _ in range(60):
        log.backward()
        log.update(0.005)
    assert log.diverged
    assert len(log.rows) == MAX_ROWS
    app = open_autograd(tab="Training step")
    app.session_state["step_calls"] = log
    app.run()
    assert not app.exception
    assert "Start over with a smaller learning rate" in app.warning[0].value


# Network


@pytest.mark.parametrize("kind", ["Neuron", "Layer", "Network"])
def test_every_model_shows_its_matrices_and_a_gradient_step(kind):
    app = open_autograd(tab="Network", network=kind)
    assert any("matrix" in latex.value for latex in app.latex)
    app = open_autograd(tab="Network", network=kind, network_view="One step")
    shown = metrics(app)
    before, change, after = (float(shown[label]) for label in ("Loss before", "Actual change", "Loss after"))
    assert change < 0
    assert after == pytest.approx(before + change, abs=1e-3)
    app = open_autograd(tab="Network", network=kind, network_view="Without zero_grad()")
    assert app.get("vega_lite_chart")
    assert "**Here:** " in sentences(app)


def test_the_default_model_shows_the_harm_of_a_missing_zero_grad():
    text = sentences(open_autograd(tab="Network", network_view="Without zero_grad()"))
    assert "Without zero_grad(), the loss falls to 0.000292 at step 11 and climbs to 1.74 again" in text


def test_the_words_beside_the_curves_are_what_the_curves_show():
    assert "the loss is 1 with zero_grad() and 0.1 without" in zero_grad_text([3, 1], [3, 0.1])
    assert "It is not a rule" in zero_grad_text([3, 1], [3, 0.1])
    assert "climbs" not in zero_grad_text([3, 1], [3, 0.1])
    assert "falls to 0.1 at step 1 and climbs to 3 again" in zero_grad_text([3, 1, 0], [3, 0.1, 3])
    assert "rises even with zero_grad()" in zero_grad_text([3, 4], [3, 0.1])
    assert "all gradients are 0" in zero_grad_text([4, 4], [4, 4])
    assert "becomes infinite" in zero_grad_text([3, math.inf], [3, 3])
    assert zero_grad_text([3, 1], [3, 2]) == "After 1 steps, the loss is 1 with zero_grad() and 2 without."


def test_a_dead_neuron_is_explained():
    app = open_autograd(tab="Network", network="Neuron", network_seed="0", network_view="One step")
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
    assert fault.repair_diff() not in [code.value for code in app.code], "not before the case is solved"
    question = app.radio(key=f"answer_{fault.name}")
    for option, reply in fault.question.replies.items():
        question.set_value(option).run()
        (shown,) = app.success if option == fault.question.answer else app.error
        assert shown.value == reply
        assert len(app.success) + len(app.error) == 1
    line = next(number for number, line in enumerate(fault.code()) if line.strip() in fault.faulty_lines)
    app.radio(key=f"line_{fault.name}").set_value(line).run()
    question.set_value(fault.question.answer).run()
    assert fault.repair_diff() in [code.value for code in app.code]
    assert fault.repair in sentences(app)
    assert "− faulty: `core/autograd/faults/" in sentences(app)


@pytest.mark.parametrize(("title", "fault"), [*zip(TITLES, FAULTS.values(), strict=True)], ids=list(FAULTS))
def test_every_line_can_be_chosen_and_gets_a_reply(title, fault):
    app = open_autograd(tab="Break-it lab", fault=title)
    code = fault.code()
    faulty = [number for number, line in enumerate(code) if line.strip() in fault.faulty_lines]
    for number in (0, *faulty, len(code) - 1):
        app.radio(key=f"line_{fault.name}").set_value(number).run()
        assert not app.exception
        if number in faulty:
            assert "this is where it goes wrong" in app.success[0].value
        else:
            where = "down" if number < min(faulty) else "up"
            assert f"The fault is further {where}" in app.error[0].value


def test_a_case_is_solved_when_the_line_is_found_and_the_question_answered():
    title, fault = list(TITLES.items())[1]
    app = open_autograd(tab="Break-it lab", fault=title)
    app.radio(key=f"answer_{fault.name}").set_value(fault.question.answer).run()
    assert "**Solved:** 0 of 9" in sentences(app)
    line = [text.strip() for text in fault.code()].index(fault.faulty_lines[0])
    app.radio(key=f"line_{fault.name}").set_value(line).run()
    assert "**Solved:** 1 of 9 (number 2)" in sentences(app)
    app.selectbox(key="fault").set_value(next(iter(TITLES))).run()
    app.selectbox(key="fault").set_value(title).run()
    assert app.radio(key=f"line_{fault.name}").value == line
    assert "**Solved:** 1 of 9" in sentences(app)


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


def test_a_solution_opens_after_three_wrong_tries():
    app = open_autograd(tab="Exercises", exercise="relu")
    solution = EXERCISES["relu"].solutions["a"]
    for tries, text in enumerate(("grad", "grad*a", "a")):
        assert f"So far: {tries}" in sentences(app)
        assert not any(solution in code.value for code in app.code)
        answer(app, "relu", "a", text)
    assert any(solution in code.value for code in app.code)


@pytest.mark.parametrize("solutions", ["open", "true", "1", "tries"])
def test_an_address_cannot_open_a_solution(solutions):
    app = open_autograd(tab="Exercises", exercise="relu", solutions=solutions)
    assert not any(EXERCISES["relu"].solutions["a"] in code.value for code in app.code)


def test_an_answer_is_kept_while_another_exercise_is_open():
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", "grad*b")
    app.pills(key="exercise").set_value("add").run()
    assert not app.success
    app.pills(key="exercise").set_value("mul").run()
    assert app.text_input(key="answer_mul_a").value == "grad*b"
    assert app.success


def test_a_solved_exercise_stays_marked_on_other_tabs_and_in_a_new_session():
    """A refresh starts a new session of the same browser, which sends the same token."""
    app = open_autograd(tab="Exercises", exercise="mul")
    answer(app, "mul", "a", "grad*b")
    answer(app, "mul", "b", "grad*a")
    assert "**Solved:** 1 of 12 (mul)" in sentences(app)
    app.session_state["tab"] = "Formula"
    app.run()
    app.session_state["tab"] = "Exercises"
    app.run()
    assert "**Solved:** 1 of 12 (mul)" in sentences(app)

    all_kept_values().visitors.clear()  # as in another server
    again = AppTest.from_file(str(PROJECT / "pages" / "autograd.py"), default_timeout=60)
    again.session_state["token"] = app.session_state["token"]
    again.query_params["tab"], again.query_params["exercise"] = "Exercises", "mul"
    again.run()
    assert again.text_input(key="answer_mul_a").value == "grad*b"
    assert "**Solved:** 1 of 12 (mul)" in sentences(again)


def test_another_student_starts_with_empty_answers():
    app = open_autograd(tab="Exercises", exercise="relu")
    answer(app, "relu", "a", "grad*step(a)")
    other = open_autograd(tab="Exercises", exercise="relu")
    assert other.text_input(key="answer_relu_a").value == ""
    assert "**Solved:** 0 of 12" in sentences(other)


def test_a_link_determines_all_values_of_its_tab():
    app = open_autograd()
    app.slider(key="value_b").set_value(-1.0).run()
    linked = AppTest.from_file(str(PROJECT / "pages" / "autograd.py"), default_timeout=60)
    linked.session_state["token"] = app.session_state["token"]
    linked.query_params["value_a"] = "1.0"
    linked.run()
    assert (linked.slider(key="value_a").value, linked.slider(key="value_b").value) == (1.0, 3.0)


@pytest.mark.parametrize(
    "query",
    [
        {"tab": "no such tab"},
        {"value_a": "abc", "value_b": "1e9"},
        {"formula": "a" * 5000},
        {"formula": "a*b", "step": "99"},
        {"step": "-1"},
        {"tab": "Network", "network": "Brain", "network_seed": "-5", "network_lr": "7"},
        {"tab": "Break-it lab", "fault": "10. The fault that does not exist"},
        {"tab": "Exercises", "exercise": "div"},
    ],
)
def test_invalid_query_parameters_are_ignored(query):
    app = open_autograd(**query)
    assert [tab.label for tab in app.tabs][:2] == ["Formula", "Gradient check"]
    assert len(app.markdown) + len(app.error) > 0
