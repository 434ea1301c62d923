"""The "Code" view: the source that runs, read from the running objects, so that the two cannot drift apart."""

from collections.abc import Callable

import streamlit as st

from core.parsing import source


def show_code(*objects: type | Callable) -> None:
    """An expander with a tab for each class or function, which shows its source and where it stands."""
    with st.expander("Code: what you see running", icon=":material/code:"):
        for tab, thing in zip(st.tabs([thing.__name__ for thing in objects]), objects, strict=True):
            text, first_line = source(thing)
            tab.caption(f"`{thing.__module__.replace('.', '/')}.py`, line {first_line}")
            tab.code(text, language="python")
