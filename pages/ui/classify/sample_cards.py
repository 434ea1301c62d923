"""A row of small cards: images with the class that the network predicts."""

from html import escape

import numpy as np

from core.classify import Samples
from pages.ui.classify.images import png_data_url

MAX_CARDS = 10
LONG_NAME = 4  # characters


def compact_samples_html(samples: Samples, classes: tuple[str, ...]) -> str:
    """Draw one card per image, at most MAX_CARDS: the predicted class and its probability. Dashed: wrong."""
    cards = []
    rows = zip(samples.images, samples.labels, samples.probabilities, strict=True)
    for image, label, probabilities in list(rows)[:MAX_CARDS]:
        best = int(np.argmax(probabilities))
        correct = best == label
        kind, mark = ("correct", "✓") if correct else ("wrong", "✗")
        name, truth = escape(classes[best]), escape(classes[label])
        long = " long" if len(classes[best]) > LONG_NAME else ""
        title = f"{kind}: label {truth}, prediction {name} with {probabilities[best]:.0%}"
        cards.append(
            f'<div class="card {kind}" title="{title}">'
            f'<img src="{png_data_url(image)}" alt="validation image: {truth}">'
            f'<div class="class{long}">{mark} {name}</div>'
            f'<div class="probability">{probabilities[best]:.0%}</div></div>'
        )
    return f'<div class="cards" role="group" aria-label="Predictions on validation images">{"".join(cards)}</div>'


def placeholder_html(count: int) -> str:
    """Draw as many empty cards, so that nothing moves when the first predictions come."""
    cards = '<div class="card empty"></div>' * min(count, MAX_CARDS)
    return f'<div class="cards" aria-hidden="true">{cards}</div>'
