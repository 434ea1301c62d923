"""The dialog in which a teacher makes a lesson link from the page as it is set now."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.classroom.settings import MAX_LINK_NAME
from core.lessons import LessonLink
from core.lessons.link import MAX_TASK, Value
from pages.ui.address import CONTROLS, EVERYWHERE, is_known
from pages.ui.lesson_link import full_address
from pages.ui.lessons.class_links import TODAY, conducting, give
from pages.ui.markdown import escape_markdown
from pages.ui.visitor import may_teach


def show(page: str, tabs: Sequence[str]) -> None:
    """Show a teacher the button that opens the dialog. tabs: all tabs of the page."""
    if may_teach():
        st.button(
            "Lesson link",
            icon=":material/link:",
            key="lesson_link",
            on_click=open_dialog,
            args=[page, tabs],
            help="Makes an address that sets this page as it is now, with a task for your students.",
        )


@st.dialog("Lesson link", width="medium")
def open_dialog(page: str, tabs: Sequence[str]) -> None:
    """Show what the link may leave, and the address."""
    labels = CONTROLS[page]
    task = st.text_area(
        "Task",
        key="link_task",
        max_chars=MAX_TASK,
        height=90,
        placeholder="At most two sentences. The task is shown above the tabs.",
    )
    shown_tabs = st.pills("Visible tabs", tabs, selection_mode="multi", default=tabs, key="link_tabs")
    shown = st.pills(
        "Visible settings",
        list(labels),
        selection_mode="multi",
        default=list(labels),
        format_func=labels.__getitem__,
        key="link_controls",
        help="The other settings are hidden and keep the values that they have now.",
    )
    solutions = st.toggle("Solutions can be opened", value=True, key="link_solutions") if page == "autograd" else True
    if not shown_tabs:
        st.error("No tab is visible. Choose at least one.", icon=":material/tab:")
        return
    try:
        link = LessonLink(
            page,
            page_settings(page),
            task,
            None if len(shown_tabs) == len(tabs) else tuple(tab for tab in tabs if tab in shown_tabs),
            None if len(shown) == len(labels) else tuple(name for name in labels if name in shown),
            solutions,
        )
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return
    address = full_address(link.address)
    st.code(address, language=None, wrap_lines=True)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.link_button("Try it", address, icon=":material/open_in_new:")
        if conducting():
            name = st.text_input("Name for the class", TODAY, key="link_name", max_chars=MAX_LINK_NAME, width=220)
            st.button("Give to the class", type="primary", on_click=give, args=[link, name])


def page_settings(page: str) -> dict[str, Value]:
    """Return the settings in the page's address, the open tab among them."""
    settings: dict[str, Value] = {}
    for name in st.query_params:
        if name not in EVERYWHERE and is_known(name, page):
            values = st.query_params.get_all(name)
            settings[name] = values[0] if len(values) == 1 else tuple(values)
    return settings
