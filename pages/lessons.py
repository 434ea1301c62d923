"""Lessons: plans for a teacher, with links that set a page, questions to ask first, and worksheets."""

import streamlit as st

import pages.ui.streamlit_internals
from core.lessons import load_lessons
from pages.ui.lessons.answers import answers_download
from pages.ui.lessons.class_links import show_class_links
from pages.ui.lessons.overview import show_links, show_overview
from pages.ui.lessons.plan import show_plan
from pages.ui.visitor import may_teach

pages.ui.streamlit_internals.ensure_run_from_app()
lessons = {lesson.title: lesson for lesson in load_lessons().values()}
with st.sidebar:
    title = st.radio(
        "Lesson",
        list(lessons),
        captions=[f"{lesson.minutes} minutes" for lesson in lessons.values()],
        key="lesson",
        bind="query-params",
    )
    answers_download()
show_class_links()
lesson = lessons[title]
if may_teach():
    show_overview(lesson, key=True)
    show_plan(lesson)
else:
    show_overview(lesson, key=False)
    show_links(lesson)
