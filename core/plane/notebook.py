"""A Jupyter notebook that repeats a run on points in a plane."""

from __future__ import annotations

from collections.abc import Iterable

from core.notebook import notebook
from core.plane.config import DATASETS, PlaneConfig
from core.training import Change

SETUP = """\
from core.plane import Edit, PlaneConfig, PlaneEpoch, PlaneResult, PlaneStep, fit, make
from core.training import Control

config = {config!r}
changes = {changes!r}  # made by hand: (first step with the new value, setting, value)
stopped_before = {stopped_before!r}  # the first step that the run did not make; None if it was not stopped
data = make(config)"""

TRAIN = """\
control, steps, epochs, settings = Control(), [], [], {}
settings = {name: value for at, name, value in changes if at == 0}
control.changes = settings
for event in fit(config, control):
    if isinstance(event, PlaneStep):
        if event.step == stopped_before:
            break
        steps.append(event)
        settings = {name: value for at, name, value in changes if at <= event.step + 1}
        control.changes = settings
    if isinstance(event, PlaneEpoch):
        epochs.append(event)
    if isinstance(event, PlaneResult) and event.size:
        print(f"{event.size:,} test points: loss {event.loss:.4f}, accuracy {event.accuracy}")
last = epochs[-1]
print(f"epoch {last.epoch}: training loss {last.train_loss:.4f}, validation loss {last.val_loss}")"""

CURVES = """\
import altair as alt
import pandas as pd

curves = [{"epoch": e.epoch, "training": e.train_loss, "validation": e.val_loss} for e in epochs]
frame = pd.DataFrame(curves[:: max(1, len(curves) // 1_000)], columns=["epoch", "training", "validation"], dtype=float)
alt.Chart(frame.melt("epoch", var_name="points", value_name="loss")).mark_line().encode(
    x="epoch:Q", y="loss:Q", color="points:N"
)"""

SHOWN = """\
import numpy as np
from dataclasses import replace
from core.plane import activations

now = replace(config, **settings)  # its switches decide which units are off
"""

PLANE = """\
axis = np.linspace(-6, 6, 60)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
maps = activations(now, last.weights, grid)
frame = pd.DataFrame({"x": grid[:, 0], "y": grid[:, 1], "output": maps.output[:, -1]})
alt.Chart(frame).mark_rect().encode(
    x=alt.X("x:O").axis(None), y=alt.Y("y:O").sort("descending").axis(None), color="output:Q"
).properties(width=300, height=300)"""

CURVE = """\
axis = np.linspace(-6, 6, 200)
output = activations(now, last.weights, np.stack([axis, 0 * axis], axis=1)).output[:, 0]
points = alt.Chart(pd.DataFrame({"x": data.points[:, 0], "target": data.targets})).mark_point()
points.encode(x="x:Q", y="target:Q") + alt.Chart(pd.DataFrame({"x": axis, "target": output})).mark_line().encode(
    x="x:Q", y="target:Q"
)"""


def build_notebook(
    config: PlaneConfig, changes: Iterable[Change], stopped_before: int | None = None, parent: str | None = None
) -> str:
    """Return a notebook, as the text of an .ipynb file, that repeats a run with all changes made during training.

    stopped_before: the first step that the run did not make, if it was stopped.
    parent: id of the run whose weights this run started from, or where else they came from, if any.
    """
    made = [(change.at, change.name, change.value) for change in changes]
    introduction = (
        "The original run started from other weights than those that its seed gives. This notebook starts from newly "
        "initialised weights, so its curve differs."
        if parent
        else "The same settings and the same seed give the same curve on one machine."
    )
    is_plane = DATASETS[config.dataset].inputs == 2
    what = "the probability of the last class" if config.task == "classification" else "the network's output"
    return notebook(
        "Learning points in a plane",
        introduction,
        (
            "The settings of the run, and its points:",
            SETUP.format(config=config, changes=made, stopped_before=stopped_before),
        ),
        ("Training, with the same loop as the dashboard:", TRAIN),
        ("The loss after each epoch:", CURVES),
        (f"After the last epoch, {what}:", SHOWN + (PLANE if is_plane else CURVE)),
    )
