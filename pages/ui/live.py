"""A run on the page: the buttons that steer it, and the part of the page that redraws itself while it goes on."""

import threading
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.runs import Engine, Run, Status, get_engine

SECONDS_BETWEEN_REDRAWS = 0.5

STATUS_TEXTS = {
    Status.WAITING: ":material/hourglass_top: Waiting for a free worker …",
    Status.RUNNING: ":material/play_arrow: Learning",
    Status.PAUSED: ":material/pause: Paused",
    Status.FINISHED: ":material/check: Finished",
    Status.STOPPED: ":material/stop: Stopped",
    Status.FAILED: ":material/error: Ended early",
}


@st.cache_resource(show_spinner=False)
def engine() -> Engine:
    """The server's one engine. Its workers start in the background, while the first page is being read."""
    engine = get_engine()
    threading.Thread(target=engine.warm_up, name="warm-up", daemon=True).start()
    return engine


def current_run(kind: str) -> Run | None:
    """The run of this kind that the page shows: the one in the URL, else this session's last one."""
    run_id = st.query_params.get("run") or st.session_state.get(f"{kind}_run")
    run = engine().store.run(run_id) if run_id else None
    if run and run.kind == kind:
        show_run(run.kind, run.id)
        return run
    if run_id:
        st.query_params.pop("run", None)
        st.warning("The run that this address names is not here: it may have been cleared. Train starts a new one.")
    return None


def show_run(kind: str, run_id: str) -> None:
    """Remember the run in the URL, where a refresh finds it, and in the session, where the other pages leave it."""
    st.query_params["run"] = st.session_state[f"{kind}_run"] = run_id


def set_lr(kind: str, widget: str) -> None:
    """Callback of a learning-rate slider: what is running goes on with its new value."""
    if run := current_run(kind):
        engine().set_lr(run.id, st.session_state[widget])


def buttons(
    kind: str, config: Any | None, run: Run | None, prepare: Callable[[Any], bool] = lambda config: True
) -> None:
    """Train, Pause or Resume, and Stop.

    config: what Train would start; None where the settings are not right yet. prepare: what must be done with it
    before; False: it could not be done, and the page says why.
    """
    going = run is not None and not run.status.ended
    with st.container(horizontal=True):
        train = st.button(
            "Train again" if run and run.status.ended else "Train",
            type="primary",
            icon=":material/model_training:",
            disabled=going,
        )
        if going and (run.paused or run.status is Status.PAUSED):
            steer("Resume", "play_arrow", engine().resume, run)
        else:
            steer("Pause", "pause", engine().pause, run if going else None)
        steer("Stop", "stop", engine().stop, run if going else None)
    if train and config and prepare(config):
        with st.spinner("Waking the workers up …"):
            show_run(kind, engine().submit(config))
        st.rerun()


def steer(label: str, icon: str, action: Callable[[str], None], run: Run | None) -> None:
    """A button that does something to the run; without a run it is there, but cannot be pressed."""
    st.button(
        label,
        icon=f":material/{icon}:",
        on_click=action,
        args=[run.id] if run else [],
        disabled=run is None,
    )


def panel(run: Run, draw: Callable[[Run, list], None]) -> None:
    """Draw the run and its events so far, again and again until it has ended."""

    @st.fragment(run_every=None if run.status.ended else SECONDS_BETWEEN_REDRAWS)
    def redraw() -> None:
        now = engine().store.run(run.id)
        draw(now, events_so_far(now))
        if now.status != run.status or now.paused != run.paused:
            st.rerun()  # the buttons outside show another state

    redraw()


def events_so_far(run: Run) -> list:
    """All events of the run; only those that this session has not seen yet are read from the store."""
    seen = st.session_state.setdefault(f"{run.kind}_events", {})
    if seen.get("run") != (run.id, run.attempt):
        seen.update(run=(run.id, run.attempt), events=[])
    seen["events"] += [event for _, event in engine().store.events(run.id, after=len(seen["events"]) - 1)]
    return seen["events"]


def status_line(run: Run, done: float, text: str) -> None:
    """How far the run is (0 to 1), in words and as a bar; and why it ended, where it ended early."""
    words = f"**{STATUS_TEXTS[run.status]}** {text}"
    st.progress(min(done, 1.0), text=words)
    if run.message:
        st.error(run.message, icon=":material/error:")
