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
dataset = load(config.dataset)"""

TRAIN = """\
control, steps, epochs = Control(), [], []
for event in fit(config, dataset, control):
    if isinstance(event, Step):
        steps.append(event)
        control.changes = {name: value for at, name, value in changes if at <= event.step + 1}
    if isinstance(event, Epoch):
        epochs.append(event)
        print(f"epoch {event.epoch + 1}: loss {event.train_loss:.4f}, validation accuracy {event.val_accuracy:.2%}")
    if isinstance(event, Result):
        print(f"test accuracy {event.accuracy:.2%} on {event.size:,} images")"""

CHART = """\
import altair as alt
import pandas as pd

frame = pd.DataFrame([{"epoch": e.epoch + 1, "train": e.train_accuracy, "validation": e.val_accuracy} for e in epochs])
alt.Chart(frame.melt("epoch", var_name="curve", value_name="accuracy")).mark_line(point=True).encode(
    x="epoch", y=alt.Y("accuracy").scale(zero=False), color="curve"
)"""


def build_notebook(config: ClassifyConfig, changes: Iterable[Change]) -> str:
    """Return a notebook, as the text of an .ipynb file, that repeats a run with all changes made during training."""
    made = [(change.at, change.name, change.value) for change in changes]
    return notebook(
        "Learning to classify images",
        "The same settings and the same seed give the same curve on one machine.",
        ("The settings of the run, and its images:", SETUP.format(config=config, changes=made)),
        ("Training, with the same loop as the dashboard:", TRAIN),
        ("The accuracy after each epoch:", CHART),
    )
