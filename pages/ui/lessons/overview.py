"""What everyone sees of a lesson: what it is about, its goals, and the worksheet; and, for a student, its links."""

import streamlit as st

from core.lessons import Lesson, worksheet
from pages.ui.downloads import download_button
from pages.ui.lesson_link import full_address
from pages.ui.markdown import escape_markdown


def show_overview(lesson: Lesson, *, key: bool) -> None:
    """Show the head of a lesson and its downloads. key: whether the answers can be downloaded, too."""
    st.title(lesson.title, anchor=False)
    st.markdown(lesson.summary)
    st.markdown(f"**{lesson.minutes} minutes.** {lesson.needs}")
    st.markdown("**Afterwards, each student can**\n" + "\n".join(f"- {goal}" for goal in lesson.goals))
    with st.container(horizontal=True):
        download_button(f"{lesson.name}.html", lambda: worksheet(lesson), "text/html", label="Worksheet")
        if key:
            download_button(
                f"{lesson.name}-key.html", lambda: worksheet(lesson, key=True), "text/html", label="Answer key"
            )


def show_links(lesson: Lesson) -> None:
    """Show a student the links of a lesson, each with its task."""
    for name, link in lesson.links.items():
        with st.container(border=True):
            label = lesson.labels[name]
            st.link_button(label, full_address(link.address), icon=":material/open_in_new:")
            if link.task:
                st.markdown(escape_markdown(link.task))
