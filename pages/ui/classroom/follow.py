"""Going where the teacher goes."""

from urllib.parse import parse_qs, urlencode

import streamlit as st

from core.classroom import ClassAccess
from pages.ui import kept_settings, lesson_link, run_panel, streamlit_internals
from pages.ui.classroom.session import COVERED_TAB, class_access

NOT_SHARED = {"class", "view", "run"}  # what an address says about a browser, not about the settings
DEPARTURE_SECONDS = 0.3  # in which the browser forgets the widgets of the page before
LINE = "class line"  # key of the fragment that looks at the class
# session state
LEFT, FOLLOWED, PLACE = "follow_left", "followed_number", "place_before_follow"
GOING, ON_THE_WAY = "going_to", "on_the_way"


def current_query() -> str:
    """Return the settings in the page's address."""
    query = {name: st.query_params.get_all(name) for name in st.query_params if name not in NOT_SHARED}
    return urlencode(query, doseq=True)


def publish(access: ClassAccess, page: str) -> None:
    """Tell the class where its teacher is, if it follows."""
    state = access.state()
    if state and access.is_teacher and state.settings.follow:
        run_panel.try_action(access.lead, page, current_query())


def notice(access: ClassAccess, page: str) -> None:
    """Note that a member has to go to the teacher's page, once for every move of the teacher."""
    settings, session = access.settings(), st.session_state
    if not settings.follow:
        for key in (LEFT, FOLLOWED, PLACE):
            session.pop(key, None)
    elif not session.get(LEFT) and session.get(FOLLOWED) != settings.follow_number:
        session.setdefault(PLACE, (page, current_query()))
        session[FOLLOWED] = settings.follow_number
        session[GOING] = settings.follow_page, settings.follow_query


def is_following() -> bool:
    """Return whether the visitor follows the teacher."""
    return FOLLOWED in st.session_state and not st.session_state.get(LEFT)


def leave() -> None:
    """Go back to where the member was before (callback)."""
    st.session_state[LEFT] = True
    if place := st.session_state.pop(PLACE, None):
        st.session_state[GOING] = place


def come_back() -> None:
    """Follow the teacher again (callback)."""
    for key in (LEFT, FOLLOWED):
        st.session_state.pop(key, None)


def is_on_the_way() -> bool:
    """Return whether the browser shows that the member is on the way, so that the page may be opened."""
    return ON_THE_WAY in st.session_state


def is_going() -> bool:
    """Return whether the member has to go to another page."""
    return GOING in st.session_state


def arrive() -> None:
    """Open the page that the member is on the way to, with its settings, as a link does; return if there is none.

    The browser shows none of the old page's widgets then and has forgotten their values, so those in the address count.
    """
    if st.session_state.pop(ON_THE_WAY, False) and is_going():
        page, query = st.session_state.pop(GOING)
        kept_settings.forget()
        lesson_link.forget_links()
        for key in ("tab", COVERED_TAB):
            st.session_state.pop(key, None)
        code = {"class": [class_access().visitor.classroom]}
        streamlit_internals.open_address(f"pages/{page or 'home'}.py", parse_qs(query, keep_blank_values=True) | code)


def depart() -> None:
    """Say that the member is on the way, and have the line rerun the page at once, which then arrives."""
    st.session_state[ON_THE_WAY] = True
    streamlit_internals.set_refresh_interval(LINE, DEPARTURE_SECONDS)
    st.markdown("Going to another page …")
