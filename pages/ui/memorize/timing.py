"""The time of an epoch, measured the same way for all cells and gradient backends."""

import streamlit as st

from core.memorize import MemorizeConfig
from core.memorize.training import seconds_per_epoch
from core.text import graphemes

MAX_TIMED_CHARACTERS = 100  # an epoch of the largest network over the longest sentence takes seconds


def timed_config(config: MemorizeConfig) -> MemorizeConfig:
    """Return the config with the part of its sentence that is timed; what has no effect on the time is the default."""
    excerpt = "".join(graphemes(config.sentence.strip())[:MAX_TIMED_CHARACTERS])
    return MemorizeConfig(
        excerpt, config.hidden_size, config.num_layers, epochs=5, cell=config.cell, backend=config.backend
    )


def milliseconds_per_epoch(config: MemorizeConfig) -> float:
    """Measure the milliseconds that an epoch over the config's first characters takes on this machine.

    The fastest of three, on one core, without generating text and without waiting. Measured once per config and hour.
    """
    return 1000 * _cached_seconds_per_epoch(timed_config(config))


@st.cache_data(show_spinner="Timing a few epochs …", ttl=3600, max_entries=1000)
def _cached_seconds_per_epoch(config: MemorizeConfig) -> float:
    return seconds_per_epoch(config)


def timed_part(config: MemorizeConfig) -> str:
    """Return which part of the sentence is timed, in words."""
    if timed_config(config).sentence == config.sentence.strip():
        return "the sentence"
    return f"the sentence's first {MAX_TIMED_CHARACTERS} characters"
