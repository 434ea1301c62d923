"""The network and its map of the plane: a component that computes every unit's activation in the browser.

Python sends the points once and the weights of the shown epochs. The browser sends back edits of the network and
points that a student has drawn.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from core.plane import DATASETS, Edit, PlaneConfig, PlaneData, make, restore, switched, with_edit
from core.plane.config import MAX_CLASSES, OWN
from core.plane.datasets import random_stream
from core.plane.edits import checked_edits
from core.plane.features import FEATURES
from core.plane.network import PlaneNetwork, to_text
from pages.ui import run_panel
from pages.ui.browser_component import load_component
from pages.ui.theme import colors

KEY = "plane_network"
DRAWN, REVISION = "plane_points", "plane_points_revision"  # session state
SENT, TAKEN = "plane_sent_points", "plane_taken_edits"  # session state
MAX_DRAWN = 500
CLASS_NAMES = "ABCDE"
MIN_LIMIT = 1e-3  # target that has the strongest colour, at least

component = load_component("network")


class Picture(NamedTuple):
    """What the component shows.

    Attributes:
        config: of the network and the points.
        frames: (completed steps, weights as text) of the moments since the last redraw; the last one is the present.
        edits: the switches that are set at that moment.
        run: id of the run, "" for settings that have not been trained.
        can_edit: whether edits are sent to the run.
        is_past: whether the timeline shows an earlier epoch.
        draws: whether points can be drawn.
        points: points that are shown instead of the config's.
    """

    config: PlaneConfig
    frames: Sequence[tuple[int, str]]
    edits: tuple[Edit, ...] = ()
    run: str = ""
    can_edit: bool = False
    is_past: bool = False
    draws: bool = False
    points: PlaneData | None = None


def show_network(picture: Picture, curves: dict[str, Any], redraw: Callable[[], None]) -> None:
    """Show the network. curves: see `training.loss_curves`. redraw: called after the student has drawn points."""

    def drawn() -> None:
        if accept_points(st.session_state[KEY].get("drawn")):
            redraw()

    def edited() -> None:
        run_panel.try_action(take_edits, st.session_state[KEY].get("edits"))

    def points_wanted() -> None:
        st.session_state.pop(SENT, None)

    component(
        data={**browser_data(picture), "curves": curves},
        default={"edits": None, "drawn": None},
        key=KEY,
        on_edits_change=edited,
        on_drawn_change=drawn,
        on_wanted_change=points_wanted,
        height="content",
    )


def browser_data(picture: Picture) -> dict[str, Any]:
    """Return what the browser needs to draw the picture, as JSON. The points are left out if it has them already."""
    config = picture.config
    data = picture.points or points_of(config)
    key = points_key(data)
    sent = st.session_state.setdefault(SENT, set())
    points = None if key in sent else as_columns(data)
    sent.add(key)
    theme, is_regression = colors(), config.task == "regression"
    off, frozen = (
        [(layer, unit) for layer, units in switched(picture.edits, kind).items() for unit in units]
        for kind in ("off", "frozen")
    )
    return {
        "run": picture.run,
        "key": key,
        "points": points,
        "task": config.task,
        "inputs": DATASETS[config.dataset].inputs,
        "outputs": config.classes,
        "classNames": [] if is_regression else list(CLASS_NAMES[: config.classes]),
        "limit": largest_target(data) if is_regression else 1.0,
        "features": config.features,
        "featureLabels": [FEATURES[name].label for name in config.features],
        "hidden": config.hidden,
        "activation": config.activation,
        "frames": picture.frames,
        "off": off,
        "frozen": frozen,
        "canEdit": picture.can_edit,
        "isPast": picture.is_past,
        "taken": taken_edits(picture.run),
        "drawing": {
            "points": st.session_state.get(DRAWN, ()),
            "revision": st.session_state.get(REVISION, 0),
            "classes": list(CLASS_NAMES),
            "max": MAX_DRAWN,
        }
        if picture.draws
        else None,
        "colors": {"background": theme.background, "text": theme.text, "grey": theme.grey, "palette": theme.palette},
    }


def as_columns(data: PlaneData) -> dict[str, list]:
    """Return the points as lists for the browser; `validation` is 1 for those that are held out."""
    held_out = np.zeros(len(data.points), int)
    held_out[data.validation] = 1
    x, y = np.round(data.points, 4).T
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "target": np.round(data.targets, 4).tolist(),
        "validation": held_out.tolist(),
    }


@lru_cache(maxsize=100)
def points_of(config: PlaneConfig) -> PlaneData:
    """Return the points of a config. Raises ValueError if nothing can be learned from them."""
    return make(config)


def largest_target(data: PlaneData) -> float:
    """Return the magnitude of the value that has the strongest colour; it is never 0."""
    return max(MIN_LIMIT, float(np.abs(data.targets).max(initial=0)))


def points_key(data: PlaneData) -> str:
    """Return a short text that identifies the points."""
    parts = (data.points, data.targets, data.validation)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]


@lru_cache(maxsize=100)
def initial_weights(config: PlaneConfig) -> str:
    """Return the weights with which a run of this config starts, as text."""
    return to_text(PlaneNetwork(config, random_stream(config, "training")).flat)


def unfinished_drawing() -> Picture:
    """Return the picture of own points that are too few to train on, without a network's opinion."""
    config = PlaneConfig(dataset="blobs", classes=MAX_CLASSES, hidden=())
    nothing = np.empty((0, 2)), np.empty(0, int)
    points = PlaneData(*nothing, *(np.empty(0, int),) * 2, *nothing)
    blank = to_text(np.zeros(config.parameter_count))
    return Picture(config, [(0, blank)], draws=True, points=points)


def accept_points(state: Any) -> bool:
    """Take over the points that were drawn. Returns whether they have changed.

    state: from the browser, which may send anything.
    """
    try:
        revision = int(state["revision"])
        points = tuple((float(x), float(y), int(label)) for x, y, label in state["points"][:MAX_DRAWN])
    except (TypeError, ValueError, KeyError, OverflowError):
        return False
    if revision <= st.session_state.get(REVISION, 0):
        return False
    st.session_state[REVISION] = revision
    st.session_state[DRAWN] = points
    return True


def set_points(points: Sequence[tuple[float, float, float]]) -> None:
    """Replace the drawn points. Whole targets may be labels."""
    st.session_state[DRAWN] = tuple((x, y, int(t) if float(t).is_integer() else t) for x, y, t in points)
    st.session_state[REVISION] = st.session_state.get(REVISION, 0) + 1_000  # later than any that the browser has sent


def taken_edits(run: str) -> int:
    """Return how many edits of a run this session has taken over from the browser."""
    of, count = st.session_state.get(TAKEN, ("", 0))
    return count if of == run else 0


def take_edits(state: Any) -> None:
    """Apply the edits that the browser has made since the last call to the page's run.

    state: from the browser, which may send anything. Raises ValueError if an edit is not possible.
    """
    run = run_panel.editable_run("plane")
    if run is None or not isinstance(state, dict) or state.get("run") != run.id:
        return
    made, taken = state.get("edits") or [], taken_edits(run.id)
    if not isinstance(made, list):
        raise ValueError(f"The edits must be a list, but the browser sent {made!r:.40}. Reload the page.")
    st.session_state[TAKEN] = (run.id, len(made))
    edits: Sequence[Sequence] = current_edits(run)
    for edit in checked_edits(made[taken:], run.config.sizes):
        edits = with_edit(edits, edit)
    run_panel.run_access().steer(run.id, edits=edits)


def current_edits(run: Any) -> tuple[Edit, ...]:
    """Return the edits that a run's owner wants now."""
    return tuple(Edit(*entry) for entry in run.changes.get("edits", run.config.edits))


def with_pending(config: PlaneConfig, weights: str, pending: Sequence[Edit]) -> str:
    """Return the weights after edits that the run has not carried out yet, as text."""
    numbers = [edit for edit in pending if edit.kind in ("weight", "bias")]
    if not numbers:
        return weights
    network = restore(config, weights)
    for edit in numbers:
        network.type_number(edit)
    return to_text(network.flat)


def is_own(config: PlaneConfig) -> bool:
    """Return whether the config's points are a student's own classes, which can be drawn."""
    return config.dataset == OWN[0]
