"""The starred run, large, for the projector."""

import streamlit as st

from core.runs import JOB_TYPES, Run
from pages.ui import run_panel, stage, streamlit_internals
from pages.ui.classroom.session import class_access
from pages.ui.classroom.tiles import names_are_hidden
from pages.ui.errors import show_store_errors
from pages.ui.markdown import escape_markdown

KEY = "starred run"


def starred_run() -> Run | None:
    """Return the run that the class shows on the projector; None if there is none."""
    state = class_access().state()
    run_id = state.settings.starred_run if state else ""
    return run_panel.dispatcher().store.run(run_id) if run_id else None


@st.fragment(key=KEY)
def show() -> None:
    """Show the run as its own page does, without its controls, and redraw it while it is active."""
    with show_store_errors():
        run, access = starred_run(), class_access()
        state = access.state()
        if run is None or state is None:
            st.info("The starred run does not exist any more. Star another one.")
            return
        member = state.members.get(run.owner)
        name = run.nickname
        if member:
            name = member.neutral_name if names_are_hidden(state.settings) else member.nickname
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape_markdown(name or 'Somebody')}** · {run_panel.STATUS_TEXTS[run.status]}")
            if st.button("Back to the class"):
                run_panel.try_action(access.change_settings, starred_run="")
                st.rerun()
        show_run(run)
        active = not run.status.is_terminal
        streamlit_internals.set_refresh_interval(KEY, stage.redraw_interval() if active else None)


def show_run(run: Run) -> None:
    """Draw the Training tab of the run's page."""
    if run.kind == "memorize":
        from pages.ui.memorize import training

        training.show(run, run.config.sentence, run.config.epochs)
    elif run.kind == "plane":
        from pages.ui.plane import training as plane_training

        plane_training.show(run, run.config)
    elif run.kind in JOB_TYPES:
        from pages.ui.classify import training as classify_training

        classify_training.show(run, run.config)
