"""One drawn or uploaded image: the network's input, prediction and hidden activations."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.classify import predict
from core.classify.handwriting import center_digit, find_digit
from core.classify.images import MAX_BYTES, SUFFIXES, ImageError, fit_image, read_image
from core.runs import Run
from pages.ui.charts import BLUE, apply_theme
from pages.ui.classify.images import png_data_url
from pages.ui.classify.snapshot import Snapshot, show_live
from pages.ui.markdown import escape_markdown

CANVAS_SIZE = 280  # screen pixels, for 28 pixels of the image
PEN_WIDTH = 20


def show(run: Run | None) -> None:
    """Show the tab for the run's current weights, or for loaded ones."""
    show_live(run, draw)


def draw(snapshot: Snapshot) -> None:
    """Let the visitor draw or upload an image, and show what the network makes of it."""
    shape = snapshot.dataset.x_train.shape[1:]
    drawable = len(shape) == 2 and shape[0] == shape[1]
    left, right = st.columns([2, 3], gap="large")
    with left:
        sources = ["Draw", "Upload"] if drawable else ["Upload"]
        source = st.segmented_control("Image", sources, default=sources[0], required=True, key=f"source_{drawable}")
        image = drawing(shape[0]) if source == "Draw" else upload(shape, drawable)
    if image is None:
        return
    inputs = snapshot.inputs.encode(image[None])
    probabilities = predict(snapshot.model, inputs)[0]
    best = int(probabilities.argmax())
    with right:
        input_column, output_column = st.columns([1, 3])
        input_column.markdown("**Network input**")
        input_column.html(
            f'<img src="{png_data_url(image)}" alt="network input" style="width: 7rem; image-rendering: pixelated;">'
        )
        name = escape_markdown(snapshot.dataset.classes[best])
        output_column.markdown(f"**Prediction: {name}**, probability {probabilities[best]:.1%}")
        output_column.altair_chart(probability_chart(snapshot.dataset.classes, probabilities), width="stretch")
    show_activations(snapshot, inputs)


def drawing(size: int) -> np.ndarray | None:
    """Show a canvas to draw on with the mouse or a finger; return the drawing as a network input image."""
    from streamlit_drawable_canvas import st_canvas  # can only be imported while Streamlit runs

    if "canvas" not in st.session_state:  # it was not on the page: start with what was drawn before
        st.session_state["canvas_start"] = st.session_state.get("drawing")
    canvas = st_canvas(
        stroke_width=PEN_WIDTH,
        stroke_color="#15202b",
        background_color="#ffffff",
        width=CANVAS_SIZE,
        height=CANVAS_SIZE,
        drawing_mode="freedraw",
        initial_drawing=st.session_state["canvas_start"],
        return_image_data=True,
        key="canvas",
    )
    st.caption("Draw with the mouse or a finger. The drawing is scaled and centred like MNIST's digits.")
    if canvas.image_data is not None:
        st.session_state["drawing"] = canvas.json_data
        st.session_state["drawn_image"] = canvas.image_data.astype(np.uint8)
    if "drawn_image" not in st.session_state:
        return None
    ink = 1 - np.asarray(Image.fromarray(st.session_state["drawn_image"]).convert("L")) / 255
    return center_digit(ink, size) if ink.any() else None


def upload(shape: tuple[int, ...], drawable: bool) -> np.ndarray | None:
    """Show an upload; return the image in the dataset's shape, or None and an error if it cannot be used."""
    file = st.file_uploader(
        "Image file",
        [suffix.removeprefix(".") for suffix in SUFFIXES],
        max_upload_size=MAX_BYTES // 2**20,
        key="custom_image",
    )
    if file is None:
        return None
    try:
        image = read_image(file, file.name)
        return find_digit(image, shape[0]) if drawable and is_drawing() else fit_image(image, shape)
    except ImageError as error:
        st.error(escape_markdown(str(error)), icon=":material/image_not_supported:")
        return None


def is_drawing() -> bool:
    """Show the choice whether an upload is treated like a drawing."""
    return st.toggle(
        "Find the digit, scale and centre it",
        True,
        key="is_drawing",
        help="For photographs and scans of one digit, dark on light or light on dark. Off: the middle of the image is "
        "used as it is.",
    )


def probability_chart(classes: tuple[str, ...], probabilities: np.ndarray) -> alt.LayerChart | alt.FacetChart:
    """Draw one bar per class."""
    frame = pd.DataFrame({"class": classes, "probability": probabilities})
    base = alt.Chart(frame).encode(
        y=alt.Y("class:N", sort=list(classes), title=None),
        x=alt.X("probability:Q", title="Probability", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])),
    )
    texts = base.mark_text(align="left", dx=4, fontSize=15).encode(text=alt.Text("probability:Q", format=".1%"))
    return apply_theme(alt.layer(base.mark_bar(color=BLUE), texts).properties(height=30 * len(classes)))


def show_activations(snapshot: Snapshot, inputs: np.ndarray) -> None:
    """Show the activations of each hidden layer as an image."""
    activations = snapshot.model.activations(inputs)
    if not activations:
        return
    st.markdown("**Activations of each hidden layer**, one square per unit. Darker: larger absolute value; white: 0.")
    for number, activation in enumerate(activations, start=1):
        units = activation[0]
        st.caption(f"Hidden layer {number}: {np.mean(units > 0):.0%} of {len(units):,} units are above zero")
        url = png_data_url(activation_image(units))
        st.html(f'<img src="{url}" alt="" style="width: 100%; image-rendering: pixelated;">')


def activation_image(units: np.ndarray, columns: int = 64) -> np.ndarray:
    """Draw activations in rows of `columns`: (rows, columns, 3) uint8, white for 0, dark blue for the largest."""
    strength = np.abs(units) / (np.abs(units).max() or 1.0)
    rows = -(-len(strength) // columns)
    padded = np.zeros(rows * columns)
    padded[: len(strength)] = strength
    blue = np.array([0, 60, 110])
    return (255 - (255 - blue) * padded.reshape(rows, columns, 1)).astype(np.uint8)
