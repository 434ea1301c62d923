"""A picture of one's own: drawn or uploaded, what the network sees of it, thinks of it, and makes of it on the way."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.classify import predict
from core.classify.images import MAX_BYTES, ImageError, center_digit, fit_image, ink_mask, read_image
from core.runs import Run
from pages.ui.charts import BLUE, apply_theme
from pages.ui.classify.images import png
from pages.ui.classify.snapshot import Learned, look
from pages.ui.markdown import escape_markdown

CANVAS = 280  # pixels of the page for 28 of the picture
PEN = 20


def show(run: Run | None) -> None:
    look(run, draw)


def draw(learned: Learned) -> None:
    shape = learned.dataset.x_train.shape[1:]
    digits = len(shape) == 2 and shape[0] == shape[1]
    asking, answer = st.columns([2, 3], gap="large")
    with asking:
        ways = ["Draw", "Upload"] if digits else ["Upload"]
        way = st.segmented_control("Your picture", ways, default=ways[0], required=True, key=f"own_way_{digits}")
        picture = drawing(shape[0]) if way == "Draw" else upload(shape, digits)
    if picture is None:
        return
    with answer:
        left, right = st.columns([1, 3])
        left.markdown("**It sees**")
        left.html(f'<img src="{png(picture)}" alt="" style="width: 7rem; image-rendering: pixelated;">')
        inputs = learned.inputs.encode(picture[None])
        probabilities = predict(learned.model, inputs)[0]
        best = int(probabilities.argmax())
        said = escape_markdown(learned.dataset.classes[best])
        right.markdown(f"**It says: {said}**, with a probability of {probabilities[best]:.0%}")
        right.altair_chart(probability_chart(learned.dataset.classes, probabilities), width="stretch")
    on_the_way(learned, inputs)


def drawing(size: int) -> np.ndarray | None:
    """A canvas to draw on with the mouse or a finger; the drawing as the network sees it."""
    from streamlit_drawable_canvas import st_canvas  # it can only be imported while Streamlit runs

    canvas = st_canvas(
        stroke_width=PEN,
        stroke_color="#15202b",
        background_color="#ffffff",
        width=CANVAS,
        height=CANVAS,
        drawing_mode="freedraw",
        return_image_data=True,
        key="canvas",
    )
    st.caption("Draw one digit, large. It is scaled and centred as those of MNIST were.")
    if canvas.image_data is None:
        return None
    ink = ink_mask(Image.fromarray(canvas.image_data.astype(np.uint8)).convert("RGB"))
    return center_digit(ink, size) if ink.any() else None


def upload(shape: tuple[int, ...], digits: bool) -> np.ndarray | None:
    """A picture from a file as the network sees it; or a sentence that says why it cannot be used."""
    file = st.file_uploader(
        "A picture", ["png", "jpg", "jpeg", "gif", "webp", "bmp"], max_upload_size=MAX_BYTES // 2**20, key="own_picture"
    )
    if file is None:
        return None
    try:
        picture = read_image(file, file.name)
        return center_digit(ink_mask(picture), shape[0]) if digits and is_drawing() else fit_image(picture, shape)
    except ImageError as error:
        st.error(escape_markdown(str(error)), icon=":material/image_not_supported:")
        return None


def is_drawing() -> bool:
    return st.toggle(
        "It is a drawing: find the ink, scale and centre it", True, key="own_is_drawing", help="Dark on light or not."
    )


def probability_chart(classes: tuple[str, ...], probabilities: np.ndarray) -> alt.LayerChart:
    """A bar for each class."""
    frame = pd.DataFrame({"class": classes, "probability": probabilities})
    base = alt.Chart(frame).encode(
        y=alt.Y("class:N", sort=list(classes), title=None),
        x=alt.X("probability:Q", title="Probability", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])),
    )
    texts = base.mark_text(align="left", dx=4, fontSize=15).encode(text=alt.Text("probability:Q", format=".1%"))
    return apply_theme(alt.layer(base.mark_bar(color=BLUE), texts).properties(height=30 * len(classes)))


def on_the_way(learned: Learned, inputs: np.ndarray) -> None:
    """What each hidden layer makes of the picture."""
    activations = learned.model.activations(inputs)
    if not activations:
        return
    st.markdown(
        "**What each hidden layer makes of it**: a square a unit, the darker, the more active; white is nothing."
    )
    for number, activation in enumerate(activations, start=1):
        units = activation[0]
        st.caption(f"Hidden layer {number}: {np.mean(units > 0):.0%} of {len(units):,} units are above zero")
        st.html(f'<img src="{png(squares(units))}" alt="" style="width: 100%; image-rendering: pixelated;">')


def squares(units: np.ndarray, across: int = 64) -> np.ndarray:
    """Activations in rows of `across`: (rows, across, 3) uint8, white where they are 0, dark blue for the largest."""
    strength = np.abs(units) / (np.abs(units).max() or 1.0)
    rows = -(-len(strength) // across)
    padded = np.zeros(rows * across)
    padded[: len(strength)] = strength
    blue = np.array([0, 60, 110])
    return (255 - (255 - blue) * padded.reshape(rows, across, 1)).astype(np.uint8)
