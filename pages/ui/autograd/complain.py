"""What a student sees of a formula that does not work."""

import streamlit as st

from core.expression import ExpressionError


def complain(error: ExpressionError) -> None:
    """The sentence, and the formula with carets under the place that it is about."""
    st.error(str(error), icon=":material/edit:")
    st.code(error.pointer, language=None)
