"""A run on the page: the buttons that steer it, and the part of the page that redraws itself while it goes on."""

import os
import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.runs import (
    JOB_TYPES,
    Dispatcher,
    PermissionDenied,
    Run,
    RunAccess,
    Status,
    StoreUnavailable,
    get_dispatcher,
    use_one_thread,
)
from pages.ui.markdown import escape_markdown
from pages.ui.visitor import visitor

REFRESH_INTERVAL = 1.0
FAST_REFRESH_SECONDS = 30.0  # seconds of training
SLOW_REFRESH_FACTOR = 1.5  # by how much rarer a run is looked at that is no longer young
FIRST_EVENT_TIMEOUT = (
    0.4  # seconds that a click on Train waits for the first event: sooner than the next redraw would show it
)
VIEW_REPORT_INTERVAL = 5.0  # after so long the store is told again that somebody watches
STEP_DELAYS = [0.0, 0.1, 0.3, 1.0, 3.0]  # of slow motion, seconds a step

STATUS_TEXTS = {
    Status.WAITING: ":material/hourglass_top: QueuedRun for a free worker …",
    Status.RUNNING: ":material/play_arrow: Learning",
    Status.PAUSED: ":material/pause: Paused",
    Status.FINISHED: ":material/check: Finished",
    Status.STOPPED: ":material/stop: Stopped",
    Status.FAILED: ":material/error: Ended early",
}


@st.cache_resource(show_spinner=False)
def dispatcher() -> Dispatcher:
    """The server's one engine, to look at runs. Its workers start while the first page is being read."""
    use_one_thread()
    dispatcher = get_dispatcher()
    if not dispatcher.teacher_auth.password and os.path.exists(".streamlit/secrets.toml"):
        dispatcher.teacher_auth.password = st.secrets.get("teacher_password", "")
    return dispatcher


def run_access() -> RunAccess:
    """The engine as this page's visitor may use it: for everything that starts or changes a run."""
    return RunAccess(dispatcher(), visitor())


def try_action(act: Callable[..., Any], *arguments: Any, **settings: Any) -> None:
    """Callback of a widget: do it, or say in a sentence why not."""
    try:
        act(*arguments, **settings)
    except (ValueError, PermissionDenied, StoreUnavailable) as error:
        st.toast(escape_markdown(str(error)), icon=":material/error:")


def current_run(kind: str) -> Run | None:
    """The run of this kind that the page shows: the one in the URL, else this session's last one."""
    run_id = st.query_params.get("run") or st.session_state.get(f"{kind}_run")
    run = dispatcher().store.run(run_id) if run_id else None
    if run and run.kind == kind:
        open_run(run.kind, run.id)
        return run
    if run_id:
        st.query_params.pop("run", None)
        st.session_state.pop(f"{kind}_run", None)
        st.warning("The run that this address names is not here: it may have been cleared. Train starts a new one.")
    return None


def open_run(kind: str, run_id: str) -> None:
    """Remember the run in the URL, where a refresh finds it, and in the session, where the other pages leave it."""
    st.query_params["run"] = st.session_state[f"{kind}_run"] = run_id


def editable_run(kind: str) -> Run | None:
    """The page's run if the visitor may steer it and it has not ended."""
    run = current_run(kind)
    return run if run and not run.status.is_terminal and run_access().can_edit(run) else None


def steer(kind: str, setting: str, widget: str) -> None:
    """Callback of a widget that holds this field of the config: what is running goes on with its new value."""

    def act() -> None:
        if run := editable_run(kind):
            run_access().steer(run.id, **{setting: st.session_state[widget]})

    try_action(act)


def set_pace(kind: str) -> None:
    """Callback of the slow-motion slider."""

    def act() -> None:
        if run := editable_run(kind):
            run_access().set_pace(run.id, st.session_state[f"{kind}_pace"])

    try_action(act)


def run_controls(
    kind: str,
    config: Any | None,
    run: Run | None,
    prepare: Callable[[Any], bool] = lambda config: True,
    parent: str | None = None,
) -> None:
    """Train, Pause or Resume, Stop, one step at a time, and slow motion.

    config: what Train would start; None where the settings are not right yet. prepare: what must be done with it
    before; False: it could not be done, and the page says why. parent: the run whose weights Train begins with.
    """
    read_only = run is not None and not run_access().can_edit(run)
    active = run is not None and not run.status.is_terminal and not read_only
    paused = active and (run.pause_requested or run.status is Status.PAUSED)
    with st.container(horizontal=True):
        train = st.button(
            "Train again" if run and run.status.is_terminal else "Train",
            type="primary",
            icon=":material/model_training:",
            disabled=active,
        )
        if paused:
            run_button("Resume", "play_arrow", run_access().resume, run)
        else:
            run_button("Pause", "pause", run_access().pause, run if active else None)
        run_button("Stop", "stop", run_access().stop, run if active else None)
        units = JOB_TYPES[kind].units
        for unit in ["step", "epoch"] if units["step"] is not units["epoch"] else ["epoch"]:
            run_button(f"One {unit}", "skip_next", run_access().advance, run if paused else None, unit)
    if read_only:
        whose = escape_markdown(run.nickname) or "somebody else"
        st.caption(f":material/visibility: You are watching a run of {whose}. Train starts yours.")
    pace = st.select_slider(
        "Slow motion",
        STEP_DELAYS,
        format_func=lambda seconds: f"{seconds:g} s a step" if seconds else "off",
        key=f"{kind}_pace",
        on_change=set_pace,
        args=[kind],
        help="How long every step takes at least. Pause to go on one step or one epoch at a time.",
    )
    if train and config and prepare(config):
        try:
            run_id = run_access().submit(config, parent)
        except ValueError as error:
            st.error(str(error), icon=":material/block:")
            return
        if pace:
            run_access().set_pace(run_id, pace)
        open_run(kind, run_id)
        wait_for_first_event(run_id)
        st.rerun()


def wait_for_first_event(run_id: str) -> None:
    """Return when there is something to draw, or after a moment where that takes longer."""
    end = time.monotonic() + FIRST_EVENT_TIMEOUT
    while time.monotonic() < end and not dispatcher().store.events(run_id, limit=1):
        time.sleep(FIRST_EVENT_TIMEOUT / 20)


def run_button(label: str, icon: str, act: Callable[..., None], run: Run | None, *arguments: Any) -> None:
    """A button that does something to the run; without a run it is there, but cannot be pressed."""
    st.button(
        label,
        icon=f":material/{icon}:",
        on_click=try_action,
        args=[act, run.id, *arguments] if run else [],
        disabled=run is None,
    )


def refresh_interval(run: Run | None, seconds: float) -> float | None:
    """Seconds between two looks at a run that is looked at every so many seconds while it is young; None: no more.

    Later, a look shows less that is new, and the processor is better spent on the run.
    """
    if run is None or run.status.is_terminal:
        return None
    return seconds if run.train_seconds < FAST_REFRESH_SECONDS else SLOW_REFRESH_FACTOR * seconds


def live_panel(run: Run, draw: Callable[[Run, list], None], seconds: float = REFRESH_INTERVAL) -> None:
    """Draw the run and its events so far, again and again until it has ended. seconds: see `refresh_interval`."""
    every = refresh_interval(run, seconds)

    @st.fragment(run_every=every)
    def redraw() -> None:
        try:
            now = dispatcher().store.run(run.id)
            if now is None:
                st.warning("This run was deleted.")
                return
            report_view(now)
            draw(now, cached_events(now))
        except StoreUnavailable as error:
            st.error(str(error), icon=":material/cloud_off:")
            return
        if (
            now.status != run.status
            or now.pause_requested != run.pause_requested
            or refresh_interval(now, seconds) != every
        ):
            st.rerun()  # the buttons outside show another state, or all looks become rarer

    redraw()


def report_view(run: Run) -> None:
    """A run that nobody watches is paused after a while; this one is watched."""
    last_view_report = st.session_state.setdefault("last_view_report", {})
    if (
        run.auto_paused
        or time.monotonic() - last_view_report.get(run.id, -VIEW_REPORT_INTERVAL) >= VIEW_REPORT_INTERVAL
    ):
        last_view_report[run.id] = time.monotonic()
        run_access().record_view(run)


def cached_events(run: Run) -> list:
    """All events of the run; only those that this session has not seen yet are read from the store."""
    seen = st.session_state.setdefault(f"{run.kind}_events", {})
    if seen.get("run") != (run.id, run.attempt):
        seen.update(run=(run.id, run.attempt), events=[])
    seen["events"] += [event for _, event in dispatcher().store.events(run.id, after=len(seen["events"]) - 1)]
    return seen["events"]


def show_not_trained_yet(run: Run | None) -> None:
    """What to do to have something to look into."""
    st.info(
        "The first look inside comes a few seconds after training has begun."
        if run
        else "Press **Train** first: then there is something to look into.",
        icon=":material/visibility:",
    )


def status_line(run: Run, done: float, text: str) -> None:
    """How far the run is (0 to 1), in words and as a bar; where it waits in the queue; and why it ended early."""
    words = f"**{STATUS_TEXTS[run.status]}** {text or queue_label(run)}"
    if run.auto_paused:
        words += " because nobody was watching"
    st.progress(min(done, 1.0), text=words)
    if run.message:
        st.error(escape_markdown(run.message), icon=":material/error:")
    if dispatcher().error and not run.status.is_terminal:
        st.warning(dispatcher().error, icon=":material/cloud_off:")


def queue_label(run: Run) -> str:
    """Where a waiting run stands."""
    place = dispatcher().queue_position(run.id) if run.status is Status.WAITING else None
    if place is None:
        return ""
    soon = f", about {format_duration(place.eta_seconds)}" if place.eta_seconds else ""
    return f"number {place.position} in line{soon}"


def format_duration(seconds: float) -> str:
    """A rough time in words."""
    return f"{max(round(seconds, -1), 10):.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
