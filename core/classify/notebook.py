"""A Jupyter notebook that repeats a classify run."""

from __future__ import annotations

from collections.abc import Iterable

from core.classify.config import ClassifyConfig
from core.notebook import notebook
from core.training import Change

SETUP = """\
from core.classify import ClassifyConfig, Epoch, Result, Step, fit
from core.classify.datasets import load
from core.training import Control

config = {config!r}
changes = {changes!r}  # made by hand: (first step with the new value, setting, value)
stopped_before = {stopped_before!r}  # the first step that the run did not make; None if it was not stopped
dataset = load(config.dataset)"""

TRAIN = """\
control, steps, epochs = Control(), [], []
control.changes = {name: value for at, name, value in changes if at == 0}
for event in fit(config, dataset, control):
    if isinstance(event, Step):
        if event.step == stopped_before:
            break
        steps.append(event)
        control.changes = {name: value for at, name, value in changes if at <= event.step + 1}
    if isinstance(event, Epoch):
        epochs.append(event)
        print(f"epoch {event.epoch + 1}: loss {event.train_loss:.4f}, validation accuracy {event.val_accuracy:.2%}")
    if isinstance(event, Result):
        print(f"test accuracy {event.accuracy:.2%} on {event.size:,} images")
        if event.averaged_accuracy is not None:
            print(f"with predictions averaged over copies of each image: {event.averaged_accuracy:.2%}")"""

CHART = """\
import altair as alt
import pandas as pd

curves = [{"epoch": e.epoch + 1, "train": e.train_accuracy, "validation": e.val_accuracy} for e in epochs]
frame = pd.DataFrame(curves, columns=["epoch", "train", "validation"])
alt.Chart(frame.melt("epoch", var_name="curve", value_name="accuracy")).mark_line(point=True).encode(
    x="epoch:Q", y=alt.Y("accuracy:Q").scale(zero=False), color="curve:N"
)"""


def build_notebook(
    config: ClassifyConfig, changes: Iterable[Change], stopped_before: int | None = None, parent: str | None = None
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
    setup = SETUP.format(config=config, changes=made, stopped_before=stopped_before)
    return notebook(
        "Learning to classify images",
        introduction,
        ("The settings of the run, and its images:", setup),
        ("Training, with the same loop as the dashboard:", TRAIN),
        ("The accuracy after each epoch:", CHART),
    )
