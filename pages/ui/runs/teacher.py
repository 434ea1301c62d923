"""The teacher's corner: behind a password, what concerns the whole class."""

from dataclasses import replace

import streamlit as st

from core.runs import Limits
from pages.ui import run_panel
from pages.ui.visitor import visitor

LABELS = {
    "max_characters": "Characters in a sentence, at most",
    "max_hidden_size": "Hidden size of an LSTM, at most",
    "max_memorize_epochs": "Epochs of a sentence, at most",
    "max_layer_width": "Width of a layer for pictures, at most",
    "max_classify_epochs": "Epochs of pictures, at most",
    "max_minutes": "Minutes of training a run, at most",
    "idle_pause_minutes": "Minutes until a run that nobody watches is paused (0: never)",
    "max_starts_per_minute": "Runs that a student may start in a minute",
    "max_queued_runs": "Runs that a student may have waiting",
}


def corner() -> None:
    """Draw it; nothing where this server has no teacher's password."""
    engine, me = run_panel.dispatcher(), visitor()
    if not engine.teacher_auth.password:
        return
    with st.expander("For the teacher", icon=":material/school:", expanded=me.teacher):
        if not me.teacher:
            st.text_input("Password", type="password", key="password_typed", on_change=enter, autocomplete="off")
            return
        rules = engine.store.limits()
        where = f"of class {me.classroom}" if me.classroom else "of everyone"
        desk, scope = run_panel.run_access(), me.classroom or None
        with st.container(horizontal=True):
            label = "Pause new runs" if rules.accepting_runs else "Allow new runs"
            st.button(
                label,
                on_click=run_panel.try_action,
                args=[desk.set_limits, replace(rules, accepting_runs=not rules.accepting_runs)],
            )
            st.button(f"Stop all runs {where}", on_click=run_panel.try_action, args=[desk.stop_all, scope])
            with st.popover(f"Clear the runs {where}"):
                st.write("All that have ended are gone for good.")
                st.button(
                    "Clear them", on_click=run_panel.try_action, args=[desk.delete_finished, scope], type="primary"
                )
            st.button("Leave", on_click=engine.teacher_auth.logout, args=[me.id])
        with st.form("rules"):
            values, columns = {}, st.columns(3)
            for i, (name, label) in enumerate(LABELS.items()):
                value = getattr(rules, name)
                lowest = 0 if isinstance(value, int) else 0.0
                values[name] = columns[i % 3].number_input(label, lowest, value=value, key=f"rule {name}")
            if st.form_submit_button("Set these bounds"):
                run_panel.try_action(desk.set_limits, Limits(**values, accepting_runs=rules.accepting_runs))


def enter() -> None:
    """Callback of the password's field, which is emptied."""
    password, st.session_state["password_typed"] = st.session_state["password_typed"], ""
    run_panel.try_action(run_panel.dispatcher().teacher_auth.login, visitor().id, password)
