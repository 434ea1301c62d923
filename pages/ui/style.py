"""What the theme cannot say: less empty space above a page, no second Stop beside the run's own, and bars that jump."""

import streamlit as st

# Streamlit's running sign brings along a Stop that would halt the page's redrawing, and not the run.
# A bar that glides to its new place is painted thirty times on the way, which costs more than all else in a redraw.
STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }
.stStatusWidget { display: none; }
.stProgress [role="progressbar"] * { transition: none !important; }
</style>"""


def apply() -> None:
    st.html(STYLE)
