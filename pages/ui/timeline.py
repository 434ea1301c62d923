"""The timeline: a slider that goes back to any epoch of a run, plays it again, and returns to the present.

It runs in the browser and asks for the next moment only when the page has shown the one before, so playing adapts to
the speed of the server.
"""

import time

import streamlit as st

from core.runs import Run
from pages.ui.browser_component import load_component
from pages.ui.theme import toggle_projector_view

KEY = "timeline"
SHOWN = "shown_moment"  # session state; the component's own state disappears with it on a change of page
component = load_component("timeline")


def shown_epoch(run: Run | None, done: int) -> int | None:
    """Return after how many epochs the page shows the run, 1 to `done`; None: its present.

    done: the epochs that the run has completed.
    """
    moment = st.session_state.get(SHOWN)
    if run is None or not moment or moment["run"] != run.id or not done:
        return None
    return max(1, min(moment["epoch"], done))


def show_timeline(run: Run | None, done: int, total: int, text: str, fragments: list[str]) -> None:
    """Show the timeline with the run's progress.

    Args:
        run: the run; None if there is none yet.
        done: completed epochs.
        total: all epochs of the run.
        text: the run's status.
        fragments: keys of the fragments that show the run's moment.
    """

    def moved() -> None:
        moment = st.session_state[KEY].get("moment")
        st.session_state[SHOWN] = moment
        st.rerun(fragments)

    def projector_key_pressed() -> None:
        toggle_projector_view()
        st.rerun()

    component(
        data={
            "run": run.id if run else None,
            "done": done,
            "total": max(total, 1),
            "shown": shown_epoch(run, done),
            "active": run is not None and not run.status.is_terminal,
            "text": text,
            "time": time.time(),  # so that the browser notices when the server no longer answers
        },
        default={"moment": None},
        key=KEY,
        on_moment_change=moved,
        on_projector_change=projector_key_pressed,
        height="content",
    )
