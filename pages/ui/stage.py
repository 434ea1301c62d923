"""The layout of a page with a run: tabs that show it, and below them the run bar, which stays in view.

The page consists of two fragments in fixed places, the main area and the run bar. Each redraws itself while the run is
active and stops when it has drawn the run's end, so that the page is never rerun, and nothing in it is removed,
because a run starts, pauses or ends.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import streamlit as st

from core.runs import Run
from pages.ui import lesson_link, lesson_link_builder, run_bar, run_panel, streamlit_internals
from pages.ui.classroom import ask_button
from pages.ui.classroom.session import open_tabs
from pages.ui.errors import show_store_errors
from pages.ui.redraw_turn import redraw_turn
from pages.ui.theme import projector_button

MAIN, BAR = "main area", "run bar"  # keys of the fragments
DRAWN = "drawn run"  # session state: what the main area shows
FAST, SLOW = 0.2, 1.0  # seconds between redraws, with few and with many viewers
FEW_VIEWERS = 3
START_SECONDS = 2.0  # a run is redrawn fast for so long, however many watch, so that its first point is seen soon
VIEWER_SECONDS = 3.0  # a browser that has redrawn its run within this time is watching
_redraws: deque[tuple[float, str]] = deque(maxlen=200)  # when, and for which browser; of all sessions


class Tab(NamedTuple):
    """One tab of the main area.

    Attributes:
        show: draws the tab for a run. Returns True if it must be redrawn even though the page's run has ended.
        seconds: between redraws while the run is active; 0: as often as the server can.
    """

    show: Callable[[Run | None], bool | None]
    seconds: float = 0.0


def show_stage(
    kind: str,
    config: Any | None,
    tabs: Mapping[str, Tab],
    prepare: Callable[[Any], bool] = lambda config: True,
    parent: Callable[[Run], str | None] = lambda run: None,
) -> None:
    """Show the tabs and the run bar.

    Args:
        kind: the job type of the page's runs.
        config: what Train starts; None while the settings are invalid.
        tabs: label -> tab; the first one shows the training.
        prepare: see `run_bar.show`.
        parent: see `run_bar.show`.
    """

    @st.fragment(key=MAIN)
    def main_area() -> None:
        with redraw_turn(), show_store_errors():
            run = run_panel.current_run(kind)
            st.session_state[DRAWN] = state(run)
            if run:
                run_panel.report_view(run)
            needs_redraw = False
            seconds = 0.0
            shown = lesson_link.shown_tabs(kind, tabs, open_tabs(kind, tabs))
            for place, tab in zip(st.tabs(list(shown), key="tab", bind="query-params"), shown.values(), strict=True):
                if place.open:
                    with place:
                        needs_redraw = tab.show(run) is True
                    seconds = tab.seconds
            active = needs_redraw or (run is not None and not run.status.is_terminal)
            streamlit_internals.set_refresh_interval(MAIN, max(seconds, redraw_interval(run)) if active else None)

    @st.fragment(key=BAR)
    def bar() -> None:
        with redraw_turn(), show_store_errors():
            active = run_bar.show(kind, config, fragments=[MAIN, BAR], prepare=prepare, parent=parent)
            run = run_panel.find_run(kind)
            streamlit_internals.set_refresh_interval(BAR, redraw_interval(run) if active else None)
            if state(run) != st.session_state.get(DRAWN):  # the main area does not know yet
                streamlit_internals.set_refresh_interval(MAIN, redraw_interval(run))

    run_panel.adopt_run_from_url(kind)
    with st.sidebar:
        projector_button()
        lesson_link_builder.show(kind, list(tabs))
        ask_button.show_for_run(config)
    main_area()
    with st.bottom:
        bar()


def state(run: Run | None) -> tuple[str, bool] | None:
    """Return which run it is and whether it has ended."""
    return (run.id, run.status.is_terminal) if run else None


def redraw_interval(run: Run | None = None) -> float:
    """Return the seconds between redraws of a run: more when many browsers watch, unless it has just started."""
    now = time.monotonic()
    _redraws.append((now, st.session_state["token"]))
    viewers = len({token for moment, token in list(_redraws) if now - moment < VIEWER_SECONDS})
    starts = run is not None and time.time() - run.created_at < START_SECONDS
    return FAST if starts else min(SLOW, FAST * max(1.0, viewers / FEW_VIEWERS))
