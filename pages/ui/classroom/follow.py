"""Going where the teacher goes.

A member's browser loads the teacher's address, as a link does, so that it determines all settings. What must be known
afterwards is a part of the address: the number of the teacher's move, and where the member was before.
"""

import re
from urllib.parse import urlencode

import streamlit as st

from core.classroom import ClassAccess
from pages.ui import run_panel
from pages.ui.classroom.session import class_access

MOVE, BACK = "move", "back"  # parameters of an address that was followed
LEAVING = "left"  # value of MOVE for a member who goes back
NOT_SHARED = {"class", "view", "run", MOVE, BACK}  # what an address says about a browser, not about the settings
OWN_ADDRESS = re.compile(r"(\./|[a-z]+)\?.*")  # a page of this server: BACK could have been typed
PUBLISHED = "published_place"  # session state: page and settings that a teacher's tab showed last
LEFT, FOLLOWED, PLACE, GOING = "follow_left", "followed_number", "place_before_follow", "going_to"  # session state
browser = st.components.v2.component(
    "go_to_address",
    js="""export default function({ data }) {
        if (window.leavingFor === data) return;  // a redraw, while the browser is loading the page
        window.leavingFor = data;
        window.location.replace(data);
    }""",
)


def current_query() -> str:
    """Return the settings in the page's address."""
    query = {name: st.query_params.get_all(name) for name in st.query_params if name not in NOT_SHARED}
    return urlencode(query, doseq=True)


def publish(access: ClassAccess, page: str) -> None:
    """Tell the class where its teacher has gone in this browser tab, if it follows.

    A tab that shows the same as before says nothing, so two tabs of one teacher do not pull the class back and forth.
    """
    if not access.is_teacher:
        return
    place = page, current_query()
    moved = st.session_state.get(PUBLISHED) != place
    st.session_state[PUBLISHED] = place
    state = access.state()
    if moved and state and state.settings.follow:
        run_panel.try_action(access.lead, *place)


def notice(access: ClassAccess, page: str) -> None:
    """Note whether a member has to go to the teacher's page, once for every move of the teacher."""
    settings, session = access.settings(), st.session_state
    if MOVE in st.query_params:
        move, back = st.query_params.pop(MOVE), st.query_params.pop(BACK, "")
        session[FOLLOWED], session[PLACE] = move, back if OWN_ADDRESS.fullmatch(back) else ""
        session[LEFT] = move == LEAVING
        session.pop(GOING, None)
    if not settings.follow:
        for key in (LEFT, FOLLOWED, PLACE, GOING):
            session.pop(key, None)
    elif not session.get(LEFT) and session.get(FOLLOWED) != str(settings.follow_number):
        back = session.get(PLACE) or address(page, current_query())
        arrival = {MOVE: str(settings.follow_number), BACK: back}
        session[GOING] = address(settings.follow_page, settings.follow_query, arrival)


def address(page: str, query: str, more: dict[str, str] | None = None) -> str:
    """Return the address of a page of this server, relative to every other one."""
    own = urlencode({"class": class_access().visitor.classroom} | (more or {}))
    return f"{page or './'}?{'&'.join(filter(None, [query, own]))}"


def is_following() -> bool:
    """Return whether the visitor follows the teacher."""
    return FOLLOWED in st.session_state and not st.session_state.get(LEFT)


def leave() -> None:
    """Go back to where the member was before (callback)."""
    st.session_state[LEFT] = True
    if place := st.session_state.pop(PLACE, ""):
        st.session_state[GOING] = f"{place}&{MOVE}={LEAVING}"


def come_back() -> None:
    """Follow the teacher again (callback)."""
    for key in (LEFT, FOLLOWED):
        st.session_state.pop(key, None)


def is_going() -> bool:
    """Return whether the member has to go to another page."""
    return GOING in st.session_state


def depart() -> None:
    """Have the browser load the page."""
    st.markdown("Going to another page …")
    browser(data=st.session_state[GOING], key="go_to_address")
