"""The player: a recorded run of Memorize, played in the browser without a worker or a rerun."""

import math

from core.memorize import recording
from core.text import graphemes
from pages.ui.browser_component import load_component

player = load_component("player")


def show() -> None:
    """Show the player."""
    recorded = recording.load()
    tokens = len(set(graphemes(recorded.sentence))) + 1  # the next token is one of these characters, or END
    player(
        key="player",
        data={
            "sentence": graphemes(recorded.sentence),
            "texts": [graphemes(text) for text in recorded.texts],
            "losses": recorded.losses,
            "guessing": math.log(tokens),
        },
    )
