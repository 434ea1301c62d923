"""A sentence and what came back of it, character by character."""

import re
from html import escape
from itertools import groupby, zip_longest

from core.text import graphemes

STYLE = """<style>
.said { font-family: "Source Code Pro", monospace; font-size: 1.35rem; line-height: 2.1; overflow-wrap: anywhere;
        white-space: break-spaces; }
.said .right { border-bottom: 3px solid #009e73; }
.said .wrong { border-bottom: 3px double #d55e00; background: #fde6d8; color: #8a3200; font-weight: 700; }
.said .missing { color: #5b6770; border-bottom: 3px dotted #5b6770; }
</style>"""

WORD_JOINER = "\u2060"  # takes no room
VISIBLE = {"\n": "⏎\n", "\t": "⇥\t", " ": " "}


def compare(sentence: str, said: str) -> list[tuple[str, str]]:
    """What came back in pieces, each with how it is: right, wrong (also: too much) or missing."""
    pairs = zip_longest(graphemes(sentence), graphemes(said))
    marked = [
        ("missing", "·") if got is None else ("right" if got == expected else "wrong", got) for expected, got in pairs
    ]
    return [(kind, "".join(text for _, text in piece)) for kind, piece in groupby(marked, key=lambda pair: pair[0])]


def reconstruction_html(sentence: str, said: str) -> str:
    """What came back as HTML: right characters underlined once, wrong ones twice and shaded, missing ones as dots."""
    pieces = "".join(
        f'<span class="{kind}" title="{kind}">{escape("".join(VISIBLE.get(c, c) for c in text))}</span>'
        for kind, text in compare(sentence, said)
    )
    return f'{STYLE}<div class="said" dir="auto">{pieces}</div>'


def escape_markdown(text: str) -> str:
    """What somebody typed, so that Markdown shows it as it is: no link, picture, icon or formula is made of it."""
    one_line = text.replace("\n", " ").strip()
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~$:&@=+-]|(?<=^\d)[.)]|(?<=^\d\d)[.)])", r"\\\1", one_line)
    # Addresses, icons and arrows are found afterwards, where no backslash is left: their signs must not stay together.
    return re.sub(r"(\\[:@=>-]|(?<=www)\.|(?<=material)/)", rf"{WORD_JOINER}\1", escaped, flags=re.IGNORECASE)
