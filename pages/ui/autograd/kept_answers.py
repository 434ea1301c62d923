"""Answers of exercises and lab cases, which the store keeps, and when their solutions open."""

from typing import Any

import streamlit as st

from core.classroom import TRIES_BEFORE_SOLUTION, Answer, ExerciseAccess
from pages.ui import lesson_link, run_panel
from pages.ui.classroom.session import class_access


def exercise_access() -> ExerciseAccess:
    """Return what the page's visitor may do with exercises."""
    return ExerciseAccess(class_access())


def restore(key: str, value: Any) -> None:
    """Give the widget with this key its kept value, unless it has one in this session. value: None for none."""
    if key not in st.session_state and value is not None:
        st.session_state[key] = value


def submit(problem: str, field: str, key: str) -> None:
    """Keep the answer in the widget with this key (callback)."""
    run_panel.try_action(exercise_access().submit, problem, field, str(st.session_state[key]))


def closed_because(access: ExerciseAccess, problem: str, answer: Answer) -> str:
    """Return why the visitor cannot open the problem's solution; "" if it is open."""
    if not lesson_link.link_of("autograd").solutions and not access.access.is_teacher:
        return "Solutions are closed in this task."
    if access.is_solution_open(problem, answer):
        return ""
    if access.solution_rule() == "hidden":
        return "Your teacher keeps the solutions closed."
    wrong = max(answer.wrong_tries(problem), 0)
    return f"Opens after {TRIES_BEFORE_SOLUTION} wrong tries. So far: {wrong}."
