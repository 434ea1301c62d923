"""A sentence and the text generated from it, compared character by character."""

from html import escape
from itertools import zip_longest
from unicodedata import east_asian_width

from core.text import graphemes
from pages.ui.memorize.symbols import VISIBLE_WHITESPACE, display

TAGS = {"correct": "u", "wrong": "s", "missing": "small"}  # short: a redraw may send hundreds of them
CAPTION = "Single underline: correct. Double underline, shaded: wrong. Dot: missing."
MAX_EXTRA_CHARACTERS = 10  # that a network may generate after the end of the sentence
LARGE = 140  # characters that fit on the page in large type
LONG_WORD = 20  # characters; longer words are broken, because a phone has no room for them in one line


def diff(sentence: str, generated: str) -> list[tuple[str, str, str]]:
    """Split the generated text into pieces (kind, text, expected text).

    kind is "correct", "wrong" (also: extra) or "missing". A wrong piece ends where a word of the sentence ends.
    """
    pieces: list[tuple[str, str, str]] = []
    for wanted, got in zip_longest(graphemes(sentence), graphemes(generated)):
        piece = ("missing" if got is None else "correct" if got == wanted else "wrong", got or "·", wanted or "")
        if pieces and _continues(pieces[-1], piece):
            kind, text, expected = pieces.pop()
            piece = (kind, text + piece[1], expected + piece[2])
        pieces.append(piece)
    return pieces


def _continues(before: tuple[str, str, str], after: tuple[str, str, str]) -> bool:
    """Return whether two pieces are one."""
    if before[0] != after[0] or after[0] != "wrong":
        return before[0] == after[0]
    return bool(before[2]) == bool(after[2]) and not before[2][-1:].isspace()


def reconstruction_html(sentence: str, generated: str) -> str:
    """Format the generated text as HTML that marks correct, wrong and missing characters; see CAPTION."""
    size = "large" if len(graphemes(sentence)) <= LARGE else "medium"
    compared = diff(sentence, generated)
    breaks = line_breaks(sentence)
    extra = sum(len(graphemes(text)) for _, text, _ in compared) - len(breaks)
    breaks += ["<wbr>"] * max(extra, MAX_EXTRA_CHARACTERS)
    pieces, place = "", 0
    for kind, text, wanted in compared:
        shown = ""
        for character in graphemes(text):
            shown += _escape(character) if kind != "wrong" else escape(display(character))
            shown += "" if character == "\n" and kind == "correct" else breaks[place]
            place += 1
        title = f' title="{_explanation(wanted)}"' if kind == "wrong" else ""
        pieces += f"<{TAGS[kind]}{title}>{shown}</{TAGS[kind]}>"
    room = "".join(f"<i></i>{each}" for each in breaks[place:])
    return f'<div class="reconstruction fixed {size}" dir="auto" role="status">{pieces}{room}</div>'


def line_breaks(sentence: str) -> list[str]:
    """Return what stands after each character: a tag where a line may or must end, else "".

    A line may end between words, and anywhere in a word that is long or has wide characters, such as Chinese ones.
    """
    parts, breaks, start = graphemes(sentence), [], 0
    for end, character in enumerate(parts, 1):
        if end == len(parts) or character.isspace():
            word = parts[start:end]
            fits = len(word) <= LONG_WORD and not any(east_asian_width(part[0]) in "WF" for part in word)
            breaks += [("" if fits else "<wbr>")] * (len(word) - 1) + ["<br>" if character == "\n" else "<wbr>"]
            start = end
    return breaks


def _explanation(wanted: str) -> str:
    """Return what a reader sees who points at wrong characters."""
    right = "".join(map(display, graphemes(wanted)))
    return f"should be {escape(right)}" if wanted else "after the end"


def unmarked_html(text: str) -> str:
    """Format text like `reconstruction_html`, without comparing it to a sentence."""
    return f'<div class="reconstruction" dir="auto">{_escape(text)}</div>'


def _escape(text: str) -> str:
    """Escape HTML and put a visible symbol before every line break and tab."""
    return escape("".join(f"{VISIBLE_WHITESPACE[c]}{c}" if c in "\n\t" else c for c in text))
