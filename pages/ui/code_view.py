"""The code view: source code read from the running objects, so that it cannot differ from what runs."""

from collections.abc import Callable

import streamlit as st

from core.source import source


def show_code(*objects: type | Callable) -> None:
    """Show an expander with one tab per class or function: its source, file and line.

    It is filled only when it is opened: hundreds of highlighted lines make every rerun of the page slower.
    """
    names = [thing.__name__ for thing in objects]
    view = st.expander(
        "Code that runs here",
        icon=":material/code:",
        key=f"code from {names[0]} to {names[-1]}",
        on_change="rerun",
    )
    if not view.open:
        return
    with view:
        for tab, thing in zip(st.tabs(names), objects, strict=True):
            tab.caption(source_location(thing))
            tab.code(source(thing)[0], language="python")


def source_location(thing: type | Callable, line: int | None = None) -> str:
    """Return the file and line of a class or function in Markdown. line: a line inside it, by default its first."""
    return f"`{thing.__module__.replace('.', '/')}.py`, line {line or source(thing)[1]}"
