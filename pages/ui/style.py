"""What the theme cannot say: less empty space above a page, no second Stop beside the run's own, and bars that jump."""

import streamlit as st

# Streamlit's running sign brings along a Stop that would halt the page's redrawing, and not the run.
# A bar that glides to its new place is painted again and again on the way, which is a third of what a redraw costs.
STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }
.stStatusWidget { display: none; }
.stProgress [role="progressbar"] * { transition: none !important; }
</style>"""


def inject_css() -> None:
    st.html(STYLE)
