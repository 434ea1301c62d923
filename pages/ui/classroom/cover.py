"""What stands in place of a page: joining, a page that is closed, a question, or "eyes up".

The page itself is not run meanwhile, so nothing of it reaches the browser.
"""

from collections.abc import Callable

import streamlit as st

from core.classroom import ClassAccess
from pages.ui import kept_settings, run_panel
from pages.ui.classroom import follow, question
from pages.ui.classroom.session import CLASS_PAGE, COVERED_TAB, HOME_PAGE, class_access, leave_class
from pages.ui.markdown import escape_markdown

STYLE = """<style>
.st-key-cover { max-width: 46rem; margin: 4vh auto 0; }
.st-key-cover h2 { font-size: 2rem; line-height: 1.25; }
</style>"""


def find_cover(access: ClassAccess, page: str) -> Callable[[], None] | None:
    """Return what draws the cover of the page with this address; None if the page may be shown."""
    state = access.state()
    if state is None or access.is_teacher:
        return None
    if access.member() is None:
        return None if page == CLASS_PAGE else show_joining  # the Class page has the same form, and the teacher's login
    if state.settings.eyes_up:
        return lambda: show_message("Eyes up", "Look at your teacher. Your run is paused and continues afterwards.")
    if follow.is_going():
        return follow.depart
    if page not in (CLASS_PAGE, HOME_PAGE) and not state.settings.is_open(page):
        return lambda: show_message("Closed", "Your teacher has closed this page. Choose another one above.")
    if question.is_due(access):
        return lambda: question.show(class_access())
    return None


def show_cover(cover: Callable[[], None]) -> None:
    """Draw the cover."""
    st.html(STYLE)
    with st.container(key="cover"):
        cover()


def keep_tab(page: str, covered: bool) -> None:
    """Keep the page's tab while it is covered, and give it back afterwards. Call it before the page runs."""
    state = st.session_state
    if covered:
        if COVERED_TAB not in state and state.get("tab"):
            state[COVERED_TAB] = page, state["tab"]
        kept_settings.note_page(f"{page} is covered")
    elif COVERED_TAB in state:
        covered_page, tab = state.pop(COVERED_TAB)
        if covered_page == page and "tab" not in st.query_params:
            state["tab"] = tab


def show_message(title: str, text: str) -> None:
    """Show a plain message."""
    st.header(title, anchor=False)
    st.markdown(text)


def show_joining() -> None:
    """Let the visitor become a member of their class, or say that it is not theirs."""
    access = class_access()
    if (state := access.state()) is None:
        return
    st.header(f"Class {escape_markdown(state.code)}: {escape_markdown(state.name)}", anchor=False)
    with st.form("join", border=False):
        st.text_input(
            "Your nickname",
            access.visitor.nickname,
            key="join_nickname",
            max_chars=24,
            help="Your class sees it. No account is necessary.",
        )
        st.form_submit_button("Join", type="primary", icon=":material/login:", on_click=join, args=[state.code])
    st.button("This is not my class", type="tertiary", on_click=leave_class)


def join(code: str) -> None:
    """Become a member with the nickname that was typed (callback)."""
    run_panel.try_action(class_access().join, code, st.session_state["join_nickname"])
