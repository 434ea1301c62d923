"""What a student sees of a formula that does not work."""

import streamlit as st

from core.autograd.expression import ExpressionError
from pages.ui.markdown import escape_markdown


def complain(error: ExpressionError) -> None:
    """The sentence, and the formula with carets under the place that it is about."""
    st.error(escape_markdown(str(error)), icon=":material/edit:")
    st.code(error.pointer, language=None)
