"""The run bar: start, pause, stop and step a run, set its pace, and move along its timeline."""

import math
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.classify import ClassifyConfig
from core.classify.config import steps_per_epoch
from core.classify.datasets import DatasetError, get_info
from core.plane import PlaneConfig
from core.plane.config import OWN
from core.runs import JOB_TYPES, Run, Status
from core.training import Checkpoint
from pages.ui import run_panel
from pages.ui.errors import show_store_errors
from pages.ui.markdown import escape_markdown
from pages.ui.timeline import SHOWN, show_timeline

WATCH_SECONDS = 12.0  # a short run takes as long, so that a class can follow it
SLOW_STEP_SECONDS = 1.0
SLOW, WATCH, FULL = "Slow", "Watch", "Full speed"
TRAIN = "train"  # what Train asks for; the other buttons ask for one "step" or "epoch"
PACES = {
    SLOW: "Slow: one step per second.",
    WATCH: f"Watch: a short run takes about {WATCH_SECONDS:g} seconds.",
    FULL: "Full speed: as fast as the machine can.",
}


def show(
    kind: str,
    config: Any | None,
    fragments: list[str],
    prepare: Callable[[Any], bool],
    parent: Callable[[Run], str | None],
) -> bool:
    """Show the run bar. Return whether its run is active.

    Args:
        kind: the job type of the page's runs.
        config: what Train starts; None while the settings are invalid.
        fragments: keys of the fragments that show the run, to be redrawn when the timeline is moved.
        prepare: called with the config before training starts. Returns False, after showing why, to cancel.
        parent: returns the run whose weights Train starts from, for the run that the page shows; None: new weights.
    """
    with st.container():  # a fixed place for progress and errors, so that the buttons do not move
        if (wanted := st.session_state.pop(f"{kind}_start", None)) and config:
            start(kind, config, prepare, parent, None if wanted == TRAIN else wanted)
    run = run_panel.find_run(kind)
    access = run_panel.run_access()
    editable = run if run and access.can_edit(run) else None
    active = editable if editable and not editable.status.is_terminal else None
    paused = active if active and (active.pause_requested or active.status is Status.PAUSED) else None
    follow_pace(kind, run)
    refusal = "" if active else why_not(config)
    with st.container():
        if refusal and config:  # a limit: its sentence is too long for the status
            st.caption(f":material/info: {escape_markdown(refusal)}")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{kind}_buttons"):
        st.button(
            "Train",
            type="primary",
            icon=":material/model_training:",
            key=f"{kind}_train",
            disabled=active is not None or bool(refusal),
            help=train_help(active, refusal),
            on_click=st.session_state.__setitem__,
            args=[f"{kind}_start", TRAIN],
        )
        if paused:
            button("Resume", "play_arrow", access.resume, paused, key=f"{kind}_pause", help="Key: Space")
        else:
            button("Pause", "pause", access.pause, active, key=f"{kind}_pause", help="Key: Space")
        button("Stop", "stop", access.stop, active, key=f"{kind}_stop")
        units = JOB_TYPES[kind].units
        names = ["step", "epoch"] if units["step"] is not units["epoch"] else ["epoch"]
        for unit in names:
            key = f"{kind}_advance" if unit == names[0] else f"{kind}_advance_{unit}"
            st.button(
                f"One {unit}",
                icon=":material/skip_next:",
                key=key,
                disabled=bool(refusal),
                help=f"Trains for one {unit} and then pauses. {'Key: →' if unit == names[0] else ''}",
                on_click=advance,
                args=[kind, unit, active],
            )
        st.segmented_control(
            "Pace",
            list(PACES),
            default=WATCH,
            required=True,
            key=f"{kind}_pace",
            on_change=set_pace,
            args=[kind],
            label_visibility="collapsed",
            help=" ".join(PACES.values()),
        )
    done = completed_epochs(run) if run else 0
    total = run.config.epochs if run else config.epochs if config else 1
    text = refusal if refusal and not config else status_text(run, done, bool(refusal))
    show_timeline(run, done, total, text, fragments)
    return run is not None and not run.status.is_terminal


def why_not(config: Any | None) -> str:
    """Return why no run can be started with this config; "" if one can."""
    if config is None:
        return "Correct the setting that is marked in the sidebar."
    try:
        run_panel.run_access().limits().check(config)
    except ValueError as error:
        return str(error)
    return ""


def train_help(active: Run | None, refusal: str) -> str:
    """Return what Train does, or why it cannot be pressed."""
    if active:
        return "Stop the current run first. This page shows one run at a time."
    return refusal or "Starts a run with the settings in the sidebar. Key: R"


def advance(kind: str, unit: str, run: Run | None) -> None:
    """Train for one step or epoch and pause (callback). Without an active run, start one."""
    if run is None:
        st.session_state[f"{kind}_start"] = unit
        return

    def act() -> None:
        access = run_panel.run_access()
        if not run.pause_requested:
            access.pause(run.id)
        access.advance(run.id, unit)

    run_panel.try_action(act)


def button(
    label: str, icon: str, act: Callable[..., None], run: Run | None, *arguments: Any, key: str, help: str | None = None
) -> None:
    """Show a button that calls `act` with the run's id; it is disabled if there is no run."""
    st.button(
        label,
        icon=f":material/{icon}:",
        on_click=run_panel.try_action,
        args=[act, run.id, *arguments] if run else [],
        disabled=run is None,
        key=key,
        help=help,
    )


def start(
    kind: str,
    config: Any,
    prepare: Callable[[Any], bool],
    parent: Callable[[Run], str | None],
    unit: str | None = None,
) -> None:
    """Start a run with this config, at the chosen pace. unit: pause it after one "step" or "epoch"."""
    shown = run_panel.find_run(kind)
    if not prepare(config):
        return
    try:
        run_id = submit(kind, config, parent(shown) if shown else None, unit=unit or "")
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/block:")
        return
    st.session_state.pop(SHOWN, None)
    run_panel.open_run(kind, run_id)
    run_panel.wait_for_first_event(run_id)


def submit(kind: str, config: Any, parent: str | None = None, weights: Checkpoint | None = None, unit: str = "") -> str:
    """Queue a run at the chosen pace and return its id. Arguments and ValueError: see Store.create."""
    seconds = pace_seconds(st.session_state.get(f"{kind}_pace", WATCH), config)
    return run_panel.run_access().submit(config, parent, weights, min_step_seconds=seconds, unit=unit)


def pace_seconds(pace: str, config: Any) -> float:
    """Return the minimum duration of one step at this pace, in seconds."""
    if pace == SLOW:
        return SLOW_STEP_SECONDS
    return WATCH_SECONDS / total_steps(config) if pace == WATCH else 0.0


def total_steps(config: Any) -> int:
    """Return the number of steps of a run."""
    if isinstance(config, PlaneConfig):
        points = len(config.points) if config.dataset in OWN else config.n_points
        return config.epochs * math.ceil(max(1, points * (1 - config.validation)) / config.batch_size)
    if not isinstance(config, ClassifyConfig):
        return config.epochs
    try:
        return config.epochs * steps_per_epoch(config, get_info(config.dataset).train_size)
    except DatasetError:  # a custom dataset that has been deleted
        return config.epochs


def set_pace(kind: str) -> None:
    """Apply the chosen pace to the page's active run (callback)."""

    def act() -> None:
        if run := run_panel.editable_run(kind):
            run_panel.run_access().set_pace(run.id, pace_seconds(st.session_state[f"{kind}_pace"], run.config))

    with show_store_errors():
        run_panel.try_action(act)


def follow_pace(kind: str, run: Run | None) -> None:
    """Set the control to the pace of the run, when the page begins to show it."""
    shown = run.id if run and not run.status.is_terminal else None
    if run and shown and st.session_state.get(f"{kind}_paced_run") != shown:
        seconds = run.min_step_seconds
        st.session_state[f"{kind}_pace"] = FULL if not seconds else SLOW if seconds >= SLOW_STEP_SECONDS else WATCH
    st.session_state[f"{kind}_paced_run"] = shown


def completed_epochs(run: Run) -> int:
    """Return how many epochs the run has completed."""
    metrics = JOB_TYPES[run.kind].metrics
    return int(next((n for event in reversed(run_panel.cached_events(run)) if (n := metrics(event).get("epochs"))), 0))


def status_text(run: Run | None, done: int, refused: bool) -> str:
    """Return the status of the run in a few words. refused: no run can be started."""
    if run is None:
        return "No run yet." if refused else "Press Train to start."
    text = run_panel.STATUS_TEXTS[run.status]
    if run.status is Status.WAITING:
        text = " ".join([text, run_panel.queue_label(run)])
    if run.auto_paused:
        text += " because nobody was viewing it"
    if not run_panel.run_access().can_edit(run):
        text += f" · {run.nickname or 'somebody else'}'s run"
    return text if run.status is Status.WAITING else f"{text} · epoch {done} of {run.config.epochs}"
