"""The "Code" view: the source that runs, read from the running objects, so that the two cannot drift apart."""

from collections.abc import Callable

import streamlit as st

from core.source import source


def show_code(*objects: type | Callable) -> None:
    """An expander with a tab for each class or function, which shows its source and where it stands.

    It is filled when it is opened: hundreds of coloured lines make every redraw of the page dearer.
    """
    names = [thing.__name__ for thing in objects]
    view = st.expander(
        "Code: what you see running",
        icon=":material/code:",
        key=f"code from {names[0]} to {names[-1]}",
        on_change="rerun",
    )
    if not view.open:
        return
    with view:
        for tab, thing in zip(st.tabs(names), objects, strict=True):
            text, first_line = source(thing)
            tab.caption(f"`{thing.__module__.replace('.', '/')}.py`, line {first_line}")
            tab.code(text, language="python")
