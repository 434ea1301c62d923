"""The members' names, and the end of a lesson and of a class."""

import streamlit as st

from core.classroom import ClassAccess, ClassState
from pages.ui import run_panel
from pages.ui.classroom.session import CLASSROOM, class_access
from pages.ui.lessons.answers import answers_download
from pages.ui.markdown import escape_markdown

MEMBER, NEW_NAME, CLASS_NAME = "chosen_member", "member_name", "class_name"


def show(state: ClassState) -> None:
    """Show the members, to rename or remove them, and what ends a lesson."""
    access = class_access()
    left, right = st.columns(2, gap="large")
    with left:
        show_members(state, access)
    with right:
        key = f"{CLASS_NAME} {state.code} {state.name}"  # a new field for another class or name
        st.text_input(
            "Name of the class",
            state.name,
            key=key,
            max_chars=40,
            on_change=rename_class,
            args=[key],
            autocomplete="off",
        )
        st.button(
            "End the lesson",
            icon=":material/flag:",
            on_click=run_panel.try_action,
            args=[access.end_lesson],
            help="Opens everything again: no question, nothing closed, locked or covered. Members and answers stay.",
        )
        answers_download()
        with st.popover("Delete this class", icon=":material/delete:"):
            st.write("This permanently deletes the class, its members, questions and all answers. Runs are kept.")
            st.button("Delete it", type="primary", on_click=delete)


def show_members(state: ClassState, access: ClassAccess) -> None:
    """Show the members, and what can be done with one of them."""
    if not state.members:
        st.info("Nobody has joined yet.")
        return
    members = list(state.members)
    owner = st.selectbox(
        f"Members: {len(members)}",
        members,
        format_func=lambda owner: f"{state.members[owner].nickname} ({state.members[owner].neutral_name})",
        key=MEMBER,
    )
    member = state.members[owner]
    label = f"New nickname of {escape_markdown(member.nickname)}"
    st.text_input(label, key=f"{NEW_NAME} {owner}", max_chars=24, autocomplete="off")
    with st.container(horizontal=True):
        st.button(
            "Rename",
            on_click=rename,
            args=[owner],
            help="The student's runs are renamed, too. The student cannot change the nickname any more.",
        )
        st.button(
            f"Rename to {member.neutral_name}", on_click=run_panel.try_action, args=[access.rename_member, owner, ""]
        )
        with st.popover("Remove from the class"):
            st.write("This deletes the student's answers in this class. The student can join again.")
            st.button("Remove", type="primary", on_click=run_panel.try_action, args=[access.remove_member, owner])


def rename(owner: str) -> None:
    """Give a member the nickname that was typed (callback)."""

    def act() -> None:
        name = st.session_state[f"{NEW_NAME} {owner}"]
        if not name.strip():
            raise ValueError("The nickname is empty. Type one, or use the neutral name.")
        class_access().rename_member(owner, name)
        st.session_state[f"{NEW_NAME} {owner}"] = ""

    run_panel.try_action(act)


def rename_class(key: str) -> None:
    """Change the name of the class to what was typed into the field with this key (callback)."""
    run_panel.try_action(class_access().rename_class, st.session_state[key])


def delete() -> None:
    """Delete the class (callback)."""

    def act() -> None:
        class_access().delete_class()
        st.session_state[CLASSROOM] = ""
        st.query_params.pop("class", None)

    run_panel.try_action(act)
