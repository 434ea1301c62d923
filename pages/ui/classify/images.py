"""Pictures from a data set, and what a model thinks of them."""

import io
from base64 import b64encode
from html import escape

import numpy as np
from PIL import Image

from core.classify import Samples

STYLE = """<style>
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.6rem, 1fr)); gap: 0.7rem; }
.sample { padding: 0.5rem; border-radius: 0.4rem; border: 3px solid #009e73; }
.sample.wrong { border: 3px dashed #d55e00; }
.sample .top { display: flex; flex-wrap: wrap; gap: 0.2rem 0.4rem; align-items: center; }
.sample img { width: 3.2rem; height: 3.2rem; image-rendering: pixelated; border-radius: 0.2rem; }
/* beside the picture, or below it where its longest word is too long */
.sample .truth { flex: 1 1 min-content; font-size: 0.95rem; line-height: 1.3; overflow-wrap: break-word; }
.sample .guess { position: relative; margin-top: 0.3rem; font-size: 0.95rem; padding: 0 0.3rem; white-space: nowrap; }
.sample .bar { position: absolute; inset: 0; background: #9fcbe6; border-radius: 0.2rem; }
.sample .guess span { position: relative; display: flex; justify-content: space-between; }
</style>"""
GUESSES = 3
COLOURS = 64  # of a picture of weights, which is drawn anew while they are learned: more cannot be told apart


def png(picture: np.ndarray, colours: int | None = None) -> str:
    """A picture, (height, width) or (height, width, 3) uint8, as the address of a PNG for an <img>.

    colours: how many it may have at most; fewer make it smaller.
    """
    buffer, image = io.BytesIO(), Image.fromarray(picture)
    (image.quantize(colours) if colours else image).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode()


def grid_html(pictures: list[np.ndarray], size: float) -> str:
    """Pictures side by side, each `size` rem wide, every pixel to be seen."""
    style = f"width: {size}rem; height: {size}rem; image-rendering: pixelated; border: 1px solid #d5dade;"
    images = "".join(f'<img src="{png(picture, COLOURS)}" style="{style}" alt="">' for picture in pictures)
    return f'<div style="display: flex; flex-wrap: wrap; gap: 0.25rem;">{images}</div>'


def samples_html(samples: Samples, classes: tuple[str, ...]) -> str:
    """A card for each picture: what it is, and the model's most probable classes. A dashed frame: it is wrong."""
    cards = []
    for picture, label, probabilities in zip(samples.images, samples.labels, samples.probabilities, strict=True):
        best = np.argsort(probabilities)[::-1][:GUESSES]
        truth = escape(classes[label])
        right = best[0] == label
        guesses = "".join(
            f'<div class="guess"><div class="bar" style="width: {probabilities[i]:.1%}"></div>'
            f"<span><b>{escape(classes[i])}</b> {probabilities[i]:.0%}</span></div>"
            for i in best
        )
        cards.append(
            f'<div class="sample {"right" if right else "wrong"}"><div class="top">'
            f'<img src="{png(picture)}" alt="a test picture: {truth}">'
            f'<div class="truth">{"✓" if right else "✗"} it is<br><b>{truth}</b></div></div>{guesses}</div>'
        )
    return f'{STYLE}<div class="samples">{"".join(cards)}</div>'
