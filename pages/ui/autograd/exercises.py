"""Exercises: the student types the backward rule of an operation, and each answer is checked at once."""

import textwrap

import streamlit as st

from core.autograd.exercises import EXERCISES, TEST_POINTS, CounterExample, Exercise, grade
from core.autograd.expression import ExpressionError
from core.classroom import Answer
from core.classroom.problems import grade_formula
from core.source import source
from pages.ui.autograd import kept_answers
from pages.ui.autograd.errors import show_formula_error
from pages.ui.autograd.graph import format_number
from pages.ui.code_view import show_code, source_location
from pages.ui.kept import keep


def show() -> None:
    """Show the chosen exercise."""
    with st.sidebar:
        with keep({"exercise": "add"}):
            name = st.pills(
                "Exercise", list(EXERCISES), default="add", required=True, key="exercise", bind="query-params"
            )
        progress = st.empty()
        st.markdown(
            "`grad` is the gradient that arrives at the result of an operation: how fast the loss grows with the "
            "result. The **backward rule** of the operation says which gradient it passes to each input. Your formula "
            f"is compared with the correct numbers at {TEST_POINTS} random points, so any equivalent formula is "
            "correct. Your answers are kept."
        )
    exercise = EXERCISES[name]
    access = kept_answers.exercise_access()
    kept = access.own()
    answer = kept.get(name, Answer())
    st.markdown(f"**{exercise.setting}** {exercise.question}")
    st.latex(exercise.formula)
    st.caption(f"Names you can use: {', '.join(f'`{name}`' for name in exercise.names)}")
    verdicts = [show_field(exercise, field, answer) for field in exercise.solutions]
    if all(verdicts):
        st.success(f"Solved: {name}.", icon=":material/trophy:")
    solved = [name for name in EXERCISES if name in kept and kept[name].solved]
    which = f" ({', '.join(solved)})" if solved else ""
    progress.markdown(f"**Solved:** {len(solved)} of {len(EXERCISES)}{which}")
    left, right = st.columns(2, gap="large")
    with left.expander("Hint", key=f"hint_{name}", icon=":material/lightbulb:"):
        st.markdown(exercise.hint)
    with right.expander("Solution", key=f"solution_{name}", icon=":material/key:"):
        if reason := kept_answers.closed_because(access, name, answer):
            st.markdown(reason)
        else:
            show_solution(exercise)
    show_code(grade)


def show_solution(exercise: Exercise) -> None:
    """Show a correct answer for each field, and the code of the operation."""
    st.code("\n".join(f"{field}: {text}" for field, text in exercise.solutions.items()), language=None)
    st.caption(f"The code of this operation in {source_location(exercise.code)}:")
    st.code(textwrap.dedent(source(exercise.code)[0]), language="python", wrap_lines=True)


def answer_key(exercise: Exercise, field: str) -> str:
    """Return the key of the widget for one field of an exercise."""
    return f"answer_{exercise.name}_{field}"


def show_field(exercise: Exercise, field: str, answer: Answer) -> bool:
    """Show the widget for one field of an exercise and check the answer. Returns whether it is correct."""
    typing, verdict = st.columns([2, 3], gap="medium")
    key, result = answer_key(exercise, field), exercise.result.format(field)
    kept_answers.restore(key, answer.texts.get(field))
    text = typing.text_input(
        field if result == field else result.removeprefix("the ").capitalize(),
        key=key,
        placeholder="formula",
        on_change=kept_answers.submit,
        args=[exercise.name, field, key],
    ).strip()
    with verdict:
        if not text:
            return False
        try:
            counterexample = grade_formula(exercise.name, field, text)
        except ExpressionError as error:
            show_formula_error(error)
            return False
        if counterexample:
            st.error(counterexample_text(counterexample, result), icon=":material/close:")
            return False
        st.success(
            f"Correct: it matches {exercise.reference} at {TEST_POINTS} random points.",
            icon=":material/check:",
        )
        return True


def counterexample_text(example: CounterExample, result: str) -> str:
    """Return a counterexample as a sentence. result: what is wrong, such as "the gradient of a"."""
    at = ", ".join(f"{name} = {format_number(value)}" for name, value in example.values.items())
    expected = format_number(round(example.expected, 6))
    got = "has no value" if example.got is None else f"gives **{format_number(example.got)}**"
    return f"Wrong at {at}: {result} should be **{expected}**, but this {got}. {example.note}"
