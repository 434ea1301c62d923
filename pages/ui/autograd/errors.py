"""Error messages for formulas."""

import streamlit as st

from core.autograd.expression import ExpressionError
from pages.ui.markdown import escape_markdown


def show_formula_error(error: ExpressionError) -> None:
    """Show the message, and the formula with carets under the wrong characters."""
    st.error(escape_markdown(str(error)), icon=":material/edit:")
    st.code(error.pointer, language=None)
