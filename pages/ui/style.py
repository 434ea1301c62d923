"""What the theme cannot say: less empty space above a page, and no second Stop beside the run's own."""

import streamlit as st

# Streamlit's running sign brings along a Stop that would halt the page's redrawing, and not the run.
STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }
.stStatusWidget { display: none; }
</style>"""


def apply() -> None:
    st.html(STYLE)
