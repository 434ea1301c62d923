"""The choice between gradients computed by PyTorch and gradients derived by hand, and their timings."""

from dataclasses import replace

import streamlit as st

from core.memorize import MemorizeConfig
from core.memorize.lstm import BACKENDS
from pages.ui.memorize.timing import milliseconds_per_epoch, timed_part

NAMES = {"bptt": "by hand, compiled", "torch": "by PyTorch, step by step"}


def backend_selector() -> str:
    """Show the selector and return the chosen backend."""
    return st.radio(
        "Gradients",
        list(NAMES),
        format_func=lambda backend: NAMES[backend],
        key="backend",
        bind="query-params",
        horizontal=True,
        help="Both give the same gradients. **By hand**: backpropagation through time, derived on paper and compiled "
        "(`core/memorize/bptt.py`). **By PyTorch**: its autograd records every operation in MyLSTMCell.",
    )


def timing_button(config: MemorizeConfig) -> None:
    """Show a button that times one epoch with each backend."""
    if st.button("Time both", type="tertiary", icon=":material/timer:", help="Time one epoch with these settings."):
        times = {backend: milliseconds_per_epoch(replace(config, backend=backend)) for backend in BACKENDS}
        by_pytorch, by_hand = (f"**{times[backend]:.3g} ms**" for backend in ("torch", "bptt"))
        st.caption(
            f"One epoch over {timed_part(config)} takes {by_pytorch} by PyTorch and {by_hand} by hand: "
            f"{times['torch'] / times['bptt']:.1f} times faster."
        )
