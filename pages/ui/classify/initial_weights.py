"""Controls for the weights from which training starts: a run's initial weights, or its trained ones."""

import streamlit as st

from core.runs import Run
from pages.ui import run_bar, run_panel


def initial_weights_controls(kind: str = "classify") -> None:
    """Show Rewind and the choice of initial weights. kind: the job type of the page's runs."""
    st.toggle(
        "Start from the shown run's weights",
        key=f"{kind}_continue",
        help="Train then starts from what the shown run has learned, not from new random weights. The layers must be "
        "the same.",
    )
    st.button(
        "Rewind the shown run",
        icon=":material/fast_rewind:",
        on_click=run_panel.try_action,
        args=[rewind, kind],
        help="Restart it from the same initial weights and settings, paused before the first step.",
    )


def continue_from(run: Run) -> str | None:
    """Return the id of the run whose weights Train starts from; None: new weights."""
    return run.id if st.session_state.get(f"{run.kind}_continue") else None


def rewind(kind: str) -> None:
    """Start the shown run of this kind again, paused before its first step, and stop it if allowed.

    Raises ValueError, and leaves the run as it is, if there is none or it cannot be started again.
    """
    run = run_panel.find_run(kind)
    if run is None:
        raise ValueError("There is no run to rewind yet. Press Train first.")
    access = run_panel.run_access()
    restarted = run_bar.submit(kind, run.config, run.parent)
    access.pause(restarted)
    if not run.status.is_terminal and access.can_edit(run):
        access.stop(run.id)
    run_panel.open_run(kind, restarted)
