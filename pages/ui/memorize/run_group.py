"""Groups of runs, one per config, that are started, shown and stopped together."""

from collections.abc import Sequence

import streamlit as st

from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs import Run, Status
from pages.ui import run_panel
from pages.ui.visitor import visitor


def find_runs(configs: Sequence[MemorizeConfig]) -> list[Run | None]:
    """Find one run for each config, None where there is none yet, and record a view of those that are active."""
    runs = run_panel.dispatcher().store.find_matching(configs, visitor().id)
    for run in runs:
        if run and run.status in (Status.RUNNING, Status.PAUSED):
            run_panel.report_view(run)
    return runs


def any_active(runs: Sequence[Run | None]) -> bool:
    """Return whether any of the runs has not ended."""
    return any(run is not None and not run.status.is_terminal for run in runs)


def group_buttons(
    name: str, icon: str, missing: Sequence[MemorizeConfig], runs: Sequence[Run | None], done: str, refused: str = ""
) -> None:
    """Show buttons that train and stop the group, and say why one of them cannot be pressed.

    name: what is trained, such as "the grid". missing: configs without a run. done: that all have been trained.
    refused: why they must not be trained; "" if they may.
    """
    active = any_active(runs)
    if active:
        why = "They are being trained. Stop them to train with other settings."
    else:
        why = refused or ("" if missing else f"{done} Change a setting to train again.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Train {name}",
            icon=icon,
            type="primary",
            disabled=bool(why),
            help=why or None,
            on_click=submit,
            args=[missing],
        )
        st.button(
            f"Stop {name}",
            icon=":material/stop:",
            disabled=not active,
            help=None if active else "Nothing is being trained here.",
            on_click=stop,
            args=[runs],
        )
        if why and not refused:
            st.caption(why)


def submit(configs: Sequence[MemorizeConfig]) -> None:
    """Queue a run for each config, as many as the teacher's limits allow (callback)."""

    def submit_all() -> None:
        for config in configs:
            run_panel.run_access().submit(config)

    run_panel.try_action(submit_all)


def stop(runs: Sequence[Run | None]) -> None:
    """Stop the runs that are active (callback)."""
    for run in runs:
        if run and not run.status.is_terminal:
            run_panel.try_action(run_panel.run_access().stop, run.id)


def load_epochs(run: Run) -> list[MemorizeEpoch]:
    """Return the run's epochs so far; those of a run that has ended are cached."""
    return _load_finished_epochs(run.id) if run.status.is_terminal else _read_epochs(run.id)


def _read_epochs(run_id: str) -> list[MemorizeEpoch]:
    return [event for _, event in run_panel.dispatcher().store.events(run_id, only=[MemorizeEpoch.__name__])]


@st.cache_data(show_spinner=False, max_entries=500)
def _load_finished_epochs(run_id: str) -> list[MemorizeEpoch]:
    return _read_epochs(run_id)
