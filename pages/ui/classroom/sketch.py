"""An empty chart on which a curve is sketched with mouse, pen or finger."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import streamlit as st

from core.classroom import CURVE_POINTS, Axes
from pages.ui.browser_component import load_component

component = load_component("sketch")


def show(axes: Axes, key: str, label: str, on_curve: Callable[[Any], None], curve: Any = None) -> None:
    """Show the chart, and below it a button that hands in the curve.

    Args:
        axes: titles and ends of the axes.
        key: of the component.
        label: of the button.
        on_curve: is called with the curve's heights; see core.classroom.Question.
        curve: heights to begin with.
    """

    def handed_in() -> None:
        on_curve(st.session_state[key].get("curve"))

    component(
        data={**asdict(axes), "points": CURVE_POINTS, "label": label, "curve": curve},
        key=key,
        on_curve_change=handed_in,
        height="content",
    )
