"""The teacher's corner: behind a password, what concerns the whole class."""

from dataclasses import replace

import streamlit as st

from core.runs import Rules
from pages.ui import live
from pages.ui.visitor import visitor

LABELS = {
    "characters": "Characters in a sentence, at most",
    "hidden_size": "Hidden size of an LSTM, at most",
    "memorize_epochs": "Epochs of a sentence, at most",
    "layer_width": "Width of a layer for pictures, at most",
    "classify_epochs": "Epochs of pictures, at most",
    "minutes": "Minutes of training a run, at most",
    "unwatched_minutes": "Minutes until a run that nobody watches is paused (0: never)",
    "starts_a_minute": "Runs that a student may start in a minute",
    "runs_waiting": "Runs that a student may have waiting",
}


def corner() -> None:
    """Draw it; nothing where this server has no teacher's password."""
    engine, me = live.engine(), visitor()
    if not engine.staff_room.password:
        return
    with st.expander("For the teacher", icon=":material/school:", expanded=me.teacher):
        if not me.teacher:
            st.text_input("Password", type="password", key="password_typed", on_change=enter, autocomplete="off")
            return
        rules = engine.store.rules()
        where = f"of class {me.classroom}" if me.classroom else "of everyone"
        desk, scope = live.desk(), me.classroom or None
        with st.container(horizontal=True):
            label = "Pause new runs" if rules.open else "Allow new runs"
            st.button(label, on_click=live.attempt, args=[desk.set_rules, replace(rules, open=not rules.open)])
            st.button(f"Stop all runs {where}", on_click=live.attempt, args=[desk.stop_all, scope])
            with st.popover(f"Clear the runs {where}"):
                st.write("All that have ended are gone for good.")
                st.button("Clear them", on_click=live.attempt, args=[desk.clear, scope], type="primary")
            st.button("Leave", on_click=engine.staff_room.leave, args=[me.owner])
        with st.form("rules"):
            values, columns = {}, st.columns(3)
            for i, (name, label) in enumerate(LABELS.items()):
                value = getattr(rules, name)
                lowest = 0 if isinstance(value, int) else 0.0
                values[name] = columns[i % 3].number_input(label, lowest, value=value, key=f"rule {name}")
            if st.form_submit_button("Set these bounds"):
                live.attempt(desk.set_rules, Rules(**values, open=rules.open))


def enter() -> None:
    """Callback of the password's field, which is emptied."""
    password, st.session_state["password_typed"] = st.session_state["password_typed"], ""
    live.attempt(live.engine().staff_room.enter, visitor().owner, password)
