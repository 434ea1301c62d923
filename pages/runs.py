"""Runs: all training runs, to compare, rank and export; and the teacher panel."""

import pandas as pd
import streamlit as st

import pages.ui.streamlit_internals
from pages.ui import downloads, run_panel
from pages.ui.classroom.session import settings
from pages.ui.runs.comparison import MAX_RUNS, show_comparison
from pages.ui.runs.details import show_details
from pages.ui.runs.leaderboard import show_leaderboards
from pages.ui.runs.table import export_rows, nickname_field, page_of_runs, run_filters, run_label, run_table
from pages.ui.runs.teacher import teacher_panel

pages.ui.streamlit_internals.ensure_run_from_app()
st.title("Runs")
nickname_field()
filters = run_filters()
store = run_panel.dispatcher().store
total = store.count_runs(**filters)
if total:
    runs, page = page_of_runs(filters, total)
    selected = run_table(runs, page)
    st.caption(f"Runs: {total:,}. Select rows to compare them; click a column heading to sort the rows shown.")
    if len(selected) > MAX_RUNS:
        st.warning(f"Only the first {MAX_RUNS} selected runs are compared: more curves are hard to tell apart.")
    if len(selected) == 1:
        show_details(selected[0])
    if selected:
        show_comparison({run_label(run): run for run in selected[:MAX_RUNS]})
    downloads.download_button(
        "runs.csv",
        lambda: downloads.to_csv_bytes(pd.DataFrame(export_rows(store, filters))),
        "text/csv",
        label="Download all as CSV",
    )
else:
    st.info("No runs found. Start one on **Memorize**, **Classify** or **Points**, or change the filters.")
if settings().leaderboard:
    st.header("Leaderboard")
    show_leaderboards()
teacher_panel()
