"""The charts that several pages share: large type, titled axes, and colours that colour-blind eyes tell apart."""

from typing import Any, TypeVar

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.training import Change

BLUE, VERMILLION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#5b6770"
PALETTE = [BLUE, VERMILLION, GREEN, "#cc79a7", "#e69f00", "#56b4e9"]  # Okabe & Ito's colours
ChartT = TypeVar("ChartT", bound=alt.TopLevelMixin)
MAX_POINTS = 300  # more cannot be told apart on a projector, and would only slow the page down


def downsample(frame: pd.DataFrame, points: int = MAX_POINTS) -> pd.DataFrame:
    """At most about `points` rows: each the mean of as many neighbours as that takes. All columns are numbers."""
    neighbours = -(-len(frame) // points)
    return frame.groupby(np.arange(len(frame)) // neighbours).mean() if neighbours > 1 else frame


def change_markers(changes: list[Change]) -> pd.DataFrame:
    """Where a setting was changed by hand. Columns: x and label (what it became)."""
    names = {"lr": "learning rate"}
    labels = [
        f"{names.get(change.name, change.name.replace('_', ' '))} "
        f"{change.value if isinstance(change.value, str) else f'{change.value:g}'}"
        for change in changes
    ]
    return pd.DataFrame({"x": [change.at for change in changes], "label": labels})


def learning_curves(
    curves: dict[str, pd.DataFrame],
    x_title: str,
    y_title: str,
    *,
    log: bool = False,
    percent: bool = False,
    marks: pd.DataFrame | None = None,
    height: int = 340,
) -> alt.LayerChart:
    """Curves over the course of training, one colour and one dash each, with marks where something was changed.

    curves: name -> columns x and y. log: logarithmic y axis. percent: y from 0 to 1 is shown as 0 % to 100 %.
    marks: columns x and label; a vertical line each.
    """
    frame = pd.concat([frame.assign(curve=name) for name, frame in curves.items()], ignore_index=True)
    names = list(curves)
    y_scale = alt.Scale(type="log") if log else alt.Scale(domain=[0, 1]) if percent else alt.Scale(zero=True)
    columns = 2 if len(names) > 3 else 0  # on a phone, too, all of them can be read
    legend = alt.Legend(title=None, orient="top", labelLimit=400, symbolType="stroke", columns=columns)
    legend = legend if len(names) > 1 else None
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=50) if len(frame) <= 80 else False)
        .encode(
            x=alt.X("x:Q", title=x_title, axis=alt.Axis(tickMinStep=1, format="~s"), scale=alt.Scale(nice=False)),
            y=alt.Y("y:Q", title=y_title, axis=alt.Axis(format=".0%" if percent else "~g"), scale=y_scale),
            color=alt.Color("curve:N", sort=names, scale=alt.Scale(domain=names, range=PALETTE)).legend(legend),
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
    return apply_theme(alt.layer(*layers, height=height))


def show_live_chart(chart: alt.Chart | alt.LayerChart, ended: bool, **settings: Any) -> None:
    """Show a chart that is drawn again and again until the run has ended. settings: of st.vega_lite_chart.

    Its data sets have the same names every time (Altair's are named after their contents): the browser then keeps
    what it has drawn and replaces the numbers in it, which costs a fraction of drawing all of it anew. Until the end
    that is a canvas, which with many points costs a third of an SVG; then an SVG, whose marks screen readers read, too.
    """
    chart, data = chart.copy(), {}
    for number, part in enumerate([chart, *(chart.layer if isinstance(chart, alt.LayerChart) else [])]):
        if isinstance(part.data, pd.DataFrame):
            data[f"data {number}"], part.data = part.data, alt.NamedData(f"data {number}")
    chart.usermeta = {"embedOptions": {"renderer": "svg" if ended else "canvas"}}
    spec = chart.to_dict(validate=False)  # which would take as long as all the rest
    st.vega_lite_chart({**spec, "datasets": data}, width="stretch", **settings)


CHART_CONFIG = alt.Config(
    axis=alt.AxisConfig(labelFontSize=15, titleFontSize=16, titleColor="#15202b", labelColor="#15202b"),
    legend=alt.LegendConfig(labelFontSize=16, symbolStrokeWidth=4, symbolSize=300, labelColor="#15202b"),
    view=alt.ViewConfig(strokeOpacity=0),
)


def apply_theme(chart: ChartT) -> ChartT:
    """The chart itself, now with type that can be read from the back of the room."""
    chart.config = CHART_CONFIG
    return chart
