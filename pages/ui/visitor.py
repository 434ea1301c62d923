"""Who is at this browser: a token in its cookie, which stays there from visit to visit, says so."""

import streamlit as st

from core.runs import Visitor, get_dispatcher
from core.runs.identity import clean_class_code, hash_token, is_valid_token, new_token

COOKIE = "learner"
cookie_component = st.components.v2.component(
    "cookie_component",
    js=f"""export default function({{ data }}) {{
        if (document.cookie.includes("{COOKIE}=")) return;  // of another tab: two must not take it from each other
        const secure = location.protocol === "https:" ? "; Secure" : "";
        document.cookie = `{COOKIE}=${{data}}; Path=/; Max-Age=31536000; SameSite=Strict${{secure}}`;
    }}""",
)


def identify_visitor() -> None:
    """At the beginning of every page: learn who this is, and of which class."""
    if "token" not in st.session_state:
        kept = st.context.cookies.get(COOKIE)
        st.session_state["token"] = kept if is_valid_token(kept) else new_token()
    if code := st.query_params.get("class"):
        try:
            st.session_state["classroom"] = clean_class_code(code)
        except ValueError as error:
            st.warning(str(error))
    elif st.session_state.get("classroom"):
        st.query_params["class"] = st.session_state["classroom"]  # the other pages' addresses lack it


def set_visitor_cookie() -> None:
    """At the end of every page, where it takes no room: give a browser that is new here its token to keep."""
    if COOKIE not in st.context.cookies:
        cookie_component(data=st.session_state["token"], key="cookie_component")


def visitor() -> Visitor:
    """Who is at this browser."""
    owner = hash_token(st.session_state["token"])
    engine = get_dispatcher()
    if "nickname" not in st.session_state:
        st.session_state["nickname"] = engine.store.nickname(owner)
    return Visitor(
        owner,
        st.session_state["nickname"],
        st.session_state.get("classroom", ""),
        teacher=engine.teacher_auth.is_teacher(owner),
    )
