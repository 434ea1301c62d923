"""The lesson links of a class, which members open by their names."""

import streamlit as st

from core.classroom import ClassAccess, NamedLink
from core.lessons import LessonLink
from pages.ui import run_panel
from pages.ui.classroom.session import class_access
from pages.ui.lesson_link import full_address
from pages.ui.markdown import escape_markdown

TODAY = "Today"


def conducting() -> ClassAccess | None:
    """Return a teacher's access to the open class whose code the teacher has; None for everybody else."""
    access = class_access()
    return access if access.is_teacher and access.state() else None


def give(link: LessonLink, name: str) -> None:
    """Give the class this link under a name, in place of the one with the same name (callback)."""

    def act() -> None:
        access = class_access()
        if state := access.state():
            access.change_settings(links=state.settings.with_link(NamedLink(name, link.address)))
            st.toast(f"Class {state.code} can open it as {escape_markdown(name)}.", icon=":material/check:")

    run_panel.try_action(act)


def take_back(name: str) -> None:
    """Remove the link with this name from the class (callback)."""

    def act() -> None:
        access = class_access()
        if state := access.state():
            access.change_settings(links=tuple(link for link in state.settings.links if link.name != name))

    run_panel.try_action(act)


def show_class_links() -> None:
    """Show the links of the visitor's class; to its teacher, with a button that removes each."""
    access = class_access()
    state = access.state()
    if state is None or not state.settings.links or not (access.is_teacher or access.member()):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="class_links"):
        st.markdown(f"**Class {escape_markdown(state.code)}:**", width="content")
        for link in state.settings.links:
            st.link_button(escape_markdown(link.name), full_address(link.address), icon=":material/assignment:")
            if access.is_teacher:
                st.button(
                    "Remove",
                    icon=":material/close:",
                    type="tertiary",
                    key=f"remove link {link.name}",
                    on_click=take_back,
                    args=[link.name],
                    help=f"Removes the link {escape_markdown(link.name)} from the class.",
                )
