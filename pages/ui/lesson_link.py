"""What a lesson link does to its page: it shows a task, and hides settings, tabs and solutions.

Hidden settings are still drawn, but a style makes them invisible, so that they keep the values from the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.lessons import LessonLink
from core.lessons.link import CONTROLS as CONTROLS_LEFT
from core.lessons.link import RESERVED, TASK, split_names
from pages.ui.address import CONTROLS, EVERYWHERE, EXPANDERS, add_problem, is_known, report_problems
from pages.ui.kept_settings import ENTERED
from pages.ui.markdown import escape_markdown

LINKS = "lesson_links"  # session state: the reserved parameters of each page
STYLE = """<style>
.st-key-task { border-left: 4px solid; padding: 0 0 0 0.7rem; margin-bottom: -0.4rem; }
.st-key-task p { font-size: 1rem; line-height: 1.3; }
</style>"""
T = TypeVar("T")


def read_link(page: str) -> None:
    """Take over the lesson link in the address. Call it before the page runs.

    A visitor who comes back to the page through the navigation, which drops the address, finds the task again.
    """
    links = st.session_state.setdefault(LINKS, {})
    given = {name: st.query_params[name] for name in RESERVED if name in st.query_params}
    is_new = any(is_known(name, page) and name not in EVERYWHERE for name in st.query_params)
    for name in split_names(given.get(CONTROLS_LEFT)) or ():
        if name not in CONTROLS.get(page, {}):
            add_problem(f"This page has no setting {escape_markdown(name[:40])} to show.")
    if given or (st.session_state.get(ENTERED) and is_new):
        links[page] = given
    else:
        st.query_params.update(links.get(page, {}))


def link_of(page: str) -> LessonLink:
    """Return the lesson link that the page was opened with; one that hides nothing if there is none."""
    parts = st.session_state.get(LINKS, {}).get(page, {})
    try:
        return LessonLink.from_query(page, parts)
    except ValueError as error:
        add_problem(str(error))
        return LessonLink.from_query(page, {name: value for name, value in parts.items() if name != TASK})


def run_page(page: Any) -> None:
    """Run the page that st.navigation has returned, with the task of its lesson link above it."""
    problems = st.container()
    show_task(page.url_path)
    page.run()
    report_problems(page.url_path, problems)


def show_task(page: str) -> None:
    """Show the task, and hide the settings that the link does not leave."""
    link = link_of(page)
    if not st.session_state.get(LINKS, {}).get(page):
        return
    st.html(STYLE + hiding_style(link))
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="task"):
        if link.task:
            st.markdown(f"**Task.** {escape_markdown(link.task)}", width="stretch")
        if link.tabs is not None or link.controls is not None:
            st.button(
                "Show everything",
                type="tertiary",
                key="leave_lesson_link",
                on_click=leave_link,
                args=[page],
                help="Leaves the task and shows all tabs and settings of this page.",
            )


def leave_link(page: str) -> None:
    """Forget the lesson link of the page (callback)."""
    st.session_state.get(LINKS, {}).pop(page, None)
    for name in RESERVED:
        st.query_params.pop(name, None)


def hiding_style(link: LessonLink) -> str:
    """Return the style that hides the settings that the link does not leave, and expanders that would be empty."""
    if link.controls is None:
        return ""
    hidden = [name for name in CONTROLS.get(link.page, {}) if name not in link.controls]
    hidden += [key for key, names in EXPANDERS.get(link.page, {}).items() if set(names) <= set(hidden)]
    selectors = [
        f'[class*="st-key-{key}"]' if key.endswith("_") else f'.st-key-{key}, [class*="st-key-note_{key}"]'
        for key in hidden
    ]
    return f"<style>{', '.join(selectors)} {{ display: none !important; }}</style>" if selectors else ""


def settings_expander(page: str, label: str, key: str, icon: str) -> DeltaGenerator:
    """Return an expander for settings of a page, open if the page's lesson link leaves one of them to change."""
    left = link_of(page).controls or ()
    return st.expander(label, expanded=not set(left).isdisjoint(EXPANDERS[page][key]), key=key, icon=icon)


def shown_tabs(page: str, tabs: Mapping[str, T], allowed: Mapping[str, T]) -> dict[str, T]:
    """Return the tabs that the link leaves; all allowed ones if it leaves none of them.

    tabs: those of the page. allowed: those of them that the visitor's class has not closed.
    """
    wanted = link_of(page).tabs
    if wanted is None:
        return dict(allowed)
    for name in wanted:
        if name not in tabs:
            add_problem(f"This page has no tab {escape_markdown(name[:40])}.")
    return {label: tab for label, tab in allowed.items() if label in wanted} or dict(allowed)


def full_address(address: str) -> str:
    """Return the address of a page with the name of the server, as the browser sees it."""
    here = urlsplit(st.context.url or "")
    server = f"{here.scheme}://{here.netloc}" if here.netloc else ""
    return f"{server}{here.path.rpartition('/')[0]}/{address}"
