"""What several runs have yielded so far."""

import streamlit as st

from core.memorize import MemorizeEpoch
from core.runs import Run
from pages.ui import live


def epochs_of(run: Run) -> list[MemorizeEpoch]:
    """The run's epochs so far; of one that has ended they are read once."""
    return _ended(run.id) if run.status.ended else _read(run.id)


def _read(run_id: str) -> list[MemorizeEpoch]:
    events = (event for _, event in live.engine().store.events(run_id))
    return [event for event in events if isinstance(event, MemorizeEpoch)]


@st.cache_data(show_spinner=False, max_entries=500)
def _ended(run_id: str) -> list[MemorizeEpoch]:
    return _read(run_id)


def submit(configs: list, key: str) -> None:
    """Have these trained when no other run waits; `stop` finds them by the same key."""
    engine = live.engine()
    st.session_state[key] = [engine.submit(config, background=True) for config in configs]


def stop(key: str) -> None:
    """Stop what this session has submitted under this key."""
    for run_id in st.session_state.get(key, []):
        live.engine().stop(run_id)
