"""Exercises: the student types the backward rule of an operation, and each answer is checked at once."""

import textwrap

import streamlit as st

from core.autograd.exercises import EXERCISES, TEST_POINTS, CounterExample, Exercise, grade
from core.autograd.expression import ExpressionError
from core.source import source
from pages.ui.autograd.errors import show_formula_error
from pages.ui.autograd.graph import format_number
from pages.ui.code_view import show_code, source_location


def show() -> None:
    """Show the chosen exercise."""
    st.markdown(
        "`grad` is the gradient that arrives at the result of an operation. What gradient does the operation pass to "
        f"each input? Type it as a formula. Your answer is compared with finite differences at {TEST_POINTS} random "
        "points, so any equivalent formula is correct."
    )
    name = st.segmented_control(
        "Operation", list(EXERCISES), default="add", required=True, key="exercise", bind="query-params"
    )
    exercise = EXERCISES[name]
    st.markdown(exercise.setting)
    st.latex(exercise.formula)
    st.caption(f"Names you can use: {', '.join(f'`{name}`' for name in exercise.names)}")
    verdicts = [answer(exercise, wanted) for wanted in exercise.solutions]
    if all(verdicts):
        st.success(f"Solved: this is the backward rule of {exercise.name}.", icon=":material/trophy:")
    left, right = st.columns(2, gap="large")
    with left.expander("Hint", key=f"hint_{name}", icon=":material/lightbulb:"):
        st.markdown(exercise.hint)
    with right.expander("Solution", key=f"solution_{name}", icon=":material/key:"):
        st.code("\n".join(f"{wanted}: {text}" for wanted, text in exercise.solutions.items()), language=None)
        st.caption(f"The code of this operation in {source_location(exercise.code)}:")
        st.code(textwrap.dedent(source(exercise.code)[0]), language="python", wrap_lines=True)
    show_code(grade)


def answer(exercise: Exercise, wanted: str) -> bool:
    """Show the field for the gradient of one input and check the answer. Returns whether it is correct."""
    typing, verdict = st.columns([2, 3], gap="medium")
    text = typing.text_input(
        f"Gradient of {wanted}",
        key=f"answer_{exercise.name}_{wanted}",
        placeholder="formula",
        persist_state="page",
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
