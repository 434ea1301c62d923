"""Charts that several pages share: large type, titled axes, and a palette for colour-blind readers."""

from collections.abc import Sequence
from typing import Any, TypeVar

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.training import Change
from pages.ui.formatting import format_setting, setting_label

BLUE, VERMILLION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#5b6770"
PALETTE = [BLUE, VERMILLION, GREEN, "#cc79a7", "#e69f00", "#56b4e9"]  # Okabe & Ito's, without the pale yellow
TEXT_COLOR = "#15202b"
MAX_POINTS = 300  # a projector cannot resolve more, and they would slow the page down
LONG_LABEL = 16  # characters; a phone has no room for two longer ones side by side
CHART_CONFIG = alt.Config(
    axis=alt.AxisConfig(labelFontSize=15, titleFontSize=16, titleColor=TEXT_COLOR, labelColor=TEXT_COLOR),
    legend=alt.LegendConfig(labelFontSize=16, symbolStrokeWidth=4, symbolSize=300, labelColor=TEXT_COLOR),
    range=alt.RangeConfig(category=PALETTE),
    view=alt.ViewConfig(strokeOpacity=0),
)
ChartT = TypeVar("ChartT", bound=alt.Chart | alt.LayerChart | alt.FacetChart)


def apply_theme(chart: ChartT) -> ChartT:
    """Set the shared type sizes and palette on the chart, and return it."""
    chart.config = CHART_CONFIG
    return chart


def downsample(frame: pd.DataFrame, points: int = MAX_POINTS) -> pd.DataFrame:
    """Reduce the frame to at most `points` rows, each the mean of neighbouring rows. All columns are numeric."""
    neighbours = -(-len(frame) // points)
    return frame.groupby(np.arange(len(frame)) // neighbours).mean() if neighbours > 1 else frame


def change_markers(changes: Sequence[Change]) -> pd.DataFrame:
    """Return where settings were changed during training: columns x and label (the new value)."""
    labels = [f"{setting_label(change.name)} {format_setting(change.value)}" for change in changes]
    return pd.DataFrame({"x": [change.at for change in changes], "label": labels})


def learning_curves(
    curves: dict[str, pd.DataFrame],
    x_title: str,
    y_title: str,
    *,
    log: bool = False,
    percent: bool = False,
    zero: bool = True,
    marks: pd.DataFrame | None = None,
    height: int = 340,
) -> alt.LayerChart:
    """Draw curves over the course of training, each with its own colour and dash.

    Args:
        curves: name -> frame with columns x and y.
        x_title: title of the x axis.
        y_title: title of the y axis.
        log: use a logarithmic y axis.
        percent: show y from 0 to 1 as 0 % to 100 %.
        zero: include zero in the y axis (with percent: all of 0 % to 100 %). Off, the axis fits the curves.
        marks: vertical lines where a setting was changed; columns x and label.
        height: of the plot, in pixels.
    """
    frame = pd.concat([frame.assign(curve=name) for name, frame in curves.items()], ignore_index=True)
    names = list(curves)
    linear = alt.Scale(domain=[0, 1]) if percent and zero else alt.Scale(zero=zero)
    y_scale = alt.Scale(type="log") if log else linear
    legend = None
    if len(names) > 1:
        columns = 2 if len(names) > 3 else 0
        columns = 1 if max(map(len, names)) > LONG_LABEL else columns  # so that the legend fits on a phone
        legend = alt.Legend(title=None, orient="top", labelLimit=400, symbolType="stroke", columns=columns)
    percent_format = ".0%" if zero else ".1~%"
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=50) if len(frame) <= 80 else False)
        .encode(
            x=alt.X("x:Q", title=x_title, axis=alt.Axis(tickMinStep=1, format="~s"), scale=alt.Scale(nice=False)),
            y=alt.Y("y:Q", title=y_title, axis=alt.Axis(format=percent_format if percent else "~g"), scale=y_scale),
            color=alt.Color("curve:N", sort=names, scale=alt.Scale(domain=names)).legend(legend),
            strokeDash=alt.StrokeDash("curve:N", sort=names, scale=alt.Scale(domain=names)).legend(legend),
            tooltip=[
                alt.Tooltip("curve:N", title="curve"),
                alt.Tooltip("x:Q", title=x_title, format="~s"),
                alt.Tooltip("y:Q", title=y_title, format=".1%" if percent else ".4g"),
            ],
        )
    )
    layers = [lines]
    if marks is not None and len(marks):
        rules = alt.Chart(marks).mark_rule(color=GREY, strokeWidth=2, strokeDash=[6, 4]).encode(x="x:Q")
        labels = (
            alt.Chart(marks)
            .mark_text(align="left", baseline="top", dx=5, fontSize=15, color=GREY)
            .encode(x="x:Q", y=alt.value(2), text="label:N")
        )
        layers += [rules, labels]
    return apply_theme(alt.LayerChart(layer=layers, height=height))


def show_live_chart(chart: alt.Chart | alt.LayerChart, ended: bool, **settings: Any) -> None:
    """Show a chart that is redrawn until the run ends.

    The datasets get the same names on every redraw (Altair names them after their contents), so that the browser
    updates the chart in place, which costs a fraction of drawing it from scratch. Until the run ends the chart is a
    canvas, which with many points costs a third of an SVG; then it is an SVG, which screen readers can read.

    Args:
        chart: a single chart or layers.
        ended: whether the run has ended.
        settings: further arguments of `st.vega_lite_chart`.
    """
    chart, data = chart.copy(), {}
    for number, part in enumerate([chart, *(chart.layer if isinstance(chart, alt.LayerChart) else [])]):
        if isinstance(part.data, pd.DataFrame):
            data[f"data {number}"], part.data = part.data, alt.NamedData(f"data {number}")
    chart.usermeta = {"embedOptions": {"renderer": "svg" if ended else "canvas"}}
    spec = chart.to_dict(validate=False)  # validation would double the time
    st.vega_lite_chart({**spec, "datasets": data}, width="stretch", **settings)
