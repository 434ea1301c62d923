"""What a student typed, shown as it is; and where it does not work, with the reason and the place."""

import re

import streamlit as st

from core.expression import ExpressionError


def plain(text: str) -> str:
    """The text for where the page reads Markdown: a**2*b**2 shall not become bold."""
    return re.sub(r"([\\`*_\[\]<>$:~#])", r"\\\1", text)


def complain(error: ExpressionError) -> None:
    """The sentence, and the formula with carets under the place that it is about."""
    st.error(plain(str(error)), icon=":material/edit:")
    st.code(error.pointer, language=None)
