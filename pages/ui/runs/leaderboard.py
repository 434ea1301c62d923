"""Leaderboards: the best test accuracy of every nickname."""

import pandas as pd
import streamlit as st

from core.classify.datasets import DATASETS
from core.classify.presets import PRESETS
from core.runs import Run
from core.runs.reporting import leaderboards, table_row
from pages.ui.runs.table import COLUMNS

INPUT_LABELS = {"pixels": "raw pixels", "patches": "patch features"}
SHOWN_COLUMNS = ["place", "by", "test accuracy", "epochs", "parameters", "seconds", "name"]


def show_leaderboards(runs: list[Run]) -> None:
    """Show one table for each dataset, input and preset: results are only comparable within these."""
    boards = leaderboards(runs)
    if not boards:
        st.info("Choose a nickname and finish a run on **Classify** to enter the leaderboard.")
    for key, best in boards.items():
        dataset = DATASETS[key.dataset].title if key.dataset in DATASETS else key.dataset
        preset = PRESETS[key.preset].title if key.preset in PRESETS else key.preset
        st.markdown(f"**{dataset}** · {INPUT_LABELS[key.features]} · {preset}")
        rows = [{"place": place, **table_row(run)} for place, run in enumerate(best, start=1)]
        st.dataframe(pd.DataFrame(rows)[SHOWN_COLUMNS], column_config=COLUMNS, hide_index=True, placeholder="–")
