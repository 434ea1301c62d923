"""Text as readers see it: counting characters and cleaning user input."""

from __future__ import annotations

import unicodedata
from typing import Any

import regex

CSV_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet evaluates text that starts with one of these


def graphemes(text: str) -> list[str]:
    """Split text into characters as a reader counts them: an emoji with its skin tone is one.

    These are Unicode's extended grapheme clusters (UAX #29).
    """
    if text.isascii() and "\r" not in text:  # most sentences; the only cluster of ASCII is a line break of two
        return list(text)
    return regex.findall(r"\X", text)


def escape_csv_formula(value: Any) -> Any:
    """Put a quote in front of text that a spreadsheet would evaluate; return anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(CSV_FORMULA_PREFIXES) else value


def unify_line_breaks(text: str) -> str:
    """Write every line break as a line feed. On Windows and in web addresses, it is often "\\r\\n"."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean_text(text: str, limit: int, what: str) -> str:
    """Strip surrounding spaces, unify line breaks, and check the text.

    limit: maximum number of characters. what: the text's name in error messages, such as "A nickname".
    Raises ValueError if it is too long or contains control characters other than line breaks.
    """
    text = unify_line_breaks(text.strip())
    if len(graphemes(text)) > limit or len(text) > 8 * limit:
        raise ValueError(f"{what} may have at most {limit:,} characters. Please shorten it.")
    if any(unicodedata.category(symbol) in ("Cc", "Cs") and symbol != "\n" for symbol in text):
        raise ValueError(f"{what} contains an invisible control character. Please delete it.")
    return text
