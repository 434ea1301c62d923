"""The live view of a run: progress, loss, accuracy and predictions on some test images."""

from typing import TypeVar

import altair as alt
import pandas as pd
import streamlit as st

from core import classify
from core.classify import ClassifyConfig, Epoch, PreparationProgress, Result, Step
from core.classify.datasets import DatasetError, get_info
from core.runs import Run
from core.training import Change
from pages.ui import run_panel
from pages.ui.charts import change_markers, downsample, learning_curves, show_live_chart
from pages.ui.classify.images import samples_html

STEP, EPOCH = "Step (one batch each)", "Epoch (all training images once)"
EventT = TypeVar("EventT")


def events_of_type(kind: type[EventT], events: list[classify.Event]) -> list[EventT]:
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


def draw(run: Run, events: list[classify.Event]) -> None:
    """Draw the run so far."""
    config = run.config
    steps, epochs = events_of_type(Step, events), events_of_type(Epoch, events)
    if not steps:
        preparations = events_of_type(PreparationProgress, events)
        fraction, text = (preparations[-1].fraction, preparations[-1].text) if preparations else (0.0, "")
        run_panel.status_line(run, fraction, text)
        return
    done = (len(epochs) + epoch_fraction(steps, epochs)) / config.epochs
    run_panel.status_line(run, done, f"epoch {len(epochs)} of {config.epochs}, step {len(steps):,}")
    for result in events_of_type(Result, events):
        st.success(
            f"**Test accuracy {result.accuracy:.2%}** from {feature_label(config)}: "
            f"{round(result.accuracy * result.size):,} of {result.size:,} test images, none of which it was trained "
            f"on, are classified correctly. Training took {run.train_seconds:.1f} seconds.",
            icon=":material/check_circle:",
        )
    left, right = st.columns(2)
    with left:
        log = st.session_state.get("classify_log_scale", False)
        show_live_chart(loss_chart(steps, epochs, events_of_type(Change, events), log), run.status.is_terminal)
    if epochs:
        with right:
            show_live_chart(accuracy_chart(epochs), run.status.is_terminal)
        try:
            classes = get_info(config.dataset).classes
        except DatasetError as error:  # a custom dataset that has been deleted
            st.caption(str(error))
            return
        st.markdown("**Predictions on test images**, one per class, with the three most likely classes")
        st.html(samples_html(epochs[-1].samples, classes))


def feature_label(config: ClassifyConfig) -> str:
    """Return what the network receives as input, in words."""
    return "raw pixels" if config.features == "pixels" else f"features of {config.patches:,} patches"


def loss_chart(steps: list[Step], epochs: list[Epoch], changes: list[Change], log: bool) -> alt.LayerChart:
    """Draw training and validation loss over the steps, with markers where a setting was changed."""
    curves = {"train": downsample(pd.DataFrame({"x": [e.step for e in steps], "y": [e.loss for e in steps]}))}
    if epochs:
        curves["validation"] = pd.DataFrame({"x": [e.step for e in epochs], "y": [e.val_loss for e in epochs]})
    return learning_curves(curves, STEP, "Loss (nats per image)", log=log, marks=change_markers(changes))


def accuracy_chart(epochs: list[Epoch]) -> alt.LayerChart:
    """Draw training and validation accuracy over the epochs."""
    number = [epoch.epoch + 1 for epoch in epochs]
    curves = {
        "train": pd.DataFrame({"x": number, "y": [epoch.train_accuracy for epoch in epochs]}),
        "validation": pd.DataFrame({"x": number, "y": [epoch.val_accuracy for epoch in epochs]}),
    }
    return learning_curves(curves, EPOCH, "Accuracy (fraction correct)", percent=True)


def epoch_fraction(steps: list[Step], epochs: list[Epoch]) -> float:
    """Return the completed fraction of the current epoch; 0 in the first one, whose number of steps is unknown."""
    if not epochs:
        return 0.0
    steps_per_epoch = epochs[0].step + 1
    return (steps[-1].step + 1 - len(epochs) * steps_per_epoch) / steps_per_epoch
