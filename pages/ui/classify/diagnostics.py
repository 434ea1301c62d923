"""Inside the network: first-layer weights as images, layer health, and hidden layers in two dimensions."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.classify import Epoch
from core.classify.diagnostics import align, principal_components
from core.classify.inputs import Patches, Whitened
from core.runs import Run
from pages.ui import run_panel
from pages.ui.charts import apply_theme
from pages.ui.classify.images import image_grid_html
from pages.ui.classify.snapshot import Snapshot, show_live
from pages.ui.classify.training import EPOCH, events_of_type
from pages.ui.timeline import shown_epoch

MAX_UNITS = 60  # first-layer images
MAX_WHITENED = 24  # images before and after whitening, and filters
MAX_POINTS = 500  # validation images in two dimensions
LEGEND_LAYERS = 6  # with more layers, the legend names only some of them


def show(run: Run | None) -> None:
    """Show the tab for the run's current weights, or for loaded ones, and the run's layers after each epoch."""
    show_live(run, show_first_layer)
    if run:
        st.divider()
        show_layers(run)
    st.divider()
    show_live(run, pca_chart)


def show_first_layer(snapshot: Snapshot) -> None:
    """Show the first layer's weights, or the patches in front of it, as images."""
    if isinstance(snapshot.inputs, Patches):
        encoder = snapshot.inputs.features.encoder
        st.markdown(
            f"**Patches** (at most {MAX_UNITS}), cut at random from training images (left) and whitened (right). "
            "Whitening removes correlations between neighbouring pixels; edges remain. Patches are **not "
            "learned**. The network only learns how to weigh them."
        )
        left, right = st.columns(2)
        left.html(image_grid_html(list(encoder.cut[:MAX_UNITS]), 2.6))
        shape = encoder.cut.shape[1:]
        whitened = [diverging_image(patch.reshape(shape)) for patch in encoder.whitened[:MAX_UNITS]]
        right.html(image_grid_html(whitened, 2.6))
        return
    if isinstance(snapshot.inputs, Whitened):
        show_whitening(snapshot, snapshot.inputs)
    weights = snapshot.model.linears()[0].weight.data
    shape = snapshot.dataset.x_train.shape[1:]
    what = "class" if not snapshot.config.hidden else "unit of the first hidden layer"
    legend = (
        "Blue: positive weights; orange: negative."
        if len(shape) == 2
        else "Bright colours: positive weights for that colour; dark ones: negative; grey: 0."
    )
    st.markdown(
        f"**First-layer weights as images**, one per {what} (at most {MAX_UNITS}). {legend} They start as "
        "noise; more epochs and more images give them structure."
    )
    st.html(image_grid_html([diverging_image(unit.reshape(shape)) for unit in weights.T[:MAX_UNITS]], 3.6))


def show_whitening(snapshot: Snapshot, inputs: Whitened) -> None:
    """Show some images before and after whitening, and the filters that do it."""
    st.markdown(
        f"**Whitening**: {MAX_WHITENED} training images as they are (left) and whitened (right). Neighbouring pixels "
        "of an image are nearly equal, which makes learning slow. Whitening removes these correlations; edges "
        "remain. It is computed from the training images and **not learned**."
    )
    indices = np.arange(min(MAX_WHITENED, len(snapshot.dataset.x_train)))
    images = snapshot.dataset.x_train[indices]
    left, right = st.columns(2)
    left.html(image_grid_html(list(images), 2.6))
    whitened = inputs.batch("train", indices).reshape(images.shape)
    right.html(image_grid_html([diverging_image(image) for image in whitened], 2.6))
    st.markdown(
        "**Whitening filters**: the weights that compute one whitened value, for some positions. Roughly, each is the "
        "value itself minus a weighted mean of its neighbours."
    )
    filters = inputs.whitening.matrix[np.linspace(0, inputs.size - 1, MAX_WHITENED + 2).astype(int)[1:-1]]
    st.html(image_grid_html([diverging_image(each.reshape(images.shape[1:])) for each in filters], 2.6))


def diverging_image(weights: np.ndarray) -> np.ndarray:
    """Draw weights as an image, with 0 as white (in colour: grey). (height, width[, 3]) -> (height, width, 3) uint8."""
    scaled = np.clip(weights / (np.abs(weights).max() or 1.0), -1, 1)
    if weights.ndim == 3:
        return (127.5 + 127.5 * scaled).astype(np.uint8)
    blue, vermillion = np.array([0, 114, 178]), np.array([213, 94, 0])
    ink = np.abs(scaled)[..., None]
    return (255 * (1 - ink) + np.where(scaled[..., None] > 0, blue, vermillion) * ink).astype(np.uint8)


def show_layers(run: Run) -> None:
    """Show each layer's gradient and fraction of dead ReLUs after each epoch, up to the one that the page shows."""
    epochs = [epoch for epoch in events_of_type(Epoch, run_panel.cached_events(run)) if epoch.layers]
    epochs = epochs[: shown_epoch(run, len(epochs))]
    if not epochs:
        st.caption("Gradients and dead ReLUs per layer will appear here after the first epoch.")
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
            "**Gradient per layer**, relative to the layer's weights. Layers far below the others hardly learn. "
            "A gradient of 0 is not drawn."
        )
        chart = layer_chart(frame, "ratio", "Gradient norm / weight norm", names, alt.Scale(type="log"), ".0e")
        st.altair_chart(chart, width="stretch")
    if frame["dead"].notna().any():
        with right:
            st.markdown(
                "**Dead ReLUs per layer**: units that are 0 for every one of up to 500 validation images. No gradient "
                "passes through them."
            )
            hidden = frame[frame["layer"] != "output"]
            chart = layer_chart(hidden, "dead", "Dead units (fraction)", names[:-1], alt.Scale(domain=[0, 1]), ".0%")
            st.altair_chart(chart, width="stretch")


def layer_chart(
    frame: pd.DataFrame, column: str, title: str, names: list[str], scale: alt.Scale, axis_format: str
) -> alt.Chart:
    """Draw one line per layer over the epochs, from dark (the first layer) to light (the last)."""
    named = names
    if len(names) > LEGEND_LAYERS:
        named = [names[round(i * (len(names) - 1) / (LEGEND_LAYERS - 1))] for i in range(LEGEND_LAYERS)]
    legend = alt.Legend(title=None, orient="right", values=named, symbolType="stroke")
    return apply_theme(
        alt.Chart(frame.dropna(subset=[column]))
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=50))
        .encode(
            x=alt.X("epoch:Q", title=EPOCH, axis=alt.Axis(tickMinStep=1, format=",d")),
            y=alt.Y(f"{column}:Q", title=title, scale=scale, axis=alt.Axis(format=axis_format)),
            color=alt.Color("layer:N", sort=names, scale=alt.Scale(domain=names, scheme="viridis")).legend(legend),
            tooltip=["layer", "epoch", alt.Tooltip(f"{column}:Q", title=title, format=".3g")],
        )
        .properties(height=320)
    )


def pca_chart(snapshot: Snapshot) -> None:
    """Show the activations of a hidden layer, projected onto their first two principal components."""
    hidden = snapshot.config.hidden
    if not hidden:
        st.caption("This network has no hidden layer whose activations could be shown.")
        return
    layer = 1
    if len(hidden) > 1:
        layer = st.select_slider("Hidden layer", range(1, len(hidden) + 1), len(hidden), key="pca_layer")
    indices = snapshot.validation[:MAX_POINTS]
    activations = snapshot.model.activations(snapshot.inputs.batch("train", indices))[layer - 1]
    points, explained = principal_components(activations)
    points, extent = steady(points, (snapshot.config, layer))
    st.markdown(
        f"**{len(indices):,} validation images as represented by hidden layer {layer}**: its {hidden[layer - 1]:,} "
        f"activations, projected onto their first two principal components, which explain {explained.sum():.0%} of "
        "the variance. During training, each projection is rotated or reflected to match the one before. Classes that "
        "form separate clusters here are easy for the following layers."
    )
    classes = snapshot.dataset.classes
    labels = [classes[label] for label in snapshot.dataset.y_train[indices]]
    scale = alt.Scale(domain=[-extent, extent], nice=False)
    frame = pd.DataFrame(points, columns=["x", "y"]).assign(label=labels)
    base = alt.Chart(frame).encode(
        x=alt.X("x:Q", title="First direction", scale=scale),
        y=alt.Y("y:Q", title="Second direction", scale=scale),
        color=alt.Color(
            "label:N", sort=list(classes), scale=alt.Scale(domain=list(classes), scheme="category10")
        ).legend(alt.Legend(title=None, orient="right")),
        tooltip=["label"],
    )
    short = max(map(len, classes)) <= 2  # the name itself is the mark, which can be read without colours
    marks = (
        base.mark_text(fontSize=16, fontWeight="bold").encode(text="label:N")
        if short
        else base.mark_point(size=70, strokeWidth=2).encode(shape=alt.Shape("label:N", sort=list(classes)).legend(None))
    )
    st.altair_chart(apply_theme(marks.properties(height=480)), width="stretch")


def steady(points: np.ndarray, picture: tuple) -> tuple[np.ndarray, float]:
    """Turn the points to match those shown before in the same picture; return them and the extent of the axes.

    The extent only grows, so that the axes do not rescale whenever a point moves.
    """
    before, points_before, extent = st.session_state.get("projection", (None, None, 0.0))
    if before == picture and points_before.shape == points.shape:
        points = align(points, points_before)
    else:
        extent = 0.0
    extent = max(extent, 1.05 * float(np.abs(points).max(initial=0)) or 1.0)
    st.session_state["projection"] = picture, points, extent
    return points, extent
