"""Exercises: the student types what an operation sends back, and is told at once whether it is right."""

import textwrap

import streamlit as st

from core.autograd.exercises import EXERCISES, TEST_POINTS, CounterExample, Exercise, grade
from core.autograd.expression import ExpressionError
from core.source import source
from pages.ui.autograd.errors import complain
from pages.ui.autograd.graph import short
from pages.ui.code_view import show_code


def show() -> None:
    st.markdown(
        "`grad` is the gradient that arrives at an operation's result. What does the operation send on to each of its "
        f"inputs? Type it as a formula; it is compared with finite differences at {TEST_POINTS} random places, so any way of "
        "writing it is as good as another."
    )
    name = st.segmented_control(
        "Operation", list(EXERCISES), default="add", required=True, key="exercise", bind="query-params"
    )
    exercise = EXERCISES[name]
    st.markdown(exercise.setting)
    st.latex(exercise.formula)
    st.caption(f"Names to type: {', '.join(f'`{name}`' for name in exercise.names)}")
    verdicts = [answer(exercise, wanted) for wanted in exercise.solutions]
    if all(verdicts):
        st.success(f"Solved: this is the backward of {exercise.name}.", icon=":material/trophy:")
    left, right = st.columns(2, gap="large")
    with left.expander("A hint", key=f"hint_{name}", icon=":material/lightbulb:"):
        st.markdown(exercise.hint)
    with right.expander("A solution", key=f"solution_{name}", icon=":material/key:"):
        st.code("\n".join(f"to {wanted}: {text}" for wanted, text in exercise.solutions.items()), language=None)
        st.caption("And this is how the project does it:")
        st.code(textwrap.dedent(source(exercise.code)[0]), language="python", wrap_lines=True)
    show_code(grade)


def answer(exercise: Exercise, wanted: str) -> bool:
    """The field for one input's gradient and the verdict on what is in it; whether that is right."""
    typing, verdict = st.columns([2, 3], gap="medium")
    text = typing.text_input(
        f"What goes on to {wanted}?",
        key=f"answer_{exercise.name}_{wanted}",
        placeholder="a formula",
        persist_state="page",
    )
    with verdict:
        if not text.strip():
            return False
        try:
            counter_example = grade(exercise, wanted, text)
        except ExpressionError as error:
            complain(error)
            return False
        if counter_example:
            st.error(told(counter_example, wanted), icon=":material/close:")
            return False
        st.success(
            f"Right: at {TEST_POINTS} random places it is the slope that finite differences see.",
            icon=":material/check:",
        )
        return True


def told(wrong: CounterExample, wanted: str) -> str:
    """A counter-example as a sentence."""
    at = ", ".join(f"{name} = {short(value)}" for name, value in wrong.values.items())
    got = "has no value" if wrong.got is None else f"gives **{short(wrong.got)}**"
    return f"Not for {at}: to {wanted} should go **{short(round(wrong.expected, 6))}**, and this {got}. {wrong.note}"
