"""A row of small cards: images with the class that the network predicts."""

from html import escape

import numpy as np

from core.classify import Samples
from pages.ui.classify.images import png_data_url

STYLE = """<style>
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(4.6rem, 1fr)); gap: 0.4rem; }
.card { padding: 0.25rem; border-radius: 0.4rem; border: 3px solid #009e73; text-align: center; min-height: 6.6rem; }
.card.wrong { border: 3px dashed #d55e00; }
.card.empty { border: 3px dotted rgb(128 128 128 / 0.5); }
.card img { width: 2.7rem; height: 2.7rem; image-rendering: pixelated; border-radius: 0.2rem; }
.card .class { font-size: 1.15rem; font-weight: 700; line-height: 1.25; overflow: hidden; text-overflow: ellipsis;
               white-space: nowrap; }
.card .long { font-size: 0.85rem; }
.card .probability { font-size: 0.95rem; line-height: 1.2; }
@media (max-width: 640px) { .cards { grid-template-columns: repeat(5, 1fr); gap: 0.2rem; }
  .card { min-height: 4.3rem; padding: 0.1rem; } .card img { width: 2rem; height: 2rem; }
  .card .probability { display: none; } }
</style>"""
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
    return (
        f'{STYLE}<div class="cards" role="group" aria-label="Predictions on validation images">{"".join(cards)}</div>'
    )


def placeholder_html(count: int) -> str:
    """Draw as many empty cards, so that nothing moves when the first predictions come."""
    cards = '<div class="card empty"></div>' * min(count, MAX_CARDS)
    return f'{STYLE}<div class="cards" aria-hidden="true">{cards}</div>'
