"""Images as HTML, alone and with a model's predictions."""

import io
from base64 import b64encode
from html import escape

import numpy as np
from PIL import Image

from core.classify import Samples

TOP_K = 3  # predictions per sample
GRID_COLOURS = 64  # per image of a grid, which is redrawn during training; more are hard to tell apart


def png_data_url(image: np.ndarray, colours: int | None = None) -> str:
    """Encode an image, (height, width) or (height, width, 3) uint8, as a PNG data URL for an <img>.

    colours: at most so many colours, which makes the PNG smaller.
    """
    buffer, encoded = io.BytesIO(), Image.fromarray(image)
    (encoded.quantize(colours) if colours else encoded).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode()


def image_grid_html(images: list[np.ndarray], size: float) -> str:
    """Lay out images side by side, each `size` rem wide, with sharp pixels."""
    style = f"width: {size}rem; height: {size}rem; image-rendering: pixelated; border: 1px solid #d5dade;"
    tags = "".join(f'<img src="{png_data_url(image, GRID_COLOURS)}" style="{style}" alt="">' for image in images)
    return f'<div style="display: flex; flex-wrap: wrap; gap: 0.25rem;">{tags}</div>'


def samples_html(samples: Samples, classes: tuple[str, ...]) -> str:
    """Draw one card per image: the true class and the most likely classes. A dashed frame marks a mistake."""
    cards = []
    for image, label, probabilities in zip(samples.images, samples.labels, samples.probabilities, strict=True):
        best = np.argsort(probabilities)[::-1][:TOP_K]
        truth = escape(classes[label])
        correct = best[0] == label
        guesses = "".join(
            f'<div class="guess"><div class="bar" style="width: {probabilities[i]:.1%}"></div>'
            f"<span><b>{escape(classes[i])}</b> {probabilities[i]:.0%}</span></div>"
            for i in best
        )
        verdict = "✓ correct" if correct else "✗ wrong"
        cards.append(
            f'<div class="sample {"correct" if correct else "wrong"}"><div class="top">'
            f'<img src="{png_data_url(image)}" alt="image of {truth}">'
            f'<div class="truth">{verdict}<br>label <b>{truth}</b></div></div>{guesses}</div>'
        )
    return f'<div class="samples">{"".join(cards)}</div>'
