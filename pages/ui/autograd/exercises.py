"""Exercises: the student types the backward rule of an operation, and each answer is checked at once."""

import textwrap

import streamlit as st

from core.autograd.exercises import EXERCISES, TEST_POINTS, CounterExample, Exercise, grade
from core.autograd.expression import ExpressionError
from core.source import source
from pages.ui.autograd.errors import show_formula_error
from pages.ui.autograd.graph import format_number
from pages.ui.code_view import show_code, source_location
from pages.ui.kept import keep, kept_values


def show() -> None:
    """Show the chosen exercise."""
    with st.sidebar:
        with keep({"exercise": "add"}):
            name = st.segmented_control(
                "Operation", list(EXERCISES), default="add", required=True, key="exercise", bind="query-params"
            )
        progress = st.empty()
        st.markdown(
            "`grad` is the gradient that arrives at the result of an operation: how fast the loss grows with the "
            "result. The **backward rule** of the operation says which gradient it passes to each input. Your formula "
            f"is compared with finite differences at {TEST_POINTS} random points, so any equivalent formula is correct."
        )
    exercise = EXERCISES[name]
    st.markdown(f"**{exercise.setting}** Which gradient does it pass to each input?")
    st.latex(exercise.formula)
    st.caption(f"Names you can use: {', '.join(f'`{name}`' for name in exercise.names)}")
    with keep({answer_key(exercise, wanted): "" for wanted in exercise.solutions}, bound=False):
        verdicts = [answer(exercise, wanted) for wanted in exercise.solutions]
    if all(verdicts):
        st.success(f"Solved: this is the backward rule of {exercise.name}.", icon=":material/trophy:")
    kept = kept_values()
    solved = [name for name, exercise in EXERCISES.items() if is_solved(exercise, kept)]
    which = f" ({', '.join(solved)})" if solved else ""
    progress.markdown(f"**Solved:** {len(solved)} of {len(EXERCISES)}{which}")
    left, right = st.columns(2, gap="large")
    with left.expander("Hint", key=f"hint_{name}", icon=":material/lightbulb:"):
        st.markdown(exercise.hint)
    with right.expander("Solution", key=f"solution_{name}", icon=":material/key:"):
        st.code("\n".join(f"{wanted}: {text}" for wanted, text in exercise.solutions.items()), language=None)
        st.caption(f"The code of this operation in {source_location(exercise.code)}:")
        st.code(textwrap.dedent(source(exercise.code)[0]), language="python", wrap_lines=True)
    show_code(grade)


def answer_key(exercise: Exercise, wanted: str) -> str:
    """Return the key of the field for the gradient of one input."""
    return f"answer_{exercise.name}_{wanted}"


def is_solved(exercise: Exercise, kept: dict[str, object]) -> bool:
    """Return whether the visitor's answers for all inputs are correct."""
    answers = {wanted: kept.get(answer_key(exercise, wanted)) for wanted in exercise.solutions}
    return all(isinstance(text, str) and is_correct(exercise.name, wanted, text) for wanted, text in answers.items())


@st.cache_data(show_spinner=False, max_entries=1000)
def is_correct(name: str, wanted: str, text: str) -> bool:
    """Return whether an answer is correct; an answer that is not a formula is not."""
    try:
        return grade(EXERCISES[name], wanted, text) is None
    except ExpressionError:
        return False


def answer(exercise: Exercise, wanted: str) -> bool:
    """Show the field for the gradient of one input and check the answer. Returns whether it is correct."""
    typing, verdict = st.columns([2, 3], gap="medium")
    text = typing.text_input(
        f"Gradient of {wanted}",
        key=answer_key(exercise, wanted),
        placeholder="formula",
    )
    with verdict:
        if not text.strip():
            return False
        try:
            counterexample = grade(exercise, wanted, text)
        except ExpressionError as error:
            show_formula_error(error)
            return False
        if counterexample:
            st.error(counterexample_text(counterexample, wanted), icon=":material/close:")
            return False
        st.success(
            f"Correct: it matches finite differences at {TEST_POINTS} random points.",
            icon=":material/check:",
        )
        return True


def counterexample_text(example: CounterExample, wanted: str) -> str:
    """Return a counterexample as a sentence."""
    at = ", ".join(f"{name} = {format_number(value)}" for name, value in example.values.items())
    expected = format_number(round(example.expected, 6))
    got = "has no value" if example.got is None else f"gives **{format_number(example.got)}**"
    return f"Wrong at {at}: the gradient of {wanted} should be **{expected}**, but this {got}. {example.note}"
