"""Heat maps over the sentence: characters along the axis, hovering gives the value."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.charts import BLUE, VERMILLION, apply_theme

SHOWN_CHARACTERS = 70  # side by side; with more, not every one could be named


def window(steps: int, key: str) -> range:
    """Which steps to show: all, or where there are too many, those from where the slider stands."""
    if steps <= SHOWN_CHARACTERS:
        return range(steps)
    first = st.slider(
        f"Shown: {SHOWN_CHARACTERS} of {steps:,} characters, from", 0, steps - SHOWN_CHARACTERS, 0, key=f"{key}_window"
    )
    return range(first, first + SHOWN_CHARACTERS)


def character_axis(labels: list[str], title: str) -> alt.X:
    """An axis of the frame's column `step` (see `step_names`) that shows the characters."""
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


def step_names(labels: list[str], first: int = 0) -> list[str]:
    """Values for `character_axis`: each step's number, then its character."""
    return [f"{number:04d} {label}" for number, label in enumerate(labels, start=first)]


def colours(low: float, high: float, title: str) -> alt.Color:
    """Two hues that meet in white at 0 for values of both signs; from white to dark blue for those of one."""
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
    """values (rows, columns) as colours. A click on a row selects it: the selection `row` has the field `row`.

    columns: characters, the first of them at step `first`. rows: names, from the top down; they are on the axis where
    row_labels. low, high: the ends of the colour scale. NaN is left empty.
    """
    steps = step_names(columns, first)
    frame = pd.DataFrame(
        {  # categories travel to the browser once, and then a number a cell
            "step": pd.Categorical.from_codes(np.tile(np.arange(len(steps)), len(rows)), steps),
            "row": pd.Categorical.from_codes(np.repeat(np.arange(len(rows)), len(steps)), rows),
            "place": np.repeat(np.arange(len(rows), dtype=np.int16), len(steps)),
            "value": values.astype(np.float32).ravel(),
        }
    ).dropna()
    chosen = alt.selection_point(name="row", fields=["row"], on="click", clear=False)
    axis = alt.Axis(labels=row_labels, ticks=False, labelFont="Source Code Pro, monospace", labelOverlap="parity")
    chart = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=character_axis(columns, x_title),
            y=alt.Y("row:O", sort=alt.EncodingSortField("place", "min"), title=y_title, axis=axis),
            color=colours(low, high, value_title),
            tooltip=[
                alt.Tooltip("step:N", title=x_title),
                alt.Tooltip("row:N", title=y_title),
                alt.Tooltip("value:Q", title=value_title, format=".4g"),
            ],
        )
        .add_params(chosen)
        .properties(height=height)
    )
    return apply_theme(chart)
