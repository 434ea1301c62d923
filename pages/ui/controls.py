"""The controls that several pages share."""

import streamlit as st

from pages.ui import run_panel

LEARNING_RATES = [round(mantissa * 10.0**exponent, 6) for exponent in range(-4, 0) for mantissa in (1, 2, 3, 5, 7)] + [
    1.0,
    2.0,
    5.0,
    10.0,
]


def learning_rate(kind: str, default: float) -> float:
    """A logarithmic slider that steers the page's run while it goes on."""
    return st.select_slider(
        "Learning rate",
        LEARNING_RATES,
        default,
        format_func=lambda lr: f"{lr:g}",
        key=f"{kind}_lr",
        bind="query-params",
        on_change=run_panel.steer,
        args=[kind, "lr", f"{kind}_lr"],
        help="How far each step goes against the gradient. Move it while the network learns: the chart marks it.",
    )


def seed(kind: str) -> int:
    """The number that fixes the run's randomness."""
    return st.number_input(
        "Seed",
        min_value=0,
        max_value=2**31 - 1,
        value=0,
        key=f"{kind}_seed",
        bind="query-params",
        help="The same seed gives the same first weights, and so the same curve.",
    )
