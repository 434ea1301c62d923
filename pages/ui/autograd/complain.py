"""What a student sees of a formula that does not work."""

import streamlit as st

from core.expression import ExpressionError
from pages.ui.texts import plain


def complain(error: ExpressionError) -> None:
    """The sentence, and the formula with carets under the place that it is about."""
    st.error(plain(str(error)), icon=":material/edit:")
    st.code(error.pointer, language=None)
