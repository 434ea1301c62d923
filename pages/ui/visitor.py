"""Who is at this browser: a token in its cookie, which stays there from visit to visit, says so."""

import streamlit as st

from core.runs import Visitor, get_engine
from core.runs.people import check_code, fingerprint, is_token, new_token

COOKIE = "learner"
keep_token = st.components.v2.component(
    "keep_token",
    js=f"""export default function({{ data }}) {{
        if (document.cookie.includes("{COOKIE}=")) return;  // of another tab: two must not take it from each other
        const secure = location.protocol === "https:" ? "; Secure" : "";
        document.cookie = `{COOKIE}=${{data}}; Path=/; Max-Age=31536000; SameSite=Strict${{secure}}`;
    }}""",
)


def recognise() -> None:
    """At the beginning of every page: learn who this is, and of which class."""
    if "token" not in st.session_state:
        kept = st.context.cookies.get(COOKIE)
        st.session_state["token"] = kept if is_token(kept) else new_token()
    if code := st.query_params.get("class"):
        try:
            st.session_state["classroom"] = check_code(code)
        except ValueError as error:
            st.warning(str(error))
    elif st.session_state.get("classroom"):
        st.query_params["class"] = st.session_state["classroom"]  # the other pages' addresses lack it


def remember() -> None:
    """At the end of every page, where it takes no room: give a browser that is new here its token to keep."""
    if COOKIE not in st.context.cookies:
        keep_token(data=st.session_state["token"], key="keep_token")


def visitor() -> Visitor:
    """Who is at this browser."""
    owner = fingerprint(st.session_state["token"])
    engine = get_engine()
    if "nickname" not in st.session_state:
        st.session_state["nickname"] = engine.store.nickname(owner)
    return Visitor(
        owner, st.session_state["nickname"], st.session_state.get("classroom", ""), teacher=owner in engine.staff_room
    )
