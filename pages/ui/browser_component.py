"""Components that run in the browser, each a folder of `browser/` with HTML, CSS and JavaScript."""

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from pages.ui.streamlit_internals import serve_component_files

FOLDER = Path(__file__).with_name("browser")


def load_component(name: str) -> ComponentRenderer:
    """Return the component made of the files name.html, name.css and name.js in its folder.

    The browser fetches the JavaScript once, from its file, which may import others of the folder. HTML and CSS are
    sent with every redraw, so that nothing is ever seen without its style.

    JavaScript's default export is called with `{data, parentElement}` when the component appears and whenever its
    data or the theme changes. What it returns is called when the component disappears.
    """
    folder = FOLDER / name
    html, css = (folder.joinpath(f"{name}{suffix}").read_text("utf-8") for suffix in (".html", ".css"))
    key, lock = f"dashboard.{name}", Lock()

    @cache
    def component() -> ComponentRenderer:
        return st.components.v2.component(key, html=html, css=css, js=f"{name}.js")

    def show(**options: Any) -> Any:
        with lock:  # two browsers may open the first page at once
            serve_component_files(key, folder)
            show_component = component()
        return show_component(**options)

    return show
