"""Inside the network: its first weights as pictures, how its layers are, and hidden layers in two dimensions."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core import classify
from core.classify import Epoch
from core.classify.diagnostics import principal_components
from core.classify.inputs import Patches
from core.runs import Run
from pages.ui import run_panel
from pages.ui.charts import apply_theme
from pages.ui.classify.images import grid_html
from pages.ui.classify.snapshot import Learned, look
from pages.ui.classify.training import EPOCH, of_kind

UNITS = 60  # so many first-layer pictures are shown
NAMED = 6  # layers in a legend: of more, the colours in between tell
POINTS = 500  # test pictures in two dimensions


def show(run: Run | None) -> None:
    look(run, first_layer)
    if run:
        st.divider()
        run_panel.live_panel(run, layers, seconds=2.0)
    st.divider()
    look(run, two_dimensions)


def first_layer(learned: Learned) -> None:
    """What each unit of the first layer looks for."""
    if isinstance(learned.inputs, Patches):
        encoder = learned.inputs.features.encoder
        st.markdown(
            f"**The patches**: {encoder.settings.patches // 2:,} were cut at random from training pictures (left) and "
            "whitened (right), as were their mirror images: what is common to most patches is taken out, edges and "
            "contrasts remain. They are **not learned**. What is learned is how the layers above weigh where the "
            "patches were found."
        )
        left, right = st.columns(2)
        left.html(grid_html(list(encoder.cut[:UNITS]), 2.6))
        shapes = encoder.cut.shape[1:]
        right.html(grid_html([signed(filter_.reshape(shapes)) for filter_ in encoder.whitened[:UNITS]], 2.6))
        return
    weights = learned.model.linears()[0].weight.data
    shape = learned.dataset.x_train.shape[1:]
    what = "class" if not learned.config.hidden else "unit of the first hidden layer"
    st.markdown(
        f"**First weights as pictures**: one for each {what} (at most {UNITS}). "
        + (
            "Blue pixels count for it, orange ones against it. They began as noise: the longer it learns, and from "
            "the more pictures, the more shape they have."
            if len(shape) == 2
            else "Its colours, where the picture is like them, count for it; grey does not count."
        )
    )
    st.html(grid_html([signed(unit.reshape(shape)) for unit in weights.T[:UNITS]], 3.6))


def signed(weights: np.ndarray) -> np.ndarray:
    """Weights as a picture: white (in colour: grey) is 0. (height, width[, 3]) -> (height, width, 3) uint8."""
    scaled = np.clip(weights / (np.abs(weights).max() or 1.0), -1, 1)
    if weights.ndim == 3:
        return (127.5 + 127.5 * scaled).astype(np.uint8)
    blue, vermillion = np.array([0, 114, 178]), np.array([213, 94, 0])
    ink = np.abs(scaled)[..., None]
    return (255 * (1 - ink) + np.where(scaled[..., None] > 0, blue, vermillion) * ink).astype(np.uint8)


def layers(run: Run, events: list[classify.Event]) -> None:
    """How large each layer's gradient is, and how many of its ReLUs are dead, after each epoch."""
    epochs = [epoch for epoch in of_kind(Epoch, events) if epoch.layers]
    if not epochs:
        st.caption("After the first epoch: how large each layer's gradient is, and how many of its ReLUs are dead.")
        return
    count = len(epochs[0].layers)
    names = [*(f"hidden {number}" for number in range(1, count)), "output"]
    rows = [
        {"epoch": epoch.epoch + 1, "layer": name, "ratio": layer.gradient_ratio or None, "dead": layer.dead}
        for epoch in epochs
        for name, layer in zip(names, epoch.layers, strict=True)
    ]
    frame = pd.DataFrame(rows)
    left, right = st.columns(2)
    with left:
        st.markdown(
            "**Gradient by layer**, as a share of the layer's weights. Layers far below the others hardly learn; where "
            "the gradient is 0, there is no line."
        )
        scale = alt.Scale(type="log")
        st.altair_chart(by_layer(frame, "ratio", "Gradient / weights (lengths)", names, scale, ".0e"), width="stretch")
    if frame["dead"].notna().any():
        with right:
            st.markdown(
                "**Dead ReLUs by layer**: units that are 0 for each of up to 500 validation pictures. No gradient "
                "passes them."
            )
            hidden, scale = frame[frame["layer"] != "output"], alt.Scale(domain=[0, 1])
            st.altair_chart(by_layer(hidden, "dead", "Dead units (share)", names[:-1], scale, ".0%"), width="stretch")


def by_layer(
    frame: pd.DataFrame, column: str, title: str, names: list[str], scale: alt.Scale, format_: str
) -> alt.Chart:
    """A line a layer over the epochs, from dark (the first) to light (the last)."""
    some = [names[round(i * (len(names) - 1) / (NAMED - 1))] for i in range(NAMED)] if len(names) > NAMED else names
    legend = alt.Legend(title=None, orient="right", values=some, symbolType="stroke")
    return apply_theme(
        alt.Chart(frame.dropna(subset=[column]))
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=50))
        .encode(
            x=alt.X("epoch:Q", title=EPOCH, axis=alt.Axis(tickMinStep=1, format="~s")),
            y=alt.Y(f"{column}:Q", title=title, scale=scale, axis=alt.Axis(format=format_)),
            color=alt.Color("layer:N", sort=names, scale=alt.Scale(domain=names, scheme="viridis")).legend(legend),
            tooltip=["layer", "epoch", alt.Tooltip(f"{column}:Q", title=title, format=".3g")],
        )
        .properties(height=320)
    )


def two_dimensions(learned: Learned) -> None:
    """The hidden layers' activations, projected onto the two directions in which they differ most."""
    hidden = learned.config.hidden
    if not hidden:
        st.caption("Without a hidden layer there is nothing between the pictures and the answer to look at.")
        return
    layer = (
        st.select_slider(
            "Hidden layer", range(1, len(hidden) + 1), len(hidden), key="pca_layer", disabled=len(hidden) == 1
        )
        if len(hidden) > 1
        else 1
    )
    numbers = np.arange(min(POINTS, len(learned.dataset.y_test)))
    activations = learned.model.activations(learned.inputs.batch("test", numbers))[layer - 1]
    places, shares = principal_components(activations)
    st.markdown(
        f"**{len(numbers):,} test pictures as hidden layer {layer} sees them**: its {hidden[layer - 1]:,} numbers, "
        f"projected onto the two directions in which they differ most, which hold {shares.sum():.0%} of the "
        "differences. Classes that lie apart here are easy for the layers above."
    )
    classes = learned.dataset.classes
    frame = pd.DataFrame(places, columns=["x", "y"]).assign(
        label=[classes[label] for label in learned.dataset.y_test[numbers]]
    )
    base = alt.Chart(frame).encode(
        x=alt.X("x:Q", title="First principal component"),
        y=alt.Y("y:Q", title="Second principal component"),
        color=alt.Color(
            "label:N", sort=list(classes), scale=alt.Scale(domain=list(classes), scheme="category10")
        ).legend(alt.Legend(title=None, orient="right")),
        tooltip=["label"],
    )
    short = max(map(len, classes)) <= 2  # then the name itself is the mark: no colour is needed to read it
    marks = (
        base.mark_text(fontSize=16, fontWeight="bold").encode(text="label:N")
        if short
        else base.mark_point(size=70, strokeWidth=2).encode(shape=alt.Shape("label:N", sort=list(classes)).legend(None))
    )
    st.altair_chart(apply_theme(marks.properties(height=480)), width="stretch")
