"""The Class page before a class is open: students enter a code, teachers log in and open a class."""

import streamlit as st

from core.classroom import ClassAccess, ClassState
from pages.ui import run_panel
from pages.ui.classroom.cover import show_joining
from pages.ui.classroom.session import CLASSROOM, class_access, code_field, leave_class
from pages.ui.markdown import escape_markdown
from pages.ui.runs.teacher import password_field

CODE, NAME, NICKNAME, CHOSEN = "new_class_code", "new_class_name", "class_nickname", "chosen_class"
OTHER = "Another class …"


def show(access: ClassAccess) -> None:
    """Show how to join a class, or the class that the visitor is in; for teachers, how to open one."""
    state, member = access.state(), access.member()
    if state and not member and not access.is_teacher:
        show_joining()
        password_field()
        return
    st.title("Class", anchor=False)
    if access.is_teacher:
        show_opening(access)
        return
    if state and member:
        show_membership(state, access)
    else:
        code = access.visitor.classroom
        if code:
            st.markdown(f"Your class code is **{escape_markdown(code)}**. No teacher has opened this class yet.")
        code_field("class_page_code")
    password_field()


def show_membership(state: ClassState, access: ClassAccess) -> None:
    """Show a member's class and nickname."""
    st.markdown(f"You are in class **{escape_markdown(state.code)}**, {escape_markdown(state.name)}.")
    nickname = access.visitor.nickname
    key = f"{NICKNAME} {nickname}"  # a new field when the teacher has changed it
    st.text_input("Your nickname", nickname, key=key, max_chars=24, on_change=rename, args=[key])
    with st.popover("Leave the class"):
        st.write("This deletes your answers in this class.")
        st.button("Leave", type="primary", on_click=leave_class)


def rename(key: str) -> None:
    """Change the member's own nickname to what was typed into the field with this key (callback)."""
    access = class_access()
    run_panel.try_action(access.join, access.visitor.classroom, st.session_state[key])


def show_opening(access: ClassAccess) -> None:
    """Let the teacher open a class, or choose an open one."""
    with st.form("open class"):
        left, right = st.columns(2)
        left.text_input("Class code", access.visitor.classroom, key=CODE, max_chars=24, placeholder="such as 7B")
        right.text_input("Name", key=NAME, max_chars=40, placeholder="such as Physics, Tuesday")
        st.form_submit_button("Open the class", type="primary", on_click=open_class)
    for code, name, members in access.list_classes():
        st.button(
            f"{escape_markdown(code)}: {escape_markdown(name)}, {members} member{'' if members == 1 else 's'}",
            key=f"choose {code}",
            on_click=choose,
            args=[code],
        )
    st.button("Log out", on_click=run_panel.dispatcher().teacher_auth.logout, args=[access.visitor.id])


def open_class() -> None:
    """Open the class that was typed (callback)."""

    def act() -> None:
        choose(class_access().open_class(st.session_state[CODE], st.session_state[NAME]))

    run_panel.try_action(act)


def choose(code: str) -> None:
    """Conduct this class (callback)."""
    st.session_state[CLASSROOM] = code
    st.query_params["class"] = code


def class_chooser(access: ClassAccess) -> None:
    """Show the teacher's classes, to change to another one."""
    codes = [code for code, _, _ in access.list_classes()]
    st.session_state[CHOSEN] = access.visitor.classroom
    st.selectbox(
        "Class",
        [*codes, OTHER],
        key=CHOSEN,
        label_visibility="collapsed",
        width=180,
        on_change=lambda: choose("" if st.session_state[CHOSEN] == OTHER else st.session_state[CHOSEN]),
    )


def hide_names_button(state: ClassState) -> None:
    """Show the button that shows neutral names on the teacher's page."""
    hidden = state.settings.hide_names
    st.button(
        "Show names" if hidden else "Hide names",
        icon=":material/badge:",
        on_click=run_panel.try_action,
        args=[class_access().change_settings],
        kwargs={"hide_names": not hidden},
        help="In the projector view, names are always hidden.",
    )
