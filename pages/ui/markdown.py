"""Show user input in Markdown exactly as it was typed."""

import re

WORD_JOINER = "\u2060"  # has no width


def escape_markdown(text: str) -> str:
    """Escape text that users typed, so that Markdown does not turn it into links, images, icons or formulas."""
    one_line = text.replace("\n", " ").strip()
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~$:&@=+-]|(?<=^\d)[.)]|(?<=^\d\d)[.)])", r"\\\1", one_line)
    # URLs, icons and arrows are detected after backslashes are gone, so their characters must not stay adjacent.
    return re.sub(r"(\\[:@=>-]|(?<=www)\.|(?<=material)/)", rf"{WORD_JOINER}\1", escaped, flags=re.IGNORECASE)
