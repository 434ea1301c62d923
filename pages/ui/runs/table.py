"""The table of runs, with its filters and the visitor's nickname."""

import pandas as pd
import streamlit as st

from core.runs import Run, Status
from core.runs.reporting import table_row
from pages.ui import run_panel
from pages.ui.visitor import visitor

COLUMNS = {
    "name": st.column_config.TextColumn(width="medium"),
    "epochs": st.column_config.NumberColumn(format="%d"),
    "loss": st.column_config.NumberColumn(format="%.4f", help="Validation loss; for a sentence, the training loss"),
    "accuracy": st.column_config.NumberColumn(
        format="percent", help="Validation accuracy; for a sentence, the fraction of correct characters"
    ),
    "test accuracy": st.column_config.NumberColumn(format="percent"),
    "parameters": st.column_config.NumberColumn(format="localized"),
    "seconds": st.column_config.NumberColumn(format="%.1f", help="Training time"),
    "started": st.column_config.DatetimeColumn(format="distance"),
    "id": None,
}


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
        run_panel.run_access().set_nickname(st.session_state["nickname_typed"])
        del st.session_state["nickname"]  # the store returns it without surplus spaces

    run_panel.try_action(save)


def filtered_runs() -> list[Run]:
    """Show the filters and return the runs that match them, newest first."""
    kinds, statuses, search, own = st.columns([2, 2, 3, 1], vertical_alignment="bottom")
    kind = kinds.segmented_control("Kind", ["memorize", "classify"], format_func=str.capitalize, key="runs_kind")
    wanted = statuses.multiselect(
        "Status", [status.value for status in Status], format_func=str.capitalize, key="runs_status"
    )
    text = search.text_input("Search", key="runs_search", help="Searches names, nicknames, settings and notes.")
    mine = own.toggle("Only mine", key="runs_mine")
    classroom = visitor().classroom or None
    runs = run_panel.dispatcher().store.list_runs(limit=None, kind=kind, classroom=classroom)
    return [
        run
        for run in runs
        if (not wanted or run.status in wanted)
        and (not mine or run.owner == visitor().id)
        and text.casefold() in " ".join([run.title, run.nickname, run.note, run.config_json, run.id]).casefold()
    ]


def run_table(runs: list[Run]) -> list[Run]:
    """Show the runs as a table and return the selected ones."""
    event = st.dataframe(
        pd.DataFrame([table_row(run) for run in runs]),
        column_config=COLUMNS,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key="runs_table",
        placeholder="–",
    )
    return [runs[row] for row in event.selection.rows if row < len(runs)]
