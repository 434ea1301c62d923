"""Beginning again: from the same first weights, or from those that a run has learned."""

import streamlit as st

from core.runs import Run
from pages.ui import run_panel


def first_weights(run: Run | None) -> str | None:
    """Rewind, and the choice whose weights Train begins with: the id of that run, or None for new ones."""
    if run is None:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Rewind",
            icon=":material/fast_rewind:",
            on_click=run_panel.try_action,
            args=[rewind, run],
            help="Back to the same first weights, with the settings that this run began with, and paused there.",
        )
        going_on = st.toggle(
            "Train begins with its weights",
            key="classify_go_on",
            help="Train then goes on from what this run has learned, not from new random weights. The layers must "
            "be the same.",
        )
    return run.id if going_on else None


def rewind(run: Run) -> None:
    """End the run where it is one's own, and hold the same one again at its beginning. Raises ValueError."""
    desk = run_panel.run_access()
    if not run.status.is_terminal and desk.can_edit(run):
        desk.stop(run.id)
    again = desk.submit(run.config, run.parent)
    desk.pause(again)
    run_panel.open_run("classify", again)
