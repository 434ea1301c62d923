"""Charts that several pages share: large type, titled axes, and a palette for colour-blind readers."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from core.training import Change
from pages.ui.formatting import format_setting, setting_label
from pages.ui.theme import LIGHT, Colors, colors, is_projector_view

BLUE, VERMILLION, GREEN = LIGHT.palette[:3]
GREY = LIGHT.grey
MAX_POINTS = 300  # a projector cannot resolve more, and they would slow the page down
MERGE_FRACTION = 0.02  # of the x axis: changes of a setting that are closer to each other become one mark
CHARACTER = 8 / 300  # width of a label's character as a fraction of a phone's chart
ROW = 20  # pixels between labels below each other
MAX_DOTS = 80  # points of a curve; with more of them, only the last one has a dot
LONG_LABEL = 16  # characters; a phone has no room for two longer ones side by side
LABEL_PADDING, TITLE_PADDING = 6, 8  # pixels; Streamlit's distances leave a low chart no room for its curve
LegendOrient = Literal["top", "top-right"] | None
ChartT = TypeVar("ChartT", bound=alt.Chart | alt.LayerChart | alt.FacetChart)


def apply_theme(chart: ChartT) -> ChartT:
    """Set the shared type sizes and the theme's colours on the chart, and return it."""
    shown, larger = colors(), 4 if is_projector_view() else 0
    chart.config = alt.Config(
        axis=alt.AxisConfig(
            labelFontSize=15 + larger, titleFontSize=16 + larger, titleColor=shown.text, labelColor=shown.text
        ),
        legend=alt.LegendConfig(labelFontSize=16 + larger, symbolStrokeWidth=4, symbolSize=300, labelColor=shown.text),
        range=alt.RangeConfig(category=list(shown.palette)),
        view=alt.ViewConfig(strokeOpacity=0),
    )
    return chart


def downsample(frame: pd.DataFrame, points: int = MAX_POINTS) -> pd.DataFrame:
    """Reduce the frame to at most `points` rows, each the mean of neighbouring rows. All columns are numeric.

    Of the column "peak", if there is one, the maximum is kept instead: a mean would hide a short rise.
    """
    neighbours = -(-len(frame) // points)
    if neighbours <= 1:
        return frame
    starts = np.arange(0, len(frame), neighbours)
    sizes = np.diff(starts, append=len(frame))
    means = pd.DataFrame(np.add.reduceat(frame.to_numpy(float), starts) / sizes[:, None], columns=frame.columns)
    if "peak" in frame:
        means["peak"] = np.maximum.reduceat(frame["peak"].to_numpy(float), starts)
    return means


def change_markers(changes: Sequence[Change], total: float) -> pd.DataFrame:
    """Return where settings were changed: columns x, label (the new value) and the label's place beside the line.

    Changes of one setting that follow each other closely, as when a slider is moved by keyboard, become one.
    total: the largest x of the chart.
    """
    merged: list[Change] = []
    latest: dict[str, int] = {}  # name -> its last place in `merged`
    for change in changes:
        place = latest.get(change.name)
        if place is not None and change.at - merged[place].at <= MERGE_FRACTION * total:
            merged[place] = change
        else:
            latest[change.name] = len(merged)
            merged.append(change)
    labels = [f"{setting_label(change.name)} {format_setting(change.value)}" for change in merged]
    on_the_left = [change.at > total / 2 for change in merged]
    widths = [(len(label) + 1) * CHARACTER * total for label in labels]
    starts = [change.at - left * width for change, left, width in zip(merged, on_the_left, widths, strict=True)]
    return pd.DataFrame(
        {
            "x": [change.at for change in merged],
            "label": labels,
            "dy": [ROW * row for row in rows(list(zip(starts, widths, strict=True)))],
            "dx": [-5 if left else 5 for left in on_the_left],
            "align": ["right" if left else "left" for left in on_the_left],
        }
    )


def rows(labels: list[tuple[float, float]]) -> list[int]:
    """Return the first row for each label (start, width) in which it overlaps none of the labels before it."""
    chosen: list[int] = []
    for start, width in labels:
        taken = {
            row
            for row, (other, other_width) in zip(chosen, labels, strict=False)
            if start < other + other_width and other < start + width
        }
        chosen.append(next(row for row in range(len(labels)) if row not in taken))
    return chosen


class DrawnChart(NamedTuple):
    """A chart as a browser receives it, to be shown by `show_live_chart`.

    Attributes:
        spec: the Vega-Lite specification. Charts may share it: do not change it.
        data: the tables that the specification names, without those that are empty.
    """

    spec: dict[str, Any]
    data: dict[str, pa.Table]

    def to_altair(self) -> alt.LayerChart:
        """Return it as an Altair chart that contains its data."""
        datasets = {name: table.to_pylist() for name, table in self.data.items()}
        return alt.LayerChart.from_dict({**self.spec, "datasets": datasets})


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
    end: float | None = None,
    guessing: float | None = None,
    shown: float | None = None,
    extent: Sequence[float] = (),
    legend_orient: LegendOrient = "top",
) -> DrawnChart:
    """Draw curves over the course of training, each with its own colour and dash.

    The specification depends on the settings only, not on the data, so that the browser updates the chart in place.

    Args:
        curves: name -> frame with columns x and y, and maybe peak, up to which the area above the curve is shaded.
        x_title: title of the x axis.
        y_title: title of the y axis.
        log: use a logarithmic y axis.
        percent: show y from 0 to 1 as 0 % to 100 %.
        zero: include zero in the y axis (with percent: all of 0 % to 100 %). Off, the axis fits the curves.
        marks: vertical lines where a setting was changed; see `change_markers`.
        height: of the plot, in pixels.
        end: the x axis ends here from the beginning; None: with the curves.
        guessing: a horizontal line at the value of pure guessing; None: no line.
        shown: a vertical line at the moment that the page shows; None: no line.
        extent: values that the y axis includes.
        legend_orient: where the legend is; None: no legend.
    """
    spec = curves_spec(
        tuple(curves),
        x_title,
        y_title,
        y_type="log" if log else "percent" if percent else "number",
        zero=zero,
        marks=marks is not None,
        height=height,
        end=end,
        dots=(end or sum(map(len, curves.values()))) <= MAX_DOTS,
        legend_orient=legend_orient,
        theme=colors(),
        projector=is_projector_view(),
    )
    data = {
        "curves": _to_table(curves, "x", "y"),
        "peaks": _to_table({name: frame for name, frame in curves.items() if has_peaks(frame)}, "x", "y", "peak"),
        "guessing": pa.table({"y": _numbers(guessing), "label": ["guessing"][: guessing is not None]}),
        "extent": pa.table({"y": pa.array(extent, pa.float64())}),
        "shown": pa.table({"x": _numbers(shown)}),
    }
    if marks is not None:
        data["marks"] = pa.Table.from_pandas(marks, preserve_index=False)
    return DrawnChart(spec, {name: table for name, table in data.items() if table.num_rows})


def has_peaks(frame: pd.DataFrame) -> bool:
    """Return whether a curve leaves out higher values than those that it shows."""
    return "peak" in frame and bool((frame["peak"] > frame["y"]).any())


def _to_table(curves: dict[str, pd.DataFrame], *columns: str) -> pa.Table:
    """Return the points of all curves as one table with these columns and the column curve.

    A table of Arrow, the format in which data are sent to a browser, is made in a fraction of the time of pandas. A
    point takes few bytes: numbers of single precision, and the number of its curve in place of the name.
    """
    lengths = [len(frame) for frame in curves.values()]
    numbers = np.repeat(np.arange(len(curves), dtype=np.int8), lengths)
    return pa.table(
        {
            **{
                name: np.concatenate([[], *(frame[name] for frame in curves.values())]).astype(np.float32)
                for name in columns
            },
            "curve": pa.DictionaryArray.from_arrays(numbers, pa.array(list(curves), pa.string())),
        }
    )


def _numbers(value: float | None) -> pa.Array:
    return pa.array([] if value is None else [value], pa.float64())


@lru_cache(maxsize=256)
def curves_spec(
    names: tuple[str, ...],
    x_title: str,
    y_title: str,
    *,
    y_type: Literal["number", "percent", "log"],
    zero: bool,
    marks: bool,
    height: int,
    end: float | None,
    dots: bool,
    legend_orient: LegendOrient,
    theme: Colors,
    projector: bool,
) -> dict[str, Any]:
    """Return the specification of `learning_curves`. Altair needs longer to make it than a page to draw all else."""
    size = 20 if projector else 15
    y_scale = {
        "number": alt.Scale(zero=zero),
        "percent": alt.Scale(domain=[0, 1]) if zero else alt.Scale(zero=False),
        "log": alt.Scale(type="log"),
    }[y_type]
    y_format = {"number": ",~g", "percent": ".0%" if zero else ".1~%", "log": ",~g"}[y_type]
    x_scale = alt.Scale(domain=[0, end], nice=False) if end else alt.Scale(nice=False)
    legend = None
    if len(names) > 1 and legend_orient:
        columns = 2 if len(names) > 3 else 0
        columns = 1 if max(map(len, names)) > LONG_LABEL else columns  # so that the legend fits on a phone
        legend = alt.Legend(title=None, orient=legend_orient, labelLimit=400, symbolType="stroke", columns=columns)
        if legend_orient != "top":  # inside the plot, where curves may pass below it
            legend["fillColor"], legend["padding"] = theme.background, 4
    x = alt.X(
        "x:Q",
        title=x_title,
        axis=alt.Axis(tickMinStep=1, format=",d", labelPadding=LABEL_PADDING, titlePadding=TITLE_PADDING),
        scale=x_scale,
    )
    y = alt.Y(
        "y:Q",
        title=y_title,
        axis=alt.Axis(format=y_format, labelPadding=LABEL_PADDING, titlePadding=TITLE_PADDING),
        scale=y_scale,
    )
    color = alt.Color("curve:N", sort=names, scale=alt.Scale(domain=names)).legend(legend)
    dash = alt.StrokeDash("curve:N", sort=names, scale=alt.Scale(domain=names)).legend(legend)
    values = alt.Chart(alt.NamedData("curves"))
    lines = values.mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=50) if dots else False, clip=True)
    fill = alt.Fill("curve:N", scale=alt.Scale(domain=names), legend=None)  # with color, the legend would be pale, too
    peaks = alt.Chart(alt.NamedData("peaks")).mark_area(opacity=0.25, clip=True)
    last = (
        values.transform_joinaggregate(last="max(x)", groupby=["curve"])
        .transform_filter("datum.x == datum.last")
        .mark_point(size=50, filled=True, opacity=1, clip=True)
    )
    nearest = alt.selection_point(name="nearest", on="pointerover", nearest=True, empty=False, clear="pointerout")
    points = (
        values.properties(name="points")
        .mark_point(size=80, filled=True, clip=True)
        .encode(
            color=color,
            opacity=alt.condition(nearest, alt.value(1), alt.value(0)),
            tooltip=[
                alt.Tooltip("curve:N", title="curve"),
                alt.Tooltip("x:Q", title=x_title, format="~s"),
                alt.Tooltip("y:Q", title=y_title, format=".1%" if y_type == "percent" else ".4g"),
            ],
        )
        .add_params(nearest)
    )
    parts = [lines.encode(color=color, strokeDash=dash), peaks.encode(fill=fill, y2="peak:Q"), last.encode(color=color)]
    curves = alt.LayerChart(layer=[*parts, points]).encode(x=x, y=y)
    guess = alt.Chart(alt.NamedData("guessing")).encode(y="y:Q")
    legend_inside = legend is not None and legend_orient != "top"  # it covers the right end of the line
    layers = [
        curves,
        guess.mark_rule(color=theme.grey, strokeDash=[2, 4], strokeWidth=2),
        guess.mark_text(
            align="left" if legend_inside else "right", baseline="bottom", dy=-3, fontSize=size, color=theme.grey
        ).encode(x=alt.value(alt.ExprRef("width / 8") if legend_inside else "width"), text="label:N"),
        alt.Chart(alt.NamedData("extent")).mark_point(opacity=0).encode(y="y:Q"),
    ]
    if marks:
        at = alt.Chart(alt.NamedData("marks")).encode(x="x:Q")
        layers.append(at.mark_rule(color=theme.grey, strokeWidth=2, strokeDash=[6, 4], clip=True))
        text = at.mark_text(
            align=alt.ExprRef("datum.align"),
            baseline="top",
            clip=True,
            color=theme.grey,
            dx=alt.ExprRef("datum.dx"),
            dy=alt.ExprRef("datum.dy"),
            fontSize=size,
        )
        layers.append(text.encode(y=alt.value(2), text="label:N"))
    moment = alt.Chart(alt.NamedData("shown"))
    layers.append(moment.mark_rule(color=theme.palette[1], strokeWidth=3, clip=True).encode(x="x:Q"))
    return apply_theme(alt.LayerChart(layer=layers, height=height, padding={"bottom": 4})).to_dict()


def show_live_chart(chart: alt.Chart | alt.LayerChart | DrawnChart, ended: bool = False, **settings: Any) -> None:
    """Show a chart that is redrawn while a run goes on.

    The datasets get the same names on every redraw (Altair names them after their contents), so that the browser
    updates the chart in place, which costs a fraction of drawing it from scratch. The chart is a canvas, which with
    many points costs a third of an SVG.

    Args:
        chart: a single chart or layers, or what `draw` or `learning_curves` returned.
        ended: whether it will not be redrawn any more; it is an SVG then, which is sharp at every size.
        settings: further arguments of `st.vega_lite_chart`.
    """
    spec, data = chart if isinstance(chart, DrawnChart) else draw(chart)
    options = {"embedOptions": {"renderer": "svg" if ended else "canvas"}}
    st.vega_lite_chart({**spec, "usermeta": options, "datasets": data}, width="stretch", **settings)


def draw(chart: alt.Chart | alt.LayerChart) -> DrawnChart:
    """Return a single chart or layers as a browser receives them."""
    chart, data = chart.copy(), {}
    for number, part in enumerate([chart, *(chart.layer if isinstance(chart, alt.LayerChart) else [])]):
        if isinstance(part.data, pd.DataFrame):
            data[f"data {number}"] = pa.Table.from_pandas(part.data, preserve_index=False)
            part.data = alt.NamedData(f"data {number}")
    return DrawnChart(chart.to_dict(validate=False), data)  # validation would double the time
