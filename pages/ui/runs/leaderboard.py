"""Leaderboards: the best run of every nickname, by validation accuracy."""

import pandas as pd
import streamlit as st

from core.classify.datasets import DATASETS
from core.runs.reporting import leaderboard_rows
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown
from pages.ui.runs.table import COLUMNS
from pages.ui.visitor import visitor

SHOWN_COLUMNS = [
    *("place", "by", "accuracy", "test accuracy", "network", "rate", "preset", "input"),
    *("epochs", "parameters", "seconds", "name"),
]


def show_leaderboards() -> None:
    """Show one table per dataset for the visitor's class, or for all classes if the visitor is in none."""
    boards = run_panel.dispatcher().store.leaderboards(visitor().classroom or None)
    if not boards:
        st.info("Choose a nickname and finish a run on **Classify** to enter the leaderboard.")
        return
    st.caption(
        "The places are by validation accuracy. Test accuracy stands beside it: it is measured once, at the end, and "
        "would no longer be fair if it chose the best run."
    )
    for dataset, runs in boards.items():
        title = DATASETS[dataset].title if dataset in DATASETS else dataset
        st.markdown(f"**{escape_markdown(title)}**")
        rows = pd.DataFrame(leaderboard_rows(runs))[SHOWN_COLUMNS]
        st.dataframe(rows, column_config=COLUMNS, hide_index=True, placeholder="–")
