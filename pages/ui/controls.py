"""The controls that several pages share."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import streamlit as st

from pages.ui import run_panel

Number = TypeVar("Number", int, float)

LEARNING_RATES = [round(digit * 10.0**exponent, 6) for exponent in range(-4, 0) for digit in (1, 2, 3, 5, 7)]
LEARNING_RATES += [1.0, 2.0, 3.0, 5.0, 10.0]


def select_slider(label: str, options: Sequence[Number], default: Number, *, key: str, **widget: Any) -> Number:
    """Show a slider over some numbers. Another number that a page sets, or that is in its address, becomes an option.

    So the settings of a run from the terminal are shown as they are; st.select_slider would show the default instead.
    options: in ascending order; a 0 at the end stands for all. An address can only add a number between them.
    """
    added: list[Number] = st.session_state.setdefault(f"{key} added", [])  # kept, as other options reset a slider
    numbers = [st.session_state.get(key, default), *added]
    with suppress(KeyError, ValueError):
        requested = type(default)(st.query_params[key])
        if min(options) <= requested <= max(options):
            numbers.append(requested)
    offered = list(options)
    for number in numbers:
        if number not in offered:
            larger = (i for i, option in enumerate(offered) if option > number or (i and not option))
            offered.insert(next(larger, len(offered)), number)
    added[:] = [number for number in offered if number not in options]
    return st.select_slider(label, offered, default, key=key, **widget)


def learning_rate(kind: str, default: float) -> float:
    """Show a logarithmic slider, which also changes the learning rate of the page's active run."""
    return select_slider(
        "Learning rate",
        LEARNING_RATES,
        default,
        format_func=lambda lr: f"{lr:g}",
        key=f"{kind}_lr",
        bind="query-params",
        on_change=run_panel.steer,
        args=[kind, "lr", f"{kind}_lr"],
        help="The size of each step along the negative gradient. You can change it during training; "
        "the chart marks every change.",
    )


def seed(kind: str) -> int:
    """Show the field for the seed of the run's random numbers."""
    return st.number_input(
        "Seed",
        min_value=0,
        max_value=2**31 - 1,
        value=0,
        key=f"{kind}_seed",
        bind="query-params",
        help="The same seed gives the same initial weights, and therefore the same curve.",
    )


def limit_note(key: str, limit: int, maximum: int) -> None:
    """Show the teacher's limit below the control with this key, if it is lower than the control's own maximum."""
    if limit < maximum:
        st.container(key=f"note_{key}").caption(f":material/lock: At most {limit:,} in this class.")


def read_query_param(name: str, known: Collection[str]) -> None:
    """Start with the value in the address. Streamlit's own binding would use the label, which may change."""
    if name not in st.session_state and st.query_params.get(name) in known:
        st.session_state[name] = st.query_params[name]


def write_query_param(name: str, default: str) -> None:
    """Put the value into the address, unless it is the default."""
    if st.session_state[name] == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != st.session_state[name]:
        st.query_params[name] = st.session_state[name]
