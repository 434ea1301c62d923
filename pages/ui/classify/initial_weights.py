"""Controls for the weights from which training starts: a run's initial weights, or its trained ones."""

import streamlit as st

from core.runs import Run
from pages.ui import run_panel


def initial_weights_controls(run: Run | None) -> str | None:
    """Show Rewind and the choice of initial weights. Return the id of the run to start from; None: new weights."""
    if run is None:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Rewind",
            icon=":material/fast_rewind:",
            on_click=run_panel.try_action,
            args=[rewind, run],
            help="Restart from the same initial weights and settings, paused before the first step.",
        )
        continues = st.toggle(
            "Start from this run's weights",
            key="classify_continue",
            help="Train then starts from what this run has learned, not from new random weights. The layers must be "
            "the same.",
        )
    return run.id if continues else None


def rewind(run: Run) -> None:
    """Start the same run again, paused before its first step; stop the old one if allowed. Raises ValueError."""
    access = run_panel.run_access()
    if not run.status.is_terminal and access.can_edit(run):
        access.stop(run.id)
    restarted = access.submit(run.config, run.parent)
    access.pause(restarted)
    run_panel.open_run("classify", restarted)
