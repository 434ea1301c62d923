"""The table of runs, with its filters and the visitor's nickname."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import streamlit as st

from core.runs import Run, Status, Store
from core.runs.reporting import export_row, table_row
from pages.ui import run_panel
from pages.ui.classroom.session import class_access
from pages.ui.visitor import visitor

COLUMNS = {
    "name": st.column_config.TextColumn(width="medium"),
    "epochs": st.column_config.NumberColumn(format="%d"),
    "network": st.column_config.TextColumn("layers", help="Units per hidden layer; for an LSTM, layers × hidden size"),
    "rate": st.column_config.NumberColumn("learning rate", format="%g"),
    "loss": st.column_config.NumberColumn("validation loss", format="%.4f", help="For a sentence: the training loss"),
    "accuracy": st.column_config.NumberColumn(
        "validation accuracy", format="percent", help="For a sentence: the fraction of correct characters in training"
    ),
    "test accuracy": st.column_config.NumberColumn(format="percent"),
    "parameters": st.column_config.NumberColumn(format="localized"),
    "seconds": st.column_config.NumberColumn(format="%.1f", help="Training time"),
    "started": st.column_config.DatetimeColumn(format="distance"),
    "id": None,
}
KINDS = {"memorize": "Memorize", "classify": "Classify", "plane": "Points"}
PAGE_SIZE = 100  # rows that are sent to the browser
EXPORT_PORTION = 1_000  # runs that the export reads at a time
STATUSES = [status.value for status in Status if status is not Status.DELETED]


def run_label(run: Run) -> str:
    """Return a short label for legends and headings: name, nickname and the start of the id."""
    return " · ".join(filter(None, [table_row(run)["name"][:16], run.nickname[:12], run.id[:4]]))


def nickname_field() -> None:
    """Show the field for the visitor's nickname, and whose runs the page lists."""
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    left.text_input(
        "Your nickname",
        visitor().nickname,
        key="nickname_typed",
        max_chars=24,
        on_change=save_nickname,
        help="Shown with your future runs. Only runs with a nickname enter the leaderboard.",
    )
    code = visitor().classroom
    right.caption(f"Class **{code}**: you see the runs of this class." if code else "No class code: you see all runs.")


def save_nickname() -> None:
    """Callback of the nickname's field."""

    def save() -> None:
        typed, access = st.session_state["nickname_typed"], class_access()
        if access.member():  # nicknames are unique in a class
            access.join(access.visitor.classroom, typed)
        else:
            run_panel.run_access().set_nickname(typed)
        del st.session_state["nickname"]  # the store returns it without surplus spaces

    run_panel.try_action(save)


def run_filters() -> dict[str, Any]:
    """Show the filters and return them as arguments of `Store.list_runs` and `Store.count_runs`."""
    kinds, statuses, search, own = st.columns([6, 4, 5, 3], vertical_alignment="bottom")
    kind = kinds.segmented_control("Kind", list(KINDS), format_func=KINDS.__getitem__, key="runs_kind")
    wanted = statuses.multiselect("Status", STATUSES, format_func=str.capitalize, key="runs_status")
    text = search.text_input("Search", key="runs_search", help="Searches names, nicknames, settings and notes.")
    mine = own.toggle("Only mine", key="runs_mine")
    return {
        "kind": kind,
        "classroom": visitor().classroom or None,
        "statuses": tuple(wanted),
        "owner": visitor().id if mine else None,
        "search": text,
    }


def page_of_runs(filters: dict[str, Any], total: int) -> tuple[list[Run], int]:
    """Let the visitor choose a page if there are several. Returns its runs, newest first, and its number.

    filters: as `run_filters` returns them. total: number of runs that match.
    """
    pages, page = -(-total // PAGE_SIZE), 1
    if pages > 1:
        page = min(st.pagination(pages, key=f"runs_page {sorted(filters.items())}"), pages)
    runs = run_panel.dispatcher().store.list_runs(PAGE_SIZE, offset=(page - 1) * PAGE_SIZE, **filters)
    return runs, page


def run_table(runs: list[Run], page: int) -> list[Run]:
    """Show the runs as a table and return the selected ones. page: a selection is valid on this page only."""
    event = st.dataframe(
        pd.DataFrame([{**table_row(run), "kind": KINDS.get(run.kind, run.kind)} for run in runs]),
        column_config=COLUMNS,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"runs_table {page}",
        placeholder="–",
    )
    return [runs[row] for row in event.selection.rows if row < len(runs)]


def export_rows(store: Store, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the export's row of every run that matches the filters. It does not call Streamlit."""
    offset = 0
    while runs := store.list_runs(EXPORT_PORTION, offset=offset, **filters):
        yield from map(export_row, runs)
        offset += len(runs)
