"""Error messages that every page shows."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.runs import StoreUnavailable


@contextmanager
def show_store_errors() -> Iterator[None]:
    """Run the block; if the run database is unavailable, show its message."""
    try:
        yield
    except StoreUnavailable as error:
        st.error(str(error), icon=":material/cloud_off:")
