"""The run that a page shows: which it is, its events, and what its visitor may change."""

import os
import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.runs import (
    Dispatcher,
    PermissionDenied,
    Queue,
    Run,
    RunAccess,
    Status,
    StoreUnavailable,
    get_dispatcher,
    use_one_thread,
)
from pages.ui.formatting import format_duration
from pages.ui.markdown import escape_markdown
from pages.ui.visitor import visitor

FIRST_EVENT_TIMEOUT = 0.4  # seconds; usually enough for the first event, so that the first redraw shows it
STALE_URL_SECONDS = 5.0  # after a run was opened, in which requests may still bring the URL of the one before
VIEW_REPORT_INTERVAL = 5.0  # seconds
QUEUE_SECONDS = 1.0
LOCKED = "locked_controls"  # session state: keys of widgets that the visitor's class has locked

STATUS_TEXTS = {
    Status.WAITING: "Waiting",
    Status.RUNNING: "Training",
    Status.PAUSED: "Paused",
    Status.FINISHED: "Finished",
    Status.STOPPED: "Stopped",
    Status.FAILED: "Failed",
}


@st.cache_resource(show_spinner=False)
def dispatcher() -> Dispatcher:
    """Return the server's dispatcher, for reading runs. The first call starts its workers in the background."""
    use_one_thread()
    dispatcher = get_dispatcher()
    if not dispatcher.teacher_auth.password and os.path.exists(".streamlit/secrets.toml"):
        dispatcher.teacher_auth.password = st.secrets.get("teacher_password", "")
    return dispatcher


def run_access() -> RunAccess:
    """Return the operations that the page's visitor may use to start and change runs."""
    return RunAccess(dispatcher(), visitor())


def try_action(act: Callable[..., Any], *arguments: Any, **settings: Any) -> None:
    """Widget callback: call `act`, or show why it is not possible."""
    try:
        act(*arguments, **settings)
    except (ValueError, PermissionDenied, StoreUnavailable) as error:
        st.toast(escape_markdown(str(error)), icon=":material/error:")


def adopt_run_from_url(kind: str) -> None:
    """Show the run that the URL names. Call it when a page is run, not when a fragment is.

    Every request brings the URL as the browser had it then. One that was sent before a new run was opened names the
    previous run, and is not followed.
    """
    run_id = st.query_params.get("run")
    left, when = st.session_state.get(f"{kind}_left_run", ("", 0.0))
    if not run_id or (run_id == left and time.monotonic() - when < STALE_URL_SECONDS):
        return
    if run_id != st.session_state.get(f"{kind}_run"):
        run = dispatcher().store.run(run_id)
        if run and run.kind != kind:  # the address of the page before
            st.query_params.pop("run", None)
            return
    st.session_state[f"{kind}_run"] = run_id


def find_run(kind: str) -> Run | None:
    """Return the run of this kind that the page shows; None if there is none."""
    run_id = st.session_state.get(f"{kind}_run")
    run = dispatcher().store.run(run_id) if run_id else None
    return run if run and run.kind == kind else None


def current_run(kind: str) -> Run | None:
    """Return `find_run(kind)`, and put it into the URL. If the run does not exist, say so."""
    run = find_run(kind)
    if run:
        open_run(kind, run.id)
    elif st.session_state.pop(f"{kind}_run", None):
        st.query_params.pop("run", None)
        st.warning("This run no longer exists. Press **Train** to start a new one.")
    return run


def open_run(kind: str, run_id: str) -> None:
    """Remember the run in the URL, for a refresh, and in the session, for a visit to another page or a comparison."""
    before = st.session_state.get(f"{kind}_run")
    if before and before != run_id:
        st.session_state[f"{kind}_left_run"] = before, time.monotonic()
    st.session_state[f"{kind}_run"] = run_id
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id
    seen = st.session_state.setdefault(f"{kind}_runs", [])
    if run_id not in seen:
        seen.append(run_id)


def editable_run(kind: str) -> Run | None:
    """Return the page's run if it is active and the visitor may change it."""
    run = find_run(kind)
    return run if run and not run.status.is_terminal and run_access().can_edit(run) else None


def steer(kind: str, setting: str, widget: str) -> None:
    """Widget callback: apply the widget's value to this setting of the page's active run."""
    if widget in st.session_state.get(LOCKED, ()):
        return

    def act() -> None:
        if run := editable_run(kind):
            run_access().steer(run.id, **{setting: st.session_state[widget]})

    try_action(act)


def wait_for_first_event(run_id: str) -> None:
    """Wait for the run's first event, at most FIRST_EVENT_TIMEOUT seconds."""
    end = time.monotonic() + FIRST_EVENT_TIMEOUT
    while time.monotonic() < end and not dispatcher().store.events(run_id, limit=1):
        time.sleep(FIRST_EVENT_TIMEOUT / 20)


def report_view(run: Run) -> None:
    """Record in the store, every VIEW_REPORT_INTERVAL seconds, that the run is being viewed.

    Runs that nobody views are paused after a while.
    """
    last_view_report = st.session_state.setdefault("last_view_report", {})
    age = time.monotonic() - last_view_report.get(run.id, -VIEW_REPORT_INTERVAL)
    if run.auto_paused or age >= VIEW_REPORT_INTERVAL:
        last_view_report[run.id] = time.monotonic()
        run_access().record_view(run)


def cached_events(run: Run) -> list:
    """Return all events of the run, reading from the store only those that are new to this session."""
    cache = st.session_state.setdefault(f"{run.kind}_events", {})
    if cache.get("run") != (run.id, run.attempt):
        cache.update(run=(run.id, run.attempt), events=[])
    cache["events"] += [event for _, event in dispatcher().store.events(run.id, after=len(cache["events"]) - 1)]
    return cache["events"]


def show_not_trained_yet(run: Run | None) -> None:
    """Say how to get a trained network to look into."""
    st.info(
        "Available a few seconds after training starts." if run else "Press **Train** first to see this.",
        icon=":material/visibility:",
    )


@st.cache_resource(ttl=QUEUE_SECONDS, show_spinner=False)
def queue() -> Queue:
    """Return the waiting runs as they were at most QUEUE_SECONDS ago; all visitors share the answer."""
    return dispatcher().queue()


def queue_label(run: Run) -> str:
    """Return where a waiting run stands in the queue; "" for other runs."""
    if run.status is not Status.WAITING:
        return ""
    waiting = queue()
    place = waiting.position(run.id)
    if place is None:  # it is about to start, or has only just been created
        return ""
    if waiting.has_other_active(run):
        whose = "your" if run.owner == visitor().id else "their"
        return f"until {whose} other run has ended"
    seconds = max(round(place.eta_seconds, -1), 10)  # the estimate is not more accurate than that
    return f"for a free worker, position {place.position} in the queue" + (
        f", about {format_duration(seconds)}" if place.eta_seconds else ""
    )
