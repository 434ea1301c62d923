"""Going where the teacher goes."""

from urllib.parse import parse_qsl, urlencode

import streamlit as st

from core.classroom import ClassAccess
from pages.ui import kept_settings, run_panel, streamlit_internals
from pages.ui.classroom.session import class_access

NOT_SHARED = {"class", "view", "run"}  # what an address says about a browser, not about the settings
LEFT, FOLLOWED, PLACE = "follow_left", "followed_number", "place_before_follow"  # session state


def current_query() -> str:
    """Return the settings in the page's address."""
    return urlencode([(name, value) for name, value in st.query_params.items() if name not in NOT_SHARED])


def publish(access: ClassAccess, page: str) -> None:
    """Tell the class where its teacher is, if it follows."""
    state = access.state()
    if state and access.is_teacher and state.settings.follow:
        run_panel.try_action(access.lead, page, current_query())


def follow(access: ClassAccess, page: str) -> None:
    """Take a member to the teacher's page, once for every move of the teacher. Does not return if it does."""
    settings, session = access.settings(), st.session_state
    if not settings.follow:
        for key in (LEFT, FOLLOWED, PLACE):
            session.pop(key, None)
        return
    if session.get(LEFT) or session.get(FOLLOWED) == settings.follow_number:
        return
    session.setdefault(PLACE, (page, current_query()))
    session[FOLLOWED] = settings.follow_number
    go(settings.follow_page, settings.follow_query)


def is_following() -> bool:
    """Return whether the visitor follows the teacher."""
    return FOLLOWED in st.session_state and not st.session_state.get(LEFT)


def leave() -> None:
    """Go back to where the member was before (callback)."""
    st.session_state[LEFT] = True
    st.session_state["go_back"] = st.session_state.pop(PLACE, None)


def come_back() -> None:
    """Follow the teacher again (callback)."""
    for key in (LEFT, FOLLOWED):
        st.session_state.pop(key, None)


def go_back() -> None:
    """Go where `leave` wants to. Does not return if it does."""
    if place := st.session_state.pop("go_back", None):
        go(*place)


def go(page: str, query: str) -> None:
    """Open a page with settings, as a link does. Does not return."""
    kept_settings.forget()
    code = {"class": class_access().visitor.classroom}
    streamlit_internals.open_address(f"pages/{page or 'home'}.py", dict(parse_qsl(query)) | code)
