"""The teacher panel: limits and actions for a class, behind a password."""

from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui import run_panel
from pages.ui.visitor import visitor

LABELS = {
    "max_characters": "Maximum characters per sentence",
    "max_hidden_size": "Maximum hidden size of an LSTM",
    "max_memorize_epochs": "Maximum epochs on Memorize",
    "max_layer_width": "Maximum layer width on Classify",
    "max_classify_epochs": "Maximum epochs on Classify",
    "max_minutes": "Maximum training minutes per run",
    "idle_pause_minutes": "Minutes until an unviewed run is paused (0: never)",
    "max_starts_per_minute": "Maximum runs started per student and minute",
    "max_queued_runs": "Maximum queued runs per student",
    "max_class_starts_per_minute": "Maximum runs started per class and minute",
    "keep_days": "Days until an old run is deleted (0: never)",
    "keep_megabytes": "Megabytes of runs to keep (0: all)",
}


def teacher_panel() -> None:
    """Show the login and, after it, the panel; nothing if the server has no teacher password."""
    teacher_auth, current = run_panel.dispatcher().teacher_auth, visitor()
    if not teacher_auth.password:
        return
    if current.teacher:
        st.session_state["teacher_panel_open"] = True  # and it stays open after logging out
    is_open = st.session_state.get("teacher_panel_open", False)
    with st.expander("Teacher panel", icon=":material/school:", expanded=is_open):
        if not current.teacher:
            password_input()
            return
        classroom = current.classroom
        show_actions(classroom)
        show_limits(classroom)


def password_input() -> None:
    """Show the field for the teacher's password."""
    st.text_input("Password", type="password", key="password_typed", on_change=submit_password, autocomplete="off")


def password_field() -> None:
    """Show the login on its own; nothing if the server has no teacher password."""
    if run_panel.dispatcher().teacher_auth.password:
        with st.expander("For teachers", icon=":material/school:"):
            password_input()


def show_actions(classroom: str) -> None:
    """Show the buttons that concern all runs of the class; all runs, without a class."""
    access = run_panel.run_access()
    accepting = access.store.limits(classroom).accepting_runs
    scope = f"of class {classroom}" if classroom else "of all classes"
    visitors = f"of class {classroom}" if classroom else "without a class code"
    if not accepting:
        st.warning(f"New runs {visitors} are paused.", icon=":material/pause:")
    with st.container(horizontal=True):
        st.button(
            f"{'Pause' if accepting else 'Allow'} new runs {visitors}",
            on_click=change_limits,
            args=[classroom, {"accepting_runs": not accepting}],
        )
        with st.popover(f"Stop all runs {scope}"):
            st.write("This ends all runs that are training, waiting or paused. They cannot be resumed.")
            st.button(
                "Stop them",
                on_click=run_panel.try_action,
                args=[access.stop_all, classroom or None],
                type="primary",
            )
        with st.popover(f"Delete ended runs {scope}"):
            st.write("This permanently deletes all runs that have finished, failed or been stopped.")
            st.button(
                "Delete them",
                on_click=run_panel.try_action,
                args=[access.delete_finished, classroom or None],
                type="primary",
            )
        st.button("Log out", on_click=run_panel.dispatcher().teacher_auth.logout, args=[access.visitor.id])


def show_limits(classroom: str) -> None:
    """Show the limits of the class in a form."""
    limits = run_panel.dispatcher().store.limits(classroom)
    with st.form("limits"):
        st.markdown(
            f"**Limits for class {classroom}**" if classroom else "**Limits for visitors without a class code**"
        )
        if not classroom:
            st.caption("They also apply to every class without limits of its own.")
        for i, (name, label) in enumerate(LABELS.items()):
            if i % 3 == 0:
                columns = st.columns(3)  # one row at a time keeps the order on a phone
            value = getattr(limits, name)
            lowest = 0 if isinstance(value, int) else 0.0
            columns[i % 3].number_input(label, lowest, value=value, key=f"limit {name}")
        st.form_submit_button("Save limits", on_click=save_limits, args=[classroom])


def save_limits(classroom: str) -> None:
    """Callback of the form."""
    change_limits(classroom, {name: st.session_state[f"limit {name}"] for name in LABELS})


def change_limits(classroom: str, changes: dict[str, Any]) -> None:
    """Callback: change some limits of the class and leave the others as they are now."""

    def change() -> None:
        access = run_panel.run_access()
        access.set_limits(replace(access.store.limits(classroom), **changes), classroom)
        st.toast(f"Saved for class {classroom}." if classroom else "Saved.", icon=":material/check:")

    run_panel.try_action(change)


def submit_password() -> None:
    """Callback of the password's field: log in and clear the field."""
    password, st.session_state["password_typed"] = st.session_state["password_typed"], ""
    current, login = visitor(), run_panel.dispatcher().teacher_auth.login
    run_panel.try_action(login, current.id, password, current.address)
