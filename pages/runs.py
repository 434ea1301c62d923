"""Runs: everything that was trained, to compare, to rank and to take home; and the teacher's corner."""

import pandas as pd
import streamlit as st

from core.classify import Epoch
from core.classify.datasets import DATASETS
from core.classify.presets import PRESETS
from core.memorize import MemorizeEpoch
from core.runs import Run, Status
from core.runs.reporting import differing_settings, export_row, leaderboards, table_row
from pages.ui import downloads, run_panel, streamlit_internals
from pages.ui.charts import downsample, learning_curves
from pages.ui.markdown import escape_markdown
from pages.ui.runs import teacher
from pages.ui.visitor import visitor

MAX_COMPARED = 6  # more curves cannot be told apart
COLUMNS = {
    "name": st.column_config.TextColumn(width="medium"),
    "epochs": st.column_config.NumberColumn(format="%d"),
    "loss": st.column_config.NumberColumn(format="%.4f", help="validation loss, or of a sentence the training loss"),
    "accuracy": st.column_config.NumberColumn(format="percent", help="validation, or characters of a sentence"),
    "test accuracy": st.column_config.NumberColumn(format="percent"),
    "parameters": st.column_config.NumberColumn(format="localized"),
    "seconds": st.column_config.NumberColumn(format="%.1f", help="of training"),
    "started": st.column_config.DatetimeColumn(format="distance"),
    "id": None,
}


def name_of(run: Run) -> str:
    """What a run is called in legends and headings."""
    row = table_row(run)
    return " · ".join(filter(None, [row["name"][:16], run.nickname[:12], run.id[:4]]))


def who() -> None:
    """The visitor's nickname."""
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    left.text_input(
        "Your nickname",
        visitor().nickname,
        key="nickname_typed",
        max_chars=24,
        on_change=save_nickname,
        help="It stands beside your runs, from the next one on. Only runs with a nickname come on the leaderboard.",
    )
    code = visitor().classroom
    right.caption(
        f"Class **{code}**: you see the runs of this class." if code else "No class code: you see everyone's runs."
    )


def save_nickname() -> None:
    def save() -> None:
        run_panel.run_access().set_nickname(st.session_state["nickname_typed"])
        del st.session_state["nickname"]

    run_panel.try_action(save)


def chosen_runs() -> list[Run]:
    """Filters, and the runs that pass them, newest first."""
    kinds, statuses, search, own = st.columns([2, 2, 3, 1], vertical_alignment="bottom")
    kind = kinds.segmented_control("JobType", ["memorize", "classify"], key="runs_kind")
    wanted = statuses.multiselect("Status", [status.value for status in Status], key="runs_status")
    text = search.text_input("Search", key="runs_search", help="In names, nicknames, sentences, data sets and notes.")
    mine = own.toggle("Mine", key="runs_mine")
    classroom = visitor().classroom or None
    runs = run_panel.dispatcher().store.list_runs(limit=None, kind=kind, classroom=classroom)
    return [
        run
        for run in runs
        if (not wanted or run.status in wanted)
        and (not mine or run.owner == visitor().id)
        and text.casefold() in " ".join([run.title, run.nickname, run.note, run.config_json, run.id]).casefold()
    ]


def table(runs: list[Run]) -> list[Run]:
    """The runs as a table; those that were ticked."""
    event = st.dataframe(
        pd.DataFrame([table_row(run) for run in runs]),
        column_config=COLUMNS,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key="runs_table",
        placeholder="–",
    )
    return [runs[i] for i in event.selection.rows if i < len(runs)]


def details(run: Run) -> None:
    """One run: where to see it; and to its owner, name, note and deletion."""
    st.subheader(escape_markdown(name_of(run)))
    st.page_link(f"pages/{run.kind}.py", label="Open", icon=":material/open_in_new:", query_params={"run": run.id})
    if not run_panel.run_access().can_edit(run):
        if run.note:
            st.text(run.note)
        return
    st.text_input("Name", run.title, key=f"title {run.id}", max_chars=80)
    st.text_area("Note", run.note, key=f"note {run.id}", max_chars=2_000)
    with st.container(horizontal=True):
        st.button("Save", on_click=run_panel.try_action, args=[describe, run.id], icon=":material/save:")
        with st.popover("Delete", icon=":material/delete:"):
            st.write("It is gone for good, with its curve and its weights.")
            st.button(
                "Delete this run",
                on_click=run_panel.try_action,
                args=[run_panel.run_access().delete, run.id],
                type="primary",
            )


def describe(run_id: str) -> None:
    """Keep what stands in the fields now, also what was typed since they were drawn."""
    run_panel.run_access().set_title(run_id, st.session_state[f"title {run_id}"])
    run_panel.run_access().set_note(run_id, st.session_state[f"note {run_id}"])


def compare(runs: list[Run]) -> None:
    """Curves on top of each other, and what was set differently."""
    curves = {name_of(run): curve(run) for run in runs}
    for column, y, title, percent in zip(
        st.columns(2), ("loss", "accuracy"), ("Loss (nats)", "Accuracy (share right)"), (False, True), strict=True
    ):
        some = {
            name: downsample(frame[["epoch", y]].rename(columns={"epoch": "x", y: "y"}))
            for name, frame in curves.items()
            if len(frame)
        }
        if some:
            column.altair_chart(learning_curves(some, "Epoch", title, percent=percent), width="stretch")
    different = differing_settings(runs)
    if different:
        shown = {name: ["–" if value is None else str(value) for value in values] for name, values in different.items()}
        st.markdown("**What was set differently**")
        st.dataframe(pd.DataFrame(shown, index=[name_of(run) for run in runs]).T)
    elif len(runs) > 1:
        st.caption("All settings are the same.")


def curve(run: Run) -> pd.DataFrame:
    """Columns epoch, loss and accuracy: on validation pictures, or of a sentence while it was learned."""
    epochs = [event for _, event in run_panel.dispatcher().store.events(run.id, only=("Epoch", "MemorizeEpoch"))]
    points = [
        (event.epoch + 1, event.loss, event.char_accuracy)
        if isinstance(event, MemorizeEpoch)
        else (event.epoch + 1, event.val_loss, event.val_accuracy)
        for event in epochs
        if isinstance(event, Epoch | MemorizeEpoch)
    ]
    return pd.DataFrame(points, columns=["epoch", "loss", "accuracy"])


def leaderboard(runs: list[Run]) -> None:
    """The best run of every nickname on the test pictures."""
    boards = leaderboards(runs)
    if not boards:
        st.info("Give yourself a nickname and finish a run on **Classify**: it will stand here.")
    for board, best in boards.items():
        title = DATASETS[board.dataset].title if board.dataset in DATASETS else board.dataset
        start = PRESETS[board.preset].title if board.preset in PRESETS else board.preset
        st.markdown(f"**{title}**, from {board.features}: {start.lower()}")
        rows = [{"place": place, **table_row(run)} for place, run in enumerate(best, start=1)]
        columns = ["place", "by", "test accuracy", "epochs", "parameters", "seconds", "name"]
        st.dataframe(pd.DataFrame(rows)[columns], column_config=COLUMNS, hide_index=True, placeholder="–")


streamlit_internals.ensure_run_from_app()
st.title("Runs")
who()
runs = chosen_runs()
if runs:
    ticked = table(runs)
    st.caption(f"Runs: {len(runs):,}. Tick some to compare them; click a heading to sort.")
    if len(ticked) > MAX_COMPARED:
        st.warning(f"The first {MAX_COMPARED} are compared: more curves cannot be told apart.")
    if len(ticked) == 1:
        details(ticked[0])
    if ticked:
        compare(ticked[:MAX_COMPARED])
    downloads.download_button(
        "runs.csv", lambda: downloads.to_csv_bytes(pd.DataFrame(map(export_row, runs))), "text/csv", label="All as CSV"
    )
else:
    st.info("Nothing here yet: start a run on **Memorize** or **Classify**, or loosen the filters.")
st.header("Leaderboard")
leaderboard(runs)
teacher.corner()
