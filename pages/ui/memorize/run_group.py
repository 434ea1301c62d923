"""Several runs together: those of given configs, started, watched and stopped as one."""

from collections.abc import Sequence

import streamlit as st

from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs import Run, Status
from pages.ui import run_panel
from pages.ui.visitor import visitor


def runs_of(configs: Sequence[MemorizeConfig]) -> list[Run | None]:
    """Of each config a run that shows what it does; None where there is none yet. Those that go on are watched."""
    runs = run_panel.dispatcher().store.find_matching(configs, visitor().id)
    for run in runs:
        if run and run.status in (Status.RUNNING, Status.PAUSED):
            run_panel.report_view(run)
    return runs


def going(runs: Sequence[Run | None]) -> bool:
    """Whether any of them has not ended."""
    return any(run is not None and not run.status.is_terminal for run in runs)


def submit(configs: Sequence[MemorizeConfig]) -> None:
    """Callback: have these trained, as many as the teacher's rules allow now."""

    def submit_all() -> None:
        for config in configs:
            run_panel.run_access().submit(config)

    run_panel.try_action(submit_all)


def stop(runs: Sequence[Run | None]) -> None:
    """Callback: stop those that go on."""
    for run in runs:
        if going([run]):
            run_panel.try_action(run_panel.run_access().stop, run.id)


def epochs_of(run: Run) -> list[MemorizeEpoch]:
    """The run's epochs so far; of one that has ended they are read once."""
    return _ended(run.id) if run.status.is_terminal else _read(run.id)


def _read(run_id: str) -> list[MemorizeEpoch]:
    return [event for _, event in run_panel.dispatcher().store.events(run_id, only=[MemorizeEpoch.__name__])]


@st.cache_data(show_spinner=False, max_entries=500)
def _ended(run_id: str) -> list[MemorizeEpoch]:
    return _read(run_id)
