"""Heat maps with the characters of the sentence on the x axis."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.charts import BLUE, VERMILLION, apply_theme

INPUT_TITLE = "Input character"
MIN_VISIBLE, MAX_VISIBLE = 20, 70  # characters side by side; more could not all be labelled
ROOM = "max(10, floor(width / 11))"  # Vega: how many characters fit, each legible
FRAME = "#15202b"  # of the selected row; every colour of a heat map is lighter


def visible_range(steps: int, key: str) -> range:
    """Return the steps to show: a window of at most MAX_VISIBLE, moved by a slider if there are more than a few.

    A narrow screen shows only the first of them, see `split_steps`, so the slider is needed for short texts as well.
    """
    if steps <= MIN_VISIBLE:
        return range(steps)
    first = st.slider("First character to show", 0, steps - MIN_VISIBLE, 0, key=f"{key}_window")
    return range(first, min(first + MAX_VISIBLE, steps))


def character_axis(labels: list[str], title: str) -> alt.X:
    """Return an x axis for the column `step` (see `step_labels`) that shows all characters."""
    column = f"width / min({max(len(labels), 1)}, {ROOM})"
    axis = alt.Axis(
        labelExpr="substring(datum.value, 5)",
        labelAngle=0,
        labelFontSize={"expr": f"min(17, 1.25 * {column})"},
        labelFont="Source Code Pro, monospace",
        labelOverlap=False,
        ticks=False,
    )
    return alt.X("step:O", sort=None, title=title, axis=axis)


def split_steps(chart: alt.Chart, first: int) -> alt.Chart:
    """Split the column `step` into `number` and `character`, and leave out what the chart is too narrow for.

    This happens in the browser, which knows how wide the chart is. first: number of the first step.
    """
    return chart.transform_calculate(
        number="toNumber(substring(datum.step, 0, 4))", character="substring(datum.step, 5)"
    ).transform_filter(f"datum.number < {first} + {ROOM}")


def step_labels(labels: list[str], first: int = 0) -> list[str]:
    """Return values for `character_axis`: each step's number, then its character."""
    return [f"{number:04d} {label}" for number, label in enumerate(labels, start=first)]


def step_tooltips(title: str) -> list[alt.Tooltip]:
    """Return tooltips for charts that `split_steps` has prepared: the character and its position."""
    return [alt.Tooltip("character:N", title=title), alt.Tooltip("number:Q", title="Position", format=",d")]


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
    selected: str | None = None,
) -> alt.Chart:
    """Draw values (rows, columns) as colours; NaN is left empty. Clicking a row selects it.

    columns: characters; the first one is at step `first`. rows: names, from top to bottom, on the axis if `row_labels`.
    low, high: ends of the colour scale. selected: the name of a row to frame.
    The selection is named `row` and has the field `row`.
    """
    steps = step_labels(columns, first)
    names = np.repeat(np.arange(len(rows)), len(steps))
    frame = pd.DataFrame(
        {  # categories are sent to the browser once, then one number per cell
            "step": pd.Categorical.from_codes(np.tile(np.arange(len(steps)), len(rows)), steps),
            "row": pd.Categorical.from_codes(names, rows),
            "position": names.astype(np.int16),
            "value": values.astype(np.float32).ravel(),
            "framed": np.array([row == selected for row in rows])[names],
        }
    ).dropna()
    frame = frame.sort_values("framed", kind="stable")  # what is drawn last is not covered by its neighbours
    selection = alt.selection_point(name="row", fields=["row"], on="click", clear=False)
    axis = alt.Axis(labels=row_labels, ticks=False, labelFont="Source Code Pro, monospace", labelOverlap="parity")
    chart = (
        split_steps(alt.Chart(frame), first)
        .mark_rect(strokeWidth=1.5, cursor="pointer")
        .encode(
            x=character_axis(columns, x_title),
            y=alt.Y("row:O", sort=alt.EncodingSortField("position", "min"), title=y_title, axis=axis),
            color=color_scale(low, high, value_title),
            stroke=alt.condition("datum.framed", alt.value(FRAME), alt.value(None)),
            tooltip=[
                *step_tooltips(x_title),
                alt.Tooltip("row:N", title=y_title),
                alt.Tooltip("value:Q", title=value_title, format=".4g"),
            ],
        )
        .add_params(selection)
        .properties(height=height)
    )
    return apply_theme(chart)
