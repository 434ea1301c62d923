"""The line in the header of every page: class, name and call for help; for a teacher, the conductor's buttons.

It notices within INTERVAL what has changed in the class, and redraws the page. It lies in the header, beside the
navigation, so that it takes no space of the page.
"""

import streamlit as st

from core.classroom import ClassAccess, ClassState
from core.runs import JOB_TYPES
from pages.ui import run_panel
from pages.ui.classroom import follow, question
from pages.ui.classroom.session import CLASS_PAGE, as_member_sees_it, class_access, presence
from pages.ui.errors import show_store_errors
from pages.ui.markdown import escape_markdown
from pages.ui.redraw_turn import redraw_turn

INTERVAL = 2.0  # seconds between two looks at the class
SHOWN = "class_as_shown"  # session state: what the page depended on when it was drawn
# The navigation leaves the line its place: with all pages and an open sidebar, both fit into 1280 pixels.
STYLE = """<style>
@media (min-width: 641px) { [data-testid="stTopNav"] { margin-right: 12.4rem; } }
@container header (max-width: 72rem) {
  [data-testid="stTopNavLink"] { padding: 0 0.3rem; }
  [data-testid="stTopNavLink"] > span:first-child { display: none; }
}
.stMainBlockContainer > .stVerticalBlock > [data-testid="stLayoutWrapper"]:has(.st-key-class_line) {
  position: fixed; top: 0.7rem; right: 3.4rem; z-index: 999991; width: auto; }
.st-key-class_line { flex-wrap: nowrap; gap: 0.5rem; justify-content: flex-end; max-width: 22.5rem; }
.st-key-class_line > :first-child { min-width: 0; }
.st-key-class_line p { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.st-key-class_line button { min-height: 2rem; padding: 0 0.6rem; }
@media (max-width: 900px) { .st-key-class_line .stMarkdown { max-width: 11rem; } }
@media (max-width: 640px) { .st-key-class_line [class*="_icon_only"] button p { display: none; }
  .st-key-class_line [class*="_icon_only"] button * { gap: 0; margin: 0; } }
</style>"""


def show(page: str) -> None:
    """Show the line, if the visitor has a class code. page: the page's address."""
    access = class_access()
    if not access.visitor.classroom:
        return
    st.session_state[SHOWN] = as_member_sees_it(access)
    st.html(STYLE)
    line(page)


@st.fragment(run_every=INTERVAL)
def line(page: str) -> None:
    """Draw the line, and redraw the page if the class has changed what it may show."""
    with redraw_turn(), show_store_errors():
        access = class_access()
        if as_member_sees_it(access) != st.session_state.get(SHOWN):
            st.rerun()
        state = access.state()
        if state is None:
            return
        if access.is_teacher:
            if page != CLASS_PAGE:
                follow.publish(access, page)
            with st.container(key="class_line", horizontal=True, vertical_alignment="center"):
                conductor_line(state, access)
        elif member := access.member():
            report(access, page)
            with st.container(key="class_line", horizontal=True, vertical_alignment="center"):
                member_line(state, access, member.help_wanted)


def report(access: ClassAccess, page: str) -> None:
    """Record in the store where the member is."""
    run = run_panel.find_run(page) if page in JOB_TYPES else None
    own = run.id if run and run.owner == access.visitor.id else ""
    access.report(presence(), page or "home", str(st.session_state.get("tab") or ""), own)


def member_line(state: ClassState, access: ClassAccess, help_wanted: bool) -> None:
    """Show class and name, what happens at the moment, and the call for help."""
    nickname = access.visitor.nickname
    text = question.status(access) or f"{escape_markdown(state.code)} · {escape_markdown(nickname)}"
    st.markdown(text, width="content")
    if state.settings.follow:
        following = follow.is_following()
        st.button(
            "Stop following" if following else "Follow the teacher",
            icon=":material/directions_walk:",
            key="follow_icon_only",
            on_click=follow.leave if following else follow.come_back,
        )
    st.button(
        "Help requested" if help_wanted else "I need help",
        icon=":material/front_hand:",
        type="primary" if help_wanted else "secondary",
        key="help_icon_only",
        help="Take back the call for help." if help_wanted else "Tells your teacher, and nobody else.",
        on_click=run_panel.try_action,
        args=[access.ask_for_help, not help_wanted],
    )


def conductor_line(state: ClassState, access: ClassAccess) -> None:
    """Show the class in figures, and the buttons that conduct it."""
    wanted = sum(member.help_wanted for member in state.members.values())
    count = len(state.members)
    students = f"{count} student{'' if count == 1 else 's'}"
    calls = f"**{wanted} need{'s' if wanted == 1 else ''} help**"
    st.markdown(f"{escape_markdown(state.code)} · {calls if wanted else students}", width="content")
    eyes_up, leading = state.settings.eyes_up, state.settings.follow
    st.button(
        "Release" if eyes_up else "Eyes up",
        icon=":material/visibility:",
        type="primary" if eyes_up else "secondary",
        key="eyes_up_icon_only",
        help="Uncovers the students' pages and resumes their runs."
        if eyes_up
        else "Covers the students' pages and pauses their runs.",
        on_click=run_panel.try_action,
        args=[access.uncover if eyes_up else access.cover],
    )
    page = st.session_state.get("current_page", "")
    st.button(
        "Stop leading" if leading else "Follow me",
        icon=":material/directions_walk:",
        type="primary" if leading else "secondary",
        key="lead_icon_only",
        disabled=page == CLASS_PAGE and not leading,
        help="Students may go where they like again."
        if leading
        else "Takes all students to the page that you show, with your settings. Open that page first.",
        on_click=stop_leading if leading else lead,
    )


def lead() -> None:
    """Take the class to the page that the teacher shows (callback)."""
    run_panel.try_action(class_access().lead, st.session_state["current_page"], follow.current_query())


def stop_leading() -> None:
    """Let the class go where it likes (callback)."""
    run_panel.try_action(class_access().stop_leading)
