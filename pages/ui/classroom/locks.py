"""Controls that the class has locked: they keep the class's value, whatever the browser sends."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from pages.ui.classroom.places import CONTROLS
from pages.ui.classroom.session import settings
from pages.ui.run_panel import LOCKED

CHECKED = "locks_were_enforced"  # session state


def enforce(keys: Iterable[str]) -> dict[str, Any]:
    """Set the locked ones of these controls to the class's values, and return them. Call it before they are shown."""
    locks = [lock for lock in settings().locks if lock.key in CONTROLS]
    st.session_state[LOCKED] = {lock.key for lock in locks}
    values = {lock.key: lock.value for lock in locks if lock.key in set(keys) and lock.value is not None}
    st.session_state.update(values)
    rules = [
        f".st-key-{lock.key} {{ {'display: none;' if lock.hidden else 'pointer-events: none; opacity: 0.6;'} }}"
        for lock in locks
    ]
    if rules:
        st.html(f"<style>{' '.join(rules)}</style>")
    return values


def check(values: dict[str, Any]) -> None:
    """Draw the page once more if a control does not have its locked value. Call it when they have been shown.

    The first time that a control is shown, Streamlit prefers the value in the address.
    """
    state = st.session_state
    if any(state.get(key) != value for key, value in values.items()) and not state.pop(CHECKED, False):
        state[CHECKED] = True
        st.rerun()
    state.pop(CHECKED, None)
