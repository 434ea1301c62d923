"""Components that run in the browser: HTML, CSS and JavaScript in files beside the module that shows them."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer


def load_component(module_file: str, *parts: str) -> ComponentRenderer:
    """Register the component made of the .html, .css and .js file with the name of this Python file.

    parts: further JavaScript files in the same folder. They come before the .js file, whose functions may use theirs.

    JavaScript's default export is called with `{data, parentElement}` when the component appears and whenever its
    data or the theme changes. What it returns is called when the component disappears.
    """
    path = Path(module_file)
    html, css, js = (path.with_suffix(suffix).read_text("utf-8") for suffix in (".html", ".css", ".js"))
    js = "\n".join([*(path.with_name(part).read_text("utf-8") for part in parts), js])
    return st.components.v2.component(path.stem, html=html, css=css, js=js)
