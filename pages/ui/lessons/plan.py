"""A lesson as a teacher reads it: its parts with their times, links that set a page, and questions to ask first."""

from dataclasses import replace

import streamlit as st

from core.classroom import Axes, check_question, sample_curve
from core.classroom import Question as ClassQuestion
from core.lessons import Lesson, LessonLink, Part, Question
from core.lessons.lesson import CHOICE, CURVE
from pages.ui import run_panel
from pages.ui.classroom.session import class_access
from pages.ui.lesson_link import full_address
from pages.ui.lessons.class_links import TODAY, conducting, give
from pages.ui.markdown import escape_markdown

# Block quotes are what a teacher says aloud, so they must be easy to read.
STYLE = '<style>[data-testid="stMarkdownContainer"] blockquote { opacity: 1 !important; }</style>'


def show_plan(lesson: Lesson) -> None:
    """Show all parts of a lesson."""
    st.html(STYLE)
    minute = 0
    for part in lesson.parts:
        show_part(lesson, part, minute)
        minute += part.minutes


def show_part(lesson: Lesson, part: Part, minute: int) -> None:
    """Show one part. minute: when it begins."""
    time = f" :gray[· minutes {minute} to {minute + part.minutes}]" if part.minutes else ""
    st.subheader(f"{part.title}{time}", anchor=False)
    for kind, content in part.blocks():
        if kind == "text":
            st.markdown(content)
        elif kind == "link":
            show_link(lesson.links[content], lesson.labels[content], content)
        else:
            show_question(lesson.questions[content], content)


def show_link(link: LessonLink, label: str, key: str) -> None:
    """Show a link with its task, and the button that gives it to the class."""
    with st.container(border=True, key=f"link_{key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.link_button(label, full_address(link.address), icon=":material/open_in_new:", type="primary")
            if conducting():
                st.button(
                    f"Give to the class as “{TODAY}”",
                    icon=":material/assignment:",
                    key=f"give_{key}",
                    on_click=give,
                    args=[link, TODAY],
                )
        if link.task:
            st.caption(f"Task: {escape_markdown(link.task)}")


def show_question(question: Question, key: str) -> None:
    """Show a question with its answer, and the button that asks it in the class."""
    with st.container(border=True, key=f"question_{key}"):
        st.markdown(f":material/help: **{escape_markdown(question.text)}**")
        if question.kind == CHOICE:
            st.markdown("\n".join(f"{n}. {escape_markdown(option)}" for n, option in enumerate(question.options, 1)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if conducting():
                st.button(
                    "Ask the class",
                    icon=":material/campaign:",
                    key=f"ask_{key}",
                    on_click=run_panel.try_action,
                    args=[class_access().ask, class_question(question)],
                )
            with st.popover("Answer", icon=":material/key:", type="tertiary"):
                st.markdown(f"**{escape_markdown(question.answer)}**")
                st.markdown(escape_markdown(question.why))


def class_question(question: Question) -> ClassQuestion:
    """Return the question as it is asked in a class."""
    asked = ClassQuestion(question.kind, question.text, truth=question.truth)
    if question.kind == CHOICE:
        asked = replace(asked, options=question.options, truth=question.options.index(str(question.truth)))
    elif question.kind == CURVE and isinstance(question.truth, tuple):
        axes = Axes(question.x_title, question.y_title, question.x_max, question.y_max)
        asked = replace(asked, axes=axes, truth=sample_curve(question.truth, axes))
    return check_question(asked)
