"""What the theme cannot say: less empty space above a page, so that a projector shows more of it."""

import streamlit as st


def apply() -> None:
    st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }</style>")
