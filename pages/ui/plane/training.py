"""The Training tab: the network, its map of the plane, the accuracy in figures, and the loss curves."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from core.plane import Edit, PlaneConfig, PlaneEpoch, PlaneResult, PlaneStep, new_edits
from core.runs import Run, Status
from core.training import Change
from pages.ui import run_panel
from pages.ui.charts import ROW, DrawnChart, change_markers, downsample, learning_curves
from pages.ui.figures import Figure, show_figures
from pages.ui.plane import network
from pages.ui.plane.network import Picture
from pages.ui.plane.settings import use_settings_of
from pages.ui.run_settings import show_settings_of
from pages.ui.timeline import shown_epoch

CHART_HEIGHT = 300  # pixels, to download
MAX_CURVE_POINTS = 150  # the browser draws no more
MAX_FRAMES = 6  # states that the browser plays between two redraws
MAX_FRAME_NUMBERS = 1_000  # weights in them
MIN_SKILL = 0.2  # a run that removes less of the error of guessing is no success
LOSS_TITLES = {"classification": "Loss (nats)", "regression": "Mean squared error"}
SEEN, FRAMES = "plane_seen_settings", "plane_sent_frames"  # session state

# The component fills the whole area; the figures stand in the room that it leaves above the network.


class Moment(NamedTuple):
    """What the tab shows of a run.

    Attributes:
        now: the last completed epoch, or the one that the timeline shows; None before the first.
        picture: of the network.
        shown: the epoch that the timeline shows; None: the present.
    """

    now: PlaneEpoch | None
    picture: Picture
    shown: int | None = None


def show(run: Run | None, config: PlaneConfig | None, read_only: bool = False) -> None:
    """Show the run or, before it starts and after the settings have changed, what the next run starts from.

    Args:
        run: the run; None before the first one.
        config: the settings; None while they are invalid.
        read_only: leave out what changes the run or the settings of the visitor's own page.
    """
    events = run_panel.cached_events(run) if run else []
    epochs = [event for event in events if isinstance(event, PlaneEpoch)]
    is_next = run is None or (not read_only and shows_settings(run, config, epochs))
    moment = moment_of(run, events, epochs) if run and not is_next else next_moment(run, config)
    if read_only:
        moment = moment._replace(picture=moment.picture._replace(can_edit=False, draws=False))
    task = moment.picture.config.task
    with st.container(key="plane_stage"):
        with st.container(key="plane_figures"):
            results = [event for event in events if isinstance(event, PlaneResult)] if not is_next else []
            says = outcome(run, events) if run and not is_next else ("", next_in_words(run, config))
            show_figures(figures(task, moment.now, results), *says)
        curves = loss_curves(moment.picture.config, [] if is_next else events, moment.shown)
        network.show_network(moment.picture, curves, redraw=st.rerun)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Logarithmic loss", key="plane_log_scale", help="Equal distances on the axis mean equal ratios.")
        if run and not is_next:
            show_settings_of(run, None if read_only else use_settings_of)


def shows_settings(run: Run, config: PlaneConfig | None, epochs: list[PlaneEpoch]) -> bool:
    """Return whether to show the settings instead of an ended run: they have changed since the run was opened."""
    seen_run, seen = st.session_state.get(SEEN, ("", None))
    if seen_run != run.id:
        st.session_state[SEEN] = run.id, config
        return False
    if not run.status.is_terminal or shown_epoch(run, completed(epochs)) is not None:
        return False
    if config is None:
        return seen is not None and st.session_state.get("plane_dataset") == "own"
    return start_of(config) not in (start_of(run.config), seen and start_of(seen))


def start_of(config: PlaneConfig) -> tuple:
    """Return the settings that determine the points and the network before training."""
    names = ["dataset", "classes", "n_points", "noise", "validation", "formula", "points"]
    names += ["features", "hidden", "activation", "initialisation", "seed"]
    return tuple(getattr(config, name) for name in names)


def completed(epochs: list[PlaneEpoch]) -> int:
    """Return how many epochs are complete."""
    return epochs[-1].epoch if epochs else 0


def next_moment(run: Run | None, config: PlaneConfig | None) -> Moment:
    """Return what a run with these settings starts from: the points and the initial weights."""
    if config is None:
        return Moment(None, network.unfinished_drawing() if draws_own() else blank())
    draws = network.is_own(config)
    return Moment(None, Picture(config, [(0, network.initial_weights(config))], draws=draws))


def draws_own() -> bool:
    """Return whether the settings ask for points that are drawn."""
    return st.session_state.get("plane_dataset") == "own"


def blank() -> Picture:
    """Return an empty picture, for settings that are invalid."""
    return network.unfinished_drawing()._replace(draws=False)


def moment_of(run: Run, events: list, epochs: list[PlaneEpoch]) -> Moment:
    """Return the moment of a run that the page shows."""
    shown = shown_epoch(run, completed(epochs))
    config = run.config
    if not epochs:
        draws = network.is_own(config) and run.status.is_terminal
        return Moment(None, Picture(config, [(0, network.initial_weights(config))], run=run.id, draws=draws))
    if shown is not None:
        now = next(epoch for epoch in reversed(epochs) if epoch.epoch <= shown or epoch is epochs[0])
        edits = edits_until(events, now.step, config.edits)
        return Moment(now, Picture(config, [(now.step, now.weights)], edits, run.id, is_past=True), shown)
    frames = new_frames(run, events)
    wanted = network.current_edits(run)
    pending = new_edits(edits_until(events, None, config.edits), wanted)
    frames[-1] = (frames[-1][0], network.with_pending(config, frames[-1][1], pending))
    can_edit = not run.status.is_terminal and run_panel.run_access().can_edit(run)
    draws = network.is_own(config) and run.status.is_terminal
    return Moment(epochs[-1], Picture(config, frames, wanted, run.id, can_edit, draws=draws))


def edits_until(events: list, step: int | None, initial: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Return the edits that a run had carried out after so many steps. None: until now."""
    edits = initial
    for event in events:
        if isinstance(event, Change) and isinstance(event.value, tuple) and (step is None or event.at < step):
            edits = tuple(Edit(*entry) for entry in event.value)
    return edits


def new_frames(run: Run, events: list) -> list[tuple[int, str]]:
    """Return the states of a run since the last redraw, at most MAX_FRAMES; the last one is the present."""
    of, sent = st.session_state.get(FRAMES, ("", -1))
    states = [(event.step, event.weights) for event in events[-200:] if isinstance(event, PlaneEpoch)]
    states += [(e.step + 1, e.weights) for e in events[-200:] if isinstance(e, PlaneStep) and e.weights]
    states.sort(key=lambda state: state[0])
    new = [state for state in states if of == run.id and state[0] > sent]
    last = states[-1]
    count = min(MAX_FRAMES, max(1, MAX_FRAME_NUMBERS // run.config.parameter_count))
    chosen = [new[round((i + 1) * len(new) / count) - 1] for i in range(count)] if len(new) > count else new or [last]
    st.session_state[FRAMES] = run.id, last[0]
    return chosen


def figures(task: str, now: PlaneEpoch | None, results: list[PlaneResult]) -> list[Figure]:
    """Return the figures for one epoch; dashes for what is not known."""
    epoch = Figure("Epoch", f"{now.epoch:,}" if now else "0")
    test = results[-1] if results else None
    if task == "regression":
        return [
            Figure("Validation error", short(now.val_loss if now else None)),
            Figure("Training error", short(now.train_loss if now else None)),
            Figure("Test error", short(test.loss if test else None)),
            epoch,
        ]
    loss = None if now is None else now.train_loss if now.val_loss is None else now.val_loss
    return [
        Figure("Validation", percent(now.val_accuracy if now else None)),
        Figure("Training", percent(now.train_accuracy if now else None)),
        Figure("Test", percent(test.accuracy if test else None)),
        Figure("Loss", short(loss)),
        epoch,
    ]


def percent(value: float | None) -> str:
    """Return a fraction as text."""
    return "–" if value is None else f"{value:.0%}"


def short(value: float | None) -> str:
    """Return a loss as text."""
    return "–" if value is None else f"{value:.2g}" if value < 0.0995 or value >= 100 else f"{value:.2f}"


def next_in_words(run: Run | None, config: PlaneConfig | None) -> str:
    """Say what the tab shows of settings that have not been trained."""
    if config is None:
        return "Draw points of two classes or more, then press Train." if draws_own() else ""
    return "These are the new settings, before training." if run else "This is the network before training."


def outcome(run: Run, events: list) -> tuple[str, str]:
    """Return the state of the run in words: a kind of message, and its text."""
    if run.message:
        return ("error" if run.status is Status.FAILED else "warning"), run.message
    results = [event for event in events if isinstance(event, PlaneResult)]
    if not results:
        return "", ""
    result = results[-1]
    if not result.size:
        judge = " Judge the network by its validation points." if run.config.validation else ""
        return "", f"Own points have no test points.{judge}"
    targets = network.points_of(run.config).test_targets
    if result.accuracy is None:
        variance = float(np.var(targets))
        text = f"Mean squared error {short(result.loss)} on {result.size:,} new test points."
        if result.loss is not None and not result.loss < (1 - MIN_SKILL) * variance:
            return "warning", f"{text} Always predicting the mean would give {short(variance)}."
        return "success", text
    correct, largest_class = round(result.accuracy * result.size), np.bincount(targets.astype(int)).max() / len(targets)
    text = f"{correct:,} of {result.size:,} new test points are classified correctly."
    if 1 - result.accuracy > (1 - MIN_SKILL) * (1 - largest_class):
        return "warning", f"{text} That is about as good as guessing."
    return "success", text


def losses(epochs: list[PlaneEpoch], field: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the epochs and the values of one of their losses, as far as there are any."""
    pairs = [(epoch.epoch, loss) for epoch in epochs if (loss := getattr(epoch, field)) is not None]
    numbers, values = np.array(pairs, dtype=float).reshape(-1, 2).T
    return numbers, values


def thinned(values: np.ndarray) -> list[float]:
    """Return at most MAX_CURVE_POINTS values: means of neighbours, and the last value itself."""
    neighbours = -(-len(values) // MAX_CURVE_POINTS) or 1
    means = np.add.reduceat(values, starts := np.arange(0, len(values), neighbours)) if len(values) else values
    means = means / np.diff([*starts, len(values)]) if len(values) else means
    return [float(f"{value:.4g}") for value in [*means[:-1], *values[-1:]]]


def loss_curves(config: PlaneConfig, events: list, shown: int | None) -> dict[str, Any]:
    """Return training and validation loss over the epochs for the browser, with marks where a setting was changed.

    shown: the epoch that the page shows.
    """
    epochs = [event for event in events if isinstance(event, PlaneEpoch)]
    curves = {
        name: [thinned(part) for part in losses(epochs, field)]
        for name, field in (("train", "train_loss"), ("validation", "val_loss"))
    }
    changes = changes_by_epoch(events)
    marks = change_markers(changes, config.epochs).to_dict("records") if changes else []
    return {
        **curves,
        "isThinned": bool(epochs) and len(curves["train"][0]) <= epochs[-1].epoch,  # epoch 0 is before training
        "end": config.epochs,
        "log": bool(st.session_state.get("plane_log_scale")),
        "marks": [
            {"x": int(m["x"]), "label": m["label"], "align": m["align"], "row": int(m["dy"] // ROW)} for m in marks
        ],
        "shown": shown,
        "title": "Loss (nats)" if config.task == "classification" else "Error (MSE)",
        "hasValidation": config.validation > 0,
        "text": loss_in_words(config.task, epochs),
    }


def loss_chart(config: PlaneConfig, events: list) -> DrawnChart:
    """Draw training and validation loss over the epochs, with markers where a setting was changed; to download."""
    epochs = [event for event in events if isinstance(event, PlaneEpoch)]
    return learning_curves(
        {
            name: downsample(pd.DataFrame(dict(zip("xy", losses(epochs, field), strict=True))))
            for name, field in (("train", "train_loss"), ("validation", "val_loss"))
        },
        "Epoch",
        LOSS_TITLES[config.task],
        log=bool(st.session_state.get("plane_log_scale")),
        marks=change_markers(changes_by_epoch(events), config.epochs),
        height=CHART_HEIGHT,
        end=config.epochs,
        legend_orient="top-right",
    )


def changes_by_epoch(events: list) -> list[Change]:
    """Return the changes of settings with the epoch, not the step, in which they were made."""
    changes, epoch = [], 0
    for event in events:
        if isinstance(event, PlaneEpoch):
            epoch = event.epoch
        elif isinstance(event, Change):
            value: Any = "by hand" if event.name == "edits" else event.value
            changes.append(Change(epoch, event.name, value))
    return changes


def loss_in_words(task: str, epochs: list[PlaneEpoch]) -> str:
    """Describe the loss curves for readers who cannot see them."""
    if not epochs:
        return "Loss curves, without a completed epoch."
    last = epochs[-1]
    validation = "" if last.val_loss is None else f", validation {last.val_loss:.3g}"
    return f"{LOSS_TITLES[task]} after {last.epoch} epochs: training {last.train_loss:.3g}{validation}."
