"""How characters are written where each of them counts: blanks can be seen, and the two tokens have signs."""

from core.memorize import Alphabet
from core.text import graphemes

START_SIGN, END_SIGN = "▶", "■"
VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def visible(character: str) -> str:
    """A single character, so that it can be seen."""
    return VISIBLE.get(character, character)


def sign(alphabet: Alphabet, number: int) -> str:
    """What stands for a number of the alphabet."""
    return {Alphabet.START: START_SIGN, Alphabet.END: END_SIGN}.get(number) or visible(alphabet.decode([number]))


def prepare_inputs(sentence: str) -> list[str]:
    """What the network reads, step by step: START, then every character."""
    return [START_SIGN, *map(visible, graphemes(sentence))]


def targets_of(sentence: str) -> list[str]:
    """What should come next, step by step: every character, then END."""
    return [*map(visible, graphemes(sentence)), END_SIGN]


def quoted(text: str) -> str:
    """A piece of the sentence inside a text in Markdown."""
    shown = "".join(map(visible, graphemes(text)))
    fence = "``" if "`" in shown else "`"
    return f"{fence}{shown}{fence}" if fence == "`" else f"{fence} {shown} {fence}"
