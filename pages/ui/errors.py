"""What a page says while the store of all runs cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.runs import StoreUnavailable


@contextmanager
def show_store_errors() -> Iterator[None]:
    """Draw what is inside, up to where the store fails; there a sentence says what is the matter."""
    try:
        yield
    except StoreUnavailable as error:
        st.error(str(error), icon=":material/cloud_off:")
