"""The style that Streamlit's theme options cannot express."""

import streamlit as st

# Streamlit's status widget is hidden because its Stop button stops the page's script, not the training run.
# Progress bars jump: animating them repaints the page continuously and takes a third of the cost of a redraw.
STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }
.stStatusWidget { display: none; }
.stProgress [role="progressbar"] * { transition: none !important; }
</style>"""


def inject_css() -> None:
    """Add the style to the page."""
    st.html(STYLE)
