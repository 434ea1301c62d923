"""Settings that survive a visit to another page, whichever way the visitor comes back.

Streamlit forgets the state of widgets that a page does not show. The browser's Back brings an address without the
settings, which sets the widgets to their defaults.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui.classroom import locks

KEPT, PAGE, ENTERED, REPEATED = "kept_settings", "current_page", "page_was_entered", "page_repeated"  # session state


def note_page(url_path: str) -> None:
    """Note which page is run. Call it before the page runs."""
    st.session_state[ENTERED] = st.session_state.get(PAGE) != url_path
    st.session_state[PAGE] = url_path


@contextmanager
def keep_settings(*keys: str) -> Iterator[None]:
    """Give the widgets with these keys, when their page is entered, their last values, unless the URL has others.

    The block shows the widgets.
    """
    kept = st.session_state.setdefault(KEPT, {})
    entered, repeated = st.session_state.get(ENTERED), st.session_state.pop(REPEATED, False)
    last = {key: kept[key] for key in keys if key in kept and key not in st.query_params} if entered or repeated else {}
    st.session_state.update(last)
    locked = locks.enforce(keys)
    yield
    locks.check(locked)
    if entered and any(st.session_state.get(key) != value for key, value in last.items()):
        st.session_state[REPEATED] = True  # after Back, Streamlit sets the defaults in the first run
        st.rerun()
    kept.update({key: st.session_state[key] for key in keys if key in st.session_state})
