"""The way into a page leads through app.py, also for the first address that a new server is asked for."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def ensure_run_from_app() -> None:
    """Begin again with app.py where Streamlit has run a page's file by itself.

    It does so with every file in a folder of the name pages/, until `st.navigation` was called once in this server:
    whoever follows a link to a page right after the server was started would get it without title, width and doors.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
