"""How single characters are displayed: whitespace is visible, and START and END have symbols."""

import re

from core.memorize import Alphabet
from core.text import graphemes

START_SYMBOL, END_SYMBOL = "▶", "■"
VISIBLE_WHITESPACE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def display(character: str) -> str:
    """Return a visible form of a single character."""
    return VISIBLE_WHITESPACE.get(character, character)


def display_id(alphabet: Alphabet, token_id: int) -> str:
    """Return a visible form of a token."""
    tokens = {Alphabet.START: START_SYMBOL, Alphabet.END: END_SYMBOL}
    return tokens.get(token_id) or display(alphabet.decode([token_id]))


def input_symbols(sentence: str) -> list[str]:
    """Return what the network reads, step by step: START, then every character."""
    return [START_SYMBOL, *map(display, graphemes(sentence))]


def target_symbols(sentence: str) -> list[str]:
    """Return the correct predictions, step by step: every character, then END."""
    return [*map(display, graphemes(sentence)), END_SYMBOL]


def as_code(text: str) -> str:
    """Format part of a sentence as inline code in Markdown."""
    shown = "".join(map(display, graphemes(text)))
    runs = re.findall("`+", shown)
    if not runs:
        return f"`{shown}`"
    fence = "`" * (len(max(runs, key=len)) + 1)  # longer than any run of backticks inside, which would end the code
    return f"{fence} {shown} {fence}"
