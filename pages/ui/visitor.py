"""The visitor: identified by a random token in a cookie that the browser keeps between visits."""

import streamlit as st

from core.runs import Visitor, get_dispatcher
from core.runs.identity import hash_token, is_valid_token, new_token

COOKIE = "learner"
cookie_component = st.components.v2.component(
    "cookie_component",
    js=f"""export default function({{ data }}) {{
        if (/(^|; ){COOKIE}=/.test(document.cookie)) return;  // another tab has set it: tabs must share one token
        const secure = location.protocol === "https:" ? "; Secure" : "";
        document.cookie = `{COOKIE}=${{data}}; Path=/; Max-Age=31536000; SameSite=Strict${{secure}}`;
    }}""",
)


def identify_visitor() -> None:
    """Read the visitor's token. Call it at the start of every page."""
    if "token" not in st.session_state:
        token = st.context.cookies.get(COOKIE)
        st.session_state["token"] = token if is_valid_token(token) else new_token()


def set_visitor_cookie() -> None:
    """Store the token in a browser that has none. Call it at the end of a page, where the component takes no space."""
    if COOKIE not in st.context.cookies:
        cookie_component(data=st.session_state["token"], key="cookie_component")


def visitor() -> Visitor:
    """Return the visitor of the current session."""
    visitor_id = hash_token(st.session_state["token"])
    dispatcher = get_dispatcher()
    if "nickname" not in st.session_state:
        st.session_state["nickname"] = dispatcher.store.nickname(visitor_id)
    return Visitor(
        visitor_id,
        st.session_state["nickname"],
        st.session_state.get("classroom", ""),
        teacher=dispatcher.teacher_auth.is_teacher(visitor_id),
        address=visitor_address(),
    )


def visitor_address() -> str:
    """Return the network address of the visitor's browser; "" on this machine.

    Behind a proxy on this machine it is the address that the proxy has added to X-Forwarded-For. Anything before that
    comes from the visitor.
    """
    forwarded = st.context.headers.get("X-Forwarded-For", "")
    return st.context.ip_address or forwarded.rpartition(",")[2].strip()


def may_teach() -> bool:
    """Return whether the visitor may see a teacher's plans and answers.

    On a server without a teacher password nobody can log in and there are no classes, so everyone may.
    """
    teacher_auth = get_dispatcher().teacher_auth
    return not teacher_auth.password or teacher_auth.is_teacher(hash_token(st.session_state["token"]))
