"""One run in place of the tiles: the starred one on the projector, or the one that the teacher has opened."""

import streamlit as st

from core.runs import JOB_TYPES, Run
from pages.ui import run_panel, stage, streamlit_internals
from pages.ui.classroom.session import class_access
from pages.ui.classroom.tiles import OPENED, names_are_hidden, shown_run_id
from pages.ui.errors import show_store_errors
from pages.ui.markdown import escape_markdown
from pages.ui.theme import is_projector_view

KEY = "starred run"
# Above the run are the navigation and a line that names it. Below it, there is no run bar.
STYLE = """<style>
@media (min-width: 641px) { .st-key-shown_run .st-key-window_high { height: calc(100vh - 14.6rem); } }
</style>"""


@st.fragment(key=KEY)
def show() -> None:
    """Show the run as its own page does, without its controls, and redraw it while it is active."""
    with show_store_errors():
        run, access = run_panel.dispatcher().store.run(shown_run_id()), class_access()
        state = access.state()
        if state is None:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Back to the class", icon=":material/arrow_back:"):
                go_back()
                st.rerun()
            if run is None:
                st.markdown("This run does not exist any more.")
                return
            member = state.members.get(run.owner)
            name = run.nickname
            if member:
                name = member.neutral_name if names_are_hidden(state.settings) else member.nickname
            st.markdown(f"**{escape_markdown(name or 'Somebody')}** · {run_panel.STATUS_TEXTS[run.status]}")
        st.html(STYLE)
        with st.container(key="shown_run"):
            show_run(run)
        active = not run.status.is_terminal
        streamlit_internals.set_refresh_interval(KEY, stage.redraw_interval() if active else None)


def go_back() -> None:
    """Show the tiles again."""
    if is_projector_view():
        run_panel.try_action(class_access().change_settings, starred_run="")
    else:
        st.session_state.pop(OPENED, None)


def show_run(run: Run) -> None:
    """Draw the Training tab of the run's page."""
    if run.kind == "memorize":
        from pages.ui.memorize import training

        training.show(run, run.config.sentence, run.config.epochs, read_only=True)
    elif run.kind == "plane":
        from pages.ui.plane import training as plane_training

        plane_training.show(run, run.config, read_only=True)
    elif run.kind in JOB_TYPES:
        from pages.ui.classify import training as classify_training

        classify_training.show(run, run.config, read_only=True)
