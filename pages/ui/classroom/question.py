"""A question on a student's page: answering it, and the class's answers after the reveal."""

from typing import Any

import streamlit as st

from core.classroom import CHOICE, CURVE, NUMBER, ClassAccess, Question
from core.runs import PermissionDenied
from pages.ui.classroom import results, sketch
from pages.ui.classroom.session import class_access
from pages.ui.markdown import escape_markdown

ANSWERED, SEEN = "answered_questions", "seen_results"  # session state


def has_answered(access: ClassAccess, question: Question) -> bool:
    """Return whether the member has answered in the present round. The store is asked once per session and round."""
    answered = st.session_state.setdefault(ANSWERED, {})
    key = question.id, question.round
    if key not in answered:
        answered.clear()
        answered[key] = question.round in access.own_answers()
    return answered[key]


def is_due(access: ClassAccess) -> bool:
    """Return whether the question stands in place of the member's page: it is unanswered, or revealed and new."""
    question = access.question()
    if question is None:
        return False
    if question.is_open:
        return not has_answered(access, question)
    return st.session_state.get(SEEN) != (question.id, question.round)


def status(access: ClassAccess) -> str:
    """Return what the member's line says about a question that they have answered; "" if there is none."""
    question = access.question()
    if question is None or not question.is_open or not has_answered(access, question):
        return ""
    return "Answered. Wait for the reveal."


def show(access: ClassAccess) -> None:
    """Show the question, or the answers of the class."""
    question = access.question()
    if question is None:
        return
    if question.round == 2 and question.is_open:
        st.caption("Second vote. Your first answer is kept beside it.")
    st.header(escape_markdown(question.text), anchor=False)
    if question.is_open:
        show_form(question)
    else:
        st.button("Continue", type="primary", on_click=mark_seen, args=[question])  # visible however high the chart is
        results.show(access, own=True)


def mark_seen(question: Question) -> None:
    """Go on to the page (callback)."""
    st.session_state[SEEN] = question.id, question.round


def show_form(question: Question) -> None:
    """Show what the student answers with."""
    key = f"answer {question.id} {question.round}"
    if question.kind == CURVE and question.axes:
        sketch.show(question.axes, key, "Answer", lambda curve: answer(question, curve))
        return
    with st.form(f"form {key}", border=False):
        if question.kind == CHOICE:
            st.radio(
                "Choose one answer",
                range(len(question.options)),
                index=None,
                format_func=lambda number: escape_markdown(question.options[number]),
                key=key,
            )
        elif question.kind == NUMBER:
            st.number_input("Your number", value=None, key=key, step=None, format="%g")
        st.form_submit_button("Answer", type="primary", on_click=answer_typed, args=[question, key])


def answer_typed(question: Question, key: str) -> None:
    """Send what the widget with this key contains (callback)."""
    value = st.session_state[key]
    if value is None:
        st.toast("Choose or type an answer first.", icon=":material/error:")
    else:
        answer(question, value)


def answer(question: Question, value: Any) -> None:
    """Send an answer (callback)."""
    try:
        class_access().answer(question.id, question.round, value)
        st.toast("Your answer is counted.", icon=":material/check:")
    except (ValueError, PermissionDenied) as error:
        st.toast(escape_markdown(str(error)), icon=":material/error:")
    st.session_state.pop(ANSWERED, None)  # ask the store again
