"""The choice between gradients that PyTorch finds and gradients by hand, and what each costs."""

from dataclasses import replace

import streamlit as st

from core.memorize import MemorizeConfig
from core.memorize.lstm import BACKENDS
from core.memorize.training import seconds_per_epoch

NAMES = {"bptt": "by hand, compiled", "torch": "by PyTorch, step by step"}


def choice() -> str:
    """The backend that is chosen."""
    return st.radio(
        "Gradients",
        list(NAMES),
        format_func=NAMES.get,
        key="backend",
        bind="query-params",
        horizontal=True,
        help="Both learn the same. **By PyTorch**: its autograd follows every operation that is written in MyLSTMCell. "
        "**By hand**: backpropagation through time, derived on paper and compiled (core/bptt.py).",
    )


def times(config: MemorizeConfig) -> None:
    """A button that measures an epoch of these settings with each."""
    if st.button("Time both", type="tertiary", icon=":material/timer:", help="One epoch of these settings, each way."):
        with st.spinner("Timing both …"):
            seconds = {backend: seconds_per_epoch(replace(config, backend=backend)) for backend in BACKENDS}
        by_pytorch, by_hand = (f"**{seconds[backend] * 1e3:.3g} ms**" for backend in ("torch", "bptt"))
        st.caption(
            f"One epoch of these settings takes {by_pytorch} {NAMES['torch']}, and {by_hand} {NAMES['bptt']}: "
            f"{seconds['torch'] / seconds['bptt']:.1f} times faster."
        )
