"""Heat maps with the characters of the sentence on the x axis."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.charts import BLUE, VERMILLION, apply_theme

INPUT_TITLE = "Input character"
MAX_VISIBLE = 70  # characters side by side; more could not all be labelled


def visible_range(steps: int, key: str) -> range:
    """Return the steps to show: all, or if there are too many, a window that a slider moves."""
    if steps <= MAX_VISIBLE:
        return range(steps)
    label = f"First character to show ({MAX_VISIBLE} of {steps:,} are visible)"
    first = st.slider(label, 0, steps - MAX_VISIBLE, 0, key=f"{key}_window")
    return range(first, first + MAX_VISIBLE)


def character_axis(labels: list[str], title: str) -> alt.X:
    """Return an x axis for the column `step` (see `step_labels`) that shows the characters."""
    size = 17 if len(labels) <= 50 else 13
    axis = alt.Axis(
        labelExpr="substring(datum.value, 5)",
        labelAngle=0,
        labelFontSize=size,
        labelFont="Source Code Pro, monospace",
        labelOverlap="parity",
        ticks=False,
    )
    return alt.X("step:O", sort=None, title=title, axis=axis)


def step_labels(labels: list[str], first: int = 0) -> list[str]:
    """Return values for `character_axis`: each step's number, then its character."""
    return [f"{number:04d} {label}" for number, label in enumerate(labels, start=first)]


def color_scale(low: float, high: float, title: str) -> alt.Color:
    """Return the colours: orange, white at 0 and blue if `low` is negative, otherwise white to dark blue."""
    if low < 0:
        scale = alt.Scale(domain=[low, 0, high], range=[VERMILLION, "#ffffff", BLUE], clamp=True, interpolate="rgb")
    else:
        scale = alt.Scale(domain=[low, high], range=["#f4f8fb", "#08325a"], clamp=True, interpolate="lab")
    return alt.Color("value:Q", title=title, scale=scale).legend(
        alt.Legend(orient="top", gradientLength=220, titleFontSize=16, titleLimit=400, format=".2~r")
    )


def heat_map(
    values: np.ndarray,
    columns: list[str],
    rows: list[str],
    *,
    x_title: str,
    y_title: str,
    value_title: str,
    low: float,
    high: float,
    first: int = 0,
    height: int = 420,
    row_labels: bool = False,
) -> alt.Chart:
    """Draw values (rows, columns) as colours; NaN is left empty. Clicking a row selects it.

    columns: characters; the first one is at step `first`. rows: names, from top to bottom, on the axis if `row_labels`.
    low, high: ends of the colour scale. The selection is named `row` and has the field `row`.
    """
    steps = step_labels(columns, first)
    frame = pd.DataFrame(
        {  # categories are sent to the browser once, then one number per cell
            "step": pd.Categorical.from_codes(np.tile(np.arange(len(steps)), len(rows)), steps),
            "row": pd.Categorical.from_codes(np.repeat(np.arange(len(rows)), len(steps)), rows),
            "position": np.repeat(np.arange(len(rows), dtype=np.int16), len(steps)),
            "value": values.astype(np.float32).ravel(),
        }
    ).dropna()
    selected = alt.selection_point(name="row", fields=["row"], on="click", clear=False)
    axis = alt.Axis(labels=row_labels, ticks=False, labelFont="Source Code Pro, monospace", labelOverlap="parity")
    chart = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=character_axis(columns, x_title),
            y=alt.Y("row:O", sort=alt.EncodingSortField("position", "min"), title=y_title, axis=axis),
            color=color_scale(low, high, value_title),
            tooltip=[
                alt.Tooltip("step:N", title=x_title),
                alt.Tooltip("row:N", title=y_title),
                alt.Tooltip("value:Q", title=value_title, format=".4g"),
            ],
        )
        .add_params(selected)
        .properties(height=height)
    )
    return apply_theme(chart)
