"""Runs: all training runs, to compare, rank and export; and the teacher panel."""

import pandas as pd
import streamlit as st

from core.runs.reporting import export_row
from pages.ui import downloads, streamlit_internals
from pages.ui.runs.comparison import MAX_RUNS, show_comparison
from pages.ui.runs.details import show_details
from pages.ui.runs.leaderboard import show_leaderboards
from pages.ui.runs.table import filtered_runs, nickname_field, run_label, run_table
from pages.ui.runs.teacher import teacher_panel

streamlit_internals.ensure_run_from_app()
st.title("Runs")
nickname_field()
runs = filtered_runs()
if runs:
    selected = run_table(runs)
    st.caption(f"Runs: {len(runs):,}. Select rows to compare them; click a column heading to sort.")
    if len(selected) > MAX_RUNS:
        st.warning(f"Only the first {MAX_RUNS} selected runs are compared: more curves are hard to tell apart.")
    if len(selected) == 1:
        show_details(selected[0])
    if selected:
        show_comparison({run_label(run): run for run in selected[:MAX_RUNS]})
    downloads.download_button(
        "runs.csv",
        lambda: downloads.to_csv_bytes(pd.DataFrame(map(export_row, runs))),
        "text/csv",
        label="Download all as CSV",
    )
else:
    st.info("No runs found. Start one on **Memorize** or **Classify**, or change the filters.")
st.header("Leaderboard")
show_leaderboards(runs)
teacher_panel()
