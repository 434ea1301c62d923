"""The visitor's class in this browser, and what it allows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from core.classroom import ClassAccess, ClassSettings, ClassStore, Presence, Question
from core.runs import PermissionDenied
from core.runs.identity import clean_class_code
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown
from pages.ui.visitor import visitor

CLASSROOM, KEPT_CLASSROOM = "classroom", "kept_classroom"  # session state
CLASS_PAGE, HOME_PAGE = "classroom", ""  # their addresses; a class cannot close them
COVERED_TAB = "tab_under_cover"  # session state: page and tab, to return to them
T = TypeVar("T")


@st.cache_resource(show_spinner=False)
def class_store() -> ClassStore:
    """Return the server's classes."""
    return ClassStore(run_panel.dispatcher().store)


@st.cache_resource(show_spinner=False)
def presence() -> Presence:
    """Return where the server's visitors were seen."""
    return Presence()


def class_access() -> ClassAccess:
    """Return the operations that the page's visitor may use in their class."""
    return ClassAccess(run_panel.dispatcher(), visitor(), class_store())


def settings() -> ClassSettings:
    """Return what the visitor's class allows them."""
    return class_access().settings()


def open_tabs(page: str, tabs: Mapping[str, T]) -> dict[str, T]:
    """Return the tabs of a page that the visitor's class has not closed. The first one is always open."""
    allowed = settings()
    return {
        label: tab for number, (label, tab) in enumerate(tabs.items()) if not number or allowed.is_open(page, label)
    }


def ask(question: Question) -> None:
    """Ask the class a question (callback): what lessons, presets and cases of the Break-it lab call."""
    run_panel.try_action(class_access().ask, question)


def enter_class() -> None:
    """Find out the visitor's class: from the address, this session, or an earlier visit. Call it on every page.

    The store keeps the class of each browser, so that a link without a class code does not lose it.
    """
    state = st.session_state
    store, visitor_id = run_panel.dispatcher().store, visitor().id
    if KEPT_CLASSROOM not in state:
        state[KEPT_CLASSROOM] = store.visitor_class(visitor_id)
    state.setdefault(CLASSROOM, state[KEPT_CLASSROOM])
    if wanted := st.query_params.get("class"):
        try:
            change_class(clean_class_code(wanted))
        except (ValueError, PermissionDenied) as error:
            st.toast(escape_markdown(str(error)), icon=":material/error:")
    if state[CLASSROOM] != state[KEPT_CLASSROOM]:
        store.set_visitor_class(visitor_id, state[CLASSROOM])
        state[KEPT_CLASSROOM] = state[CLASSROOM]
    if state[CLASSROOM]:
        if st.query_params.get("class") != state[CLASSROOM]:
            st.query_params["class"] = state[CLASSROOM]  # links to other pages drop it from the URL
    else:
        st.query_params.pop("class", None)
    if member := class_access().member():
        state["nickname"] = member.nickname  # the teacher may have changed it


def change_class(code: str) -> None:
    """Change the visitor's class. Raises PermissionDenied if their present one keeps them.

    A member leaves an open class only for another open class, so that a mistyped address loses nothing.
    """
    current = st.session_state[CLASSROOM]
    if code == current:
        return
    access = class_access()
    if access.member() and not access.is_teacher:
        access.require_free(code)
        if class_store().state(code) is None:
            raise ValueError(f"There is no open class {code}. You stay in class {current}.")
    st.session_state[CLASSROOM] = code


def leave_class() -> None:
    """Forget the visitor's class, and leave it if they are a member (callback)."""
    access = class_access()

    def leave() -> None:
        if access.member() and not access.is_teacher:
            access.leave()
        st.session_state[CLASSROOM] = ""
        st.query_params.pop("class", None)

    run_panel.try_action(leave)


def enter_code(key: str) -> None:
    """Change to the class whose code was typed into the field with this key (callback)."""

    def change() -> None:
        code = clean_class_code(st.session_state[key])
        if code:
            change_class(code)
            st.query_params["class"] = code

    run_panel.try_action(change)


def code_field(key: str) -> None:
    """Show the field for a class code."""
    st.text_input(
        "Class code",
        key=key,
        max_chars=24,
        placeholder="such as 7B",
        on_change=enter_code,
        args=[key],
        help="Your teacher tells you the code. It is kept in this browser.",
    )


def as_member_sees_it(access: ClassAccess) -> Any:
    """Return everything about the class that a change of the visitor's page depends on."""
    state, member = access.state(), access.member()
    if state is None:
        return None
    shown = replace(access.settings(), starred_run="", hide_names=False)
    if st.session_state.get("follow_left"):
        shown = replace(shown, follow_page="", follow_query="", follow_number=0)
    return state.name, shown, access.question(), member.nickname if member else None
