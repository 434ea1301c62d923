"""Components that run in the browser, each a folder of `browser/` with HTML, CSS and JavaScript."""

from pathlib import Path
from threading import Lock
from typing import Any

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from pages.ui.streamlit_internals import serve_component_files

FOLDER = Path(__file__).with_name("browser")
# Streamlit sends a component's source with every redraw, so this is all of it. The address is relative to the page's.
LOADER = """const address = new URL("_stcore/bidi-components/{name}/{file}", document.baseURI);
export default (await import(address)).default;"""
_lock = Lock()


def load_component(name: str) -> ComponentRenderer:
    """Return the component made of the files name.html, name.css and name.js in its folder.

    The browser fetches the JavaScript once, from its file, which may import others of the folder. HTML and CSS are
    sent with every redraw, so that nothing is ever seen without its style.

    JavaScript's default export is called with `{data, parentElement}` when the component appears and whenever its
    data or the theme changes. What it returns is called when the component disappears.
    """
    folder, key = FOLDER / name, f"dashboard.{name}"
    html, css = (folder.joinpath(f"{name}{suffix}").read_text("utf-8") for suffix in (".html", ".css"))
    component = st.components.v2.component(key, html=html, css=css, js=LOADER.format(name=key, file=f"{name}.js"))

    def show(**options: Any) -> Any:
        with _lock:  # two browsers may open the first page at once
            serve_component_files(key, folder)
        return component(**options)

    return show
