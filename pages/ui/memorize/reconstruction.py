"""A sentence and the text generated from it, compared character by character."""

from html import escape
from itertools import groupby, zip_longest

from core.text import graphemes
from pages.ui.memorize.symbols import VISIBLE_WHITESPACE

STYLE = """<style>
.reconstruction { font-family: "Source Code Pro", monospace; font-size: 1.35rem; line-height: 2.1;
                  overflow-wrap: anywhere; white-space: break-spaces; }
.reconstruction .correct { border-bottom: 3px solid #009e73; }
.reconstruction .wrong { border-bottom: 3px double #d55e00; background: #fde6d8; color: #8a3200; font-weight: 700; }
.reconstruction .missing { color: #5b6770; border-bottom: 3px dotted #5b6770; }
</style>"""
CAPTION = "Single underline: correct. Double underline, shaded: wrong. Dot: missing."


def diff(sentence: str, generated: str) -> list[tuple[str, str]]:
    """Split the generated text into pieces (kind, text); kind is "correct", "wrong" (also: extra) or "missing"."""
    pairs = zip_longest(graphemes(sentence), graphemes(generated))
    marked = [
        ("missing", "·") if got is None else ("correct" if got == expected else "wrong", got) for expected, got in pairs
    ]
    return [(kind, "".join(text for _, text in piece)) for kind, piece in groupby(marked, key=lambda pair: pair[0])]


def reconstruction_html(sentence: str, generated: str) -> str:
    """Format the generated text as HTML that marks correct, wrong and missing characters; see CAPTION."""
    pieces = "".join(
        f'<span class="{kind}" title="{kind}">{_escape(text)}</span>' for kind, text in diff(sentence, generated)
    )
    return f'{STYLE}<div class="reconstruction" dir="auto">{pieces}</div>'


def unmarked_html(text: str) -> str:
    """Format text like `reconstruction_html`, without comparing it to a sentence."""
    return f'{STYLE}<div class="reconstruction" dir="auto">{_escape(text)}</div>'


def _escape(text: str) -> str:
    """Escape HTML and put a visible symbol before every line break and tab."""
    return escape("".join(f"{VISIBLE_WHITESPACE[c]}{c}" if c in "\n\t" else c for c in text))
