"""The teacher panel: limits and actions for the whole class, behind a password."""

from dataclasses import replace

import streamlit as st

from core.runs import Limits
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
            st.text_input(
                "Password", type="password", key="password_typed", on_change=submit_password, autocomplete="off"
            )
            return
        limits = run_panel.dispatcher().store.limits()
        access = run_panel.run_access()
        classroom = current.classroom or None
        scope = f"of class {classroom}" if classroom else "of all classes"
        with st.container(horizontal=True):
            st.button(
                "Pause new runs" if limits.accepting_runs else "Allow new runs",
                on_click=run_panel.try_action,
                args=[access.set_limits, replace(limits, accepting_runs=not limits.accepting_runs)],
            )
            st.button(f"Stop all runs {scope}", on_click=run_panel.try_action, args=[access.stop_all, classroom])
            with st.popover(f"Delete ended runs {scope}"):
                st.write("This permanently deletes all runs that have finished, failed or been stopped.")
                st.button(
                    "Delete them",
                    on_click=run_panel.try_action,
                    args=[access.delete_finished, classroom],
                    type="primary",
                )
            st.button("Log out", on_click=teacher_auth.logout, args=[current.id])
        with st.form("limits"):
            st.markdown("**Limits for new runs**")
            values = {}
            for i, (name, label) in enumerate(LABELS.items()):
                if i % 3 == 0:
                    columns = st.columns(3)  # one row at a time keeps the order on a phone
                value = getattr(limits, name)
                lowest = 0 if isinstance(value, int) else 0.0
                values[name] = columns[i % 3].number_input(label, lowest, value=value, key=f"limit {name}")
            if st.form_submit_button("Save limits"):
                new = {**values, "accepting_runs": limits.accepting_runs}
                run_panel.try_action(lambda: access.set_limits(Limits(**new)))


def submit_password() -> None:
    """Callback of the password's field: log in and clear the field."""
    password, st.session_state["password_typed"] = st.session_state["password_typed"], ""
    run_panel.try_action(run_panel.dispatcher().teacher_auth.login, visitor().id, password)
