"""A run on the page: the buttons that steer it, and the part of the page that redraws itself while it goes on."""

import os
import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.runs import KINDS, Desk, Engine, NotAllowed, Run, Status, StoreUnavailable, get_engine, use_one_thread
from pages.ui.texts import plain
from pages.ui.visitor import visitor

SECONDS_BETWEEN_REDRAWS = 1.0
YOUNG = 30.0  # seconds of training
LATER = 1.5  # by how much rarer a run is looked at that is no longer young
PATIENCE = 0.4  # seconds that a click on Train waits for the first event: sooner than the next redraw would show it
SECONDS_BETWEEN_LOOKS = 5.0  # after so long the store is told again that somebody watches
PACES = [0.0, 0.1, 0.3, 1.0, 3.0]  # of slow motion, seconds a step

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
    """The server's one engine, to look at runs. Its workers start while the first page is being read."""
    use_one_thread()
    engine = get_engine()
    if not engine.staff_room.password and os.path.exists(".streamlit/secrets.toml"):
        engine.staff_room.password = st.secrets.get("teacher_password", "")
    return engine


def desk() -> Desk:
    """The engine as this page's visitor may use it: for everything that starts or changes a run."""
    return Desk(engine(), visitor())


def attempt(act: Callable[..., Any], *arguments: Any, **settings: Any) -> None:
    """Callback of a widget: do it, or say in a sentence why not."""
    try:
        act(*arguments, **settings)
    except (ValueError, NotAllowed, StoreUnavailable) as error:
        st.toast(plain(str(error)), icon=":material/error:")


def current_run(kind: str) -> Run | None:
    """The run of this kind that the page shows: the one in the URL, else this session's last one."""
    run_id = st.query_params.get("run") or st.session_state.get(f"{kind}_run")
    run = engine().store.run(run_id) if run_id else None
    if run and run.kind == kind:
        show_run(run.kind, run.id)
        return run
    if run_id:
        st.query_params.pop("run", None)
        st.session_state.pop(f"{kind}_run", None)
        st.warning("The run that this address names is not here: it may have been cleared. Train starts a new one.")
    return None


def show_run(kind: str, run_id: str) -> None:
    """Remember the run in the URL, where a refresh finds it, and in the session, where the other pages leave it."""
    st.query_params["run"] = st.session_state[f"{kind}_run"] = run_id


def own_run(kind: str) -> Run | None:
    """The page's run if the visitor may steer it and it has not ended."""
    run = current_run(kind)
    return run if run and not run.status.ended and desk().may_change(run) else None


def steer(kind: str, setting: str, widget: str) -> None:
    """Callback of a widget that holds this field of the config: what is running goes on with its new value."""

    def act() -> None:
        if run := own_run(kind):
            desk().steer(run.id, **{setting: st.session_state[widget]})

    attempt(act)


def set_pace(kind: str) -> None:
    """Callback of the slow-motion slider."""

    def act() -> None:
        if run := own_run(kind):
            desk().set_pace(run.id, st.session_state[f"{kind}_pace"])

    attempt(act)


def buttons(
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
    others = run is not None and not desk().may_change(run)
    going = run is not None and not run.status.ended and not others
    paused = going and (run.paused or run.status is Status.PAUSED)
    with st.container(horizontal=True):
        train = st.button(
            "Train again" if run and run.status.ended else "Train",
            type="primary",
            icon=":material/model_training:",
            disabled=going,
        )
        if paused:
            action("Resume", "play_arrow", desk().resume, run)
        else:
            action("Pause", "pause", desk().pause, run if going else None)
        action("Stop", "stop", desk().stop, run if going else None)
        units = KINDS[kind].units
        for unit in ["step", "epoch"] if units["step"] is not units["epoch"] else ["epoch"]:
            action(f"One {unit}", "skip_next", desk().advance, run if paused else None, unit)
    if others:
        whose = plain(run.nickname) or "somebody else"
        st.caption(f":material/visibility: You are watching a run of {whose}. Train starts yours.")
    pace = st.select_slider(
        "Slow motion",
        PACES,
        format_func=lambda seconds: f"{seconds:g} s a step" if seconds else "off",
        key=f"{kind}_pace",
        on_change=set_pace,
        args=[kind],
        help="How long every step takes at least. Pause to go on one step or one epoch at a time.",
    )
    if train and config and prepare(config):
        try:
            run_id = desk().submit(config, parent)
        except ValueError as error:
            st.error(str(error), icon=":material/block:")
            return
        if pace:
            desk().set_pace(run_id, pace)
        show_run(kind, run_id)
        wait_for_first_event(run_id)
        st.rerun()


def wait_for_first_event(run_id: str) -> None:
    """Return when there is something to draw, or after a moment where that takes longer."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not engine().store.events(run_id, limit=1):
        time.sleep(PATIENCE / 20)


def action(label: str, icon: str, act: Callable[..., None], run: Run | None, *arguments: Any) -> None:
    """A button that does something to the run; without a run it is there, but cannot be pressed."""
    st.button(
        label,
        icon=f":material/{icon}:",
        on_click=attempt,
        args=[act, run.id, *arguments] if run else [],
        disabled=run is None,
    )


def interval(run: Run | None, seconds: float) -> float | None:
    """Seconds between two looks at a run that is looked at every so many seconds while it is young; None: no more.

    Later, a look shows less that is new, and the processor is better spent on the run.
    """
    if run is None or run.status.ended:
        return None
    return seconds if run.train_seconds < YOUNG else LATER * seconds


def panel(run: Run, draw: Callable[[Run, list], None], seconds: float = SECONDS_BETWEEN_REDRAWS) -> None:
    """Draw the run and its events so far, again and again until it has ended. seconds: see `interval`."""
    every = interval(run, seconds)

    @st.fragment(run_every=every)
    def redraw() -> None:
        try:
            now = engine().store.run(run.id)
            if now is None:
                st.warning("This run was deleted.")
                return
            tell_that_it_is_watched(now)
            draw(now, events_so_far(now))
        except StoreUnavailable as error:
            st.error(str(error), icon=":material/cloud_off:")
            return
        if now.status != run.status or now.paused != run.paused or interval(now, seconds) != every:
            st.rerun()  # the buttons outside show another state, or all looks become rarer

    redraw()


def tell_that_it_is_watched(run: Run) -> None:
    """A run that nobody watches is paused after a while; this one is watched."""
    looks = st.session_state.setdefault("looks", {})
    if run.parked or time.monotonic() - looks.get(run.id, -SECONDS_BETWEEN_LOOKS) >= SECONDS_BETWEEN_LOOKS:
        looks[run.id] = time.monotonic()
        desk().watch(run)


def events_so_far(run: Run) -> list:
    """All events of the run; only those that this session has not seen yet are read from the store."""
    seen = st.session_state.setdefault(f"{run.kind}_events", {})
    if seen.get("run") != (run.id, run.attempt):
        seen.update(run=(run.id, run.attempt), events=[])
    seen["events"] += [event for _, event in engine().store.events(run.id, after=len(seen["events"]) - 1)]
    return seen["events"]


def nothing_learned_yet(run: Run | None) -> None:
    """What to do to have something to look into."""
    st.info(
        "The first look inside comes a few seconds after training has begun."
        if run
        else "Press **Train** first: then there is something to look into.",
        icon=":material/visibility:",
    )


def status_line(run: Run, done: float, text: str) -> None:
    """How far the run is (0 to 1), in words and as a bar; where it waits in the queue; and why it ended early."""
    words = f"**{STATUS_TEXTS[run.status]}** {text or queue_text(run)}"
    if run.parked:
        words += " because nobody was watching"
    st.progress(min(done, 1.0), text=words)
    if run.message:
        st.error(plain(run.message), icon=":material/error:")
    if engine().trouble and not run.status.ended:
        st.warning(engine().trouble, icon=":material/cloud_off:")


def queue_text(run: Run) -> str:
    """Where a waiting run stands."""
    place = engine().place(run.id) if run.status is Status.WAITING else None
    if place is None:
        return ""
    soon = f", about {duration(place.seconds)}" if place.seconds else ""
    return f"number {place.position} in line{soon}"


def duration(seconds: float) -> str:
    """A rough time in words."""
    return f"{max(round(seconds, -1), 10):.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
