"""The comparison of this session's runs."""

import streamlit as st

from core.runs import Run
from pages.ui import run_panel
from pages.ui.runs.comparison import MAX_RUNS, show_comparison


def show(run: Run | None, kind: str = "classify") -> None:
    """Show which runs of a kind can be compared, and compare the chosen ones."""
    store = run_panel.dispatcher().store
    runs = {
        f"Run {number}": seen
        for number, run_id in enumerate(st.session_state.get(f"{kind}_runs", []), start=1)
        if (seen := store.run(run_id)) is not None
    }
    if not runs:
        st.info("Press **Train** to compare the runs of this session here.", icon=":material/compare_arrows:")
        return
    if (
        st.session_state.get("comparable") != list(runs) or "compared" not in st.session_state
    ):  # include a new run in the comparison
        st.session_state.update(comparable=list(runs), compared=list(runs)[-MAX_RUNS:])
    labels = st.multiselect(
        "Runs", list(runs), max_selections=MAX_RUNS, key="compared", help="By default, the latest runs."
    )
    if labels:
        show_comparison({label: runs[label] for label in labels})
