"""Class: a teacher conducts a lesson; students see which class they are in."""

from collections.abc import Callable

import streamlit as st

import pages.ui.streamlit_internals
from core.classroom import ClassState
from pages.ui.classroom import asking, conductor, entrance, invite, members, star, tiles
from pages.ui.classroom.session import class_access
from pages.ui.theme import is_projector_view, projector_button

TABS: dict[str, Callable[[ClassState], None]] = {
    "Live": lambda state: tiles.show(),
    "Question": lambda state: asking.show(),
    "Join": invite.show,
    "Rules": lambda state: conductor.show(),
    "Members": members.show,
}

STYLE = "<style>.stMainBlockContainer { padding-top: 4.2rem; }</style>"

pages.ui.streamlit_internals.ensure_run_from_app()
st.html(STYLE)
access = class_access()
state = access.state()
if state is None or not access.is_teacher:
    entrance.show(access)
elif tiles.shown_run_id():
    star.show()
else:
    labels = list(TABS)[:3] if is_projector_view() else list(TABS)
    with st.container(horizontal=True, vertical_alignment="center", key="class_bar"):
        projector_button()
        entrance.hide_names_button(state)
        entrance.class_chooser(access)
    for place, label in zip(st.tabs(labels, key="class_tab", bind="query-params"), labels, strict=True):
        if place.open:
            with place:
                TABS[label](state)
