"""The styles of pages, in the files of `styles/`, and the parts of a page whose height follows the window."""

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.theme import DARK, colors, is_projector_view

FOLDER = Path(__file__).with_name("styles")
PROJECTOR = "projector.css"  # only for the projector view, after all others
# Streamlit writes white on the primary colour, which in the dark theme is bright.
DARK_STYLE = '[data-testid="stBaseButton-primary"]:enabled { color: #0f1720; }'


@cache
def read_style(projector: bool) -> str:
    """Return the styles of all parts of a page."""
    files = sorted(file for file in FOLDER.glob("*.css") if file.name != PROJECTOR)
    return "".join(file.read_text("utf-8") for file in [*files, *[FOLDER / PROJECTOR][:projector]])


def inject_css() -> None:
    """Add the styles to the page. Parts that are redrawn often do not bring their styles along."""
    dark = DARK_STYLE if colors() is DARK else ""
    st.html(f"<style>{read_style(is_projector_view())}{dark}</style>")


def window_high() -> DeltaGenerator:
    """Return a container that is as high as the window allows. Charts in it need the height "stretch"."""
    return st.container(key="window_high")


def high_curve() -> DeltaGenerator:
    """Return a container for one chart that is higher in a high window. The chart needs the height "stretch"."""
    return st.container(key="high_curve")
