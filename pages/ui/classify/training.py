"""The run: how far it is, its loss and accuracy, and what it makes of a few test pictures."""

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

STEP, EPOCH = "Step (one batch each)", "Epoch (all pictures once)"


def of_kind(kind: type, events: list[classify.Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def draw(run: Run, events: list[classify.Event]) -> None:
    """The run so far."""
    config = run.config
    steps, epochs = of_kind(Step, events), of_kind(Epoch, events)
    result = next(iter(of_kind(Result, events)), None)
    if not steps:
        preparations = of_kind(PreparationProgress, events)
        share, text = (preparations[-1].fraction, preparations[-1].text) if preparations else (0.0, "")
        run_panel.status_line(run, share, text)
        return
    done = (len(epochs) + share_of_epoch(steps, epochs)) / config.epochs
    run_panel.status_line(run, done, f"epoch {len(epochs)} of {config.epochs}, step {len(steps):,}")
    if result:
        st.success(
            f"**Test accuracy {result.accuracy:.2%}**, from {sees(config)}: of {result.size:,} pictures that it had "
            f"never learned from, {round(result.accuracy * result.size):,} are right. "
            f"It took {run.train_seconds:.1f} seconds.",
            icon=":material/check_circle:",
        )
    loss_place, accuracy_place = st.columns(2)
    with loss_place:
        log = st.session_state.get("classify_log_scale", False)
        show_live_chart(loss_chart(steps, epochs, of_kind(Change, events), log), run.status.is_terminal)
    if epochs:
        with accuracy_place:
            show_live_chart(accuracy_chart(epochs), run.status.is_terminal)
        try:
            classes = get_info(config.dataset).classes
        except DatasetError as error:  # somebody's own pictures, which are not kept for ever
            st.caption(str(error))
            return
        st.markdown("**What it makes of test pictures**, one of each class, with its three most probable answers")
        st.html(samples_html(epochs[-1].samples, classes))


def sees(config: ClassifyConfig) -> str:
    """What the network sees, in words."""
    return "raw pixels" if config.features == "pixels" else f"{config.patches:,} patch features"


def loss_chart(steps: list[Step], epochs: list[Epoch], changes: list[Change], log: bool) -> alt.LayerChart:
    curves = {"train": downsample(pd.DataFrame({"x": [e.step for e in steps], "y": [e.loss for e in steps]}))}
    if epochs:
        curves["validation"] = pd.DataFrame({"x": [e.step for e in epochs], "y": [e.val_loss for e in epochs]})
    return learning_curves(curves, STEP, "Loss (nats per picture)", log=log, marks=change_markers(changes))


def accuracy_chart(epochs: list[Epoch]) -> alt.LayerChart:
    number = [epoch.epoch + 1 for epoch in epochs]
    curves = {
        "train": pd.DataFrame({"x": number, "y": [epoch.train_accuracy for epoch in epochs]}),
        "validation": pd.DataFrame({"x": number, "y": [epoch.val_accuracy for epoch in epochs]}),
    }
    return learning_curves(curves, EPOCH, "Accuracy (share right)", percent=True)


def share_of_epoch(steps: list[Step], epochs: list[Epoch]) -> float:
    """How much of the epoch that is going on is done, once the first one has shown how many steps that is."""
    if not epochs:
        return 0.0
    steps_an_epoch = epochs[0].step + 1
    return (steps[-1].step + 1 - len(epochs) * steps_an_epoch) / steps_an_epoch
