"""The Training tab: accuracy and loss in figures, predictions on some validation images, and the curves."""

import math
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from core import classify
from core.classify import ClassifyConfig, Epoch, PreparationProgress, Result, Samples, Step, restore_model
from core.classify.datasets import DatasetError, get_info
from core.classify.inputs import FEATURES
from core.classify.single_step import last_batch, sample_predictions
from core.runs import Run, Status
from core.training import Change
from pages.ui import run_bar, run_panel
from pages.ui.charts import DrawnChart, change_markers, downsample, learning_curves, show_live_chart
from pages.ui.classify.images import image_grid_html
from pages.ui.classify.sample_cards import compact_samples_html, placeholder_html
from pages.ui.classify.settings import use_settings_of
from pages.ui.classify.snapshot import load_inputs
from pages.ui.figures import Figure, show_figures
from pages.ui.run_settings import show_settings_of
from pages.ui.style import window_high
from pages.ui.timeline import shown_epoch

STEP, EPOCH = "Step (one batch each)", "Epoch (all training images once)"
MIN_EPOCHS_TO_ZOOM = 4  # accuracies; with fewer, the axis starts at 0
GUESSING_FACTOR = 1.2  # an accuracy below this multiple of pure guessing is no success
MAX_BATCH_IMAGES = 10
COPIES_IN_WORDS = {"mirror": "mirror images", "shifts": "shifts by one pixel"}
CARDS_CAPTION = (
    '<span style="font-size: 0.9rem; opacity: 0.85">Cards: predictions on validation images, with their '
    "probabilities.</span>"
)
THINNED_CAPTION = (
    '<span style="font-size: 0.9rem; opacity: 0.85">Cards: validation images. The training curve is thinned; '
    "shading shows its peaks.</span>"
)
EventT = TypeVar("EventT")


def events_of_type(kind: type[EventT], events: list[classify.Event]) -> list[EventT]:
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


def show(run: Run | None, config: ClassifyConfig | None, read_only: bool = False) -> None:
    """Show the run, or an empty layout before the first one.

    Args:
        run: the run; None before the first one.
        config: the settings, for the time before the first run.
        read_only: leave out what changes the settings of the visitor's own page.
    """
    events = run_panel.cached_events(run) if run else []
    config = run.config if run else config or ClassifyConfig()
    steps, epochs = events_of_type(Step, events), events_of_type(Epoch, events)
    shown = shown_epoch(run, len(epochs))
    now = epochs[(shown or 0) - 1] if epochs else None  # the chosen epoch, or the last one
    classes = class_names(config.dataset)
    step = single_step(run, steps, epochs) if run and shown is None else None
    samples = step.samples if step else now.samples if now else None
    log = bool(st.session_state.get("classify_log_scale")) and bool(steps)
    with window_high():
        show_figures(figures(steps, now, events_of_type(Result, events)), *outcome(run, events))
        st.html(compact_samples_html(samples, classes) if samples and classes else placeholder_html(len(classes)))
        left, right = st.columns(2)
        with left:
            chart = loss_chart(config, events, log, shown)
            show_live_chart(chart, height="stretch", alt=loss_in_words(epochs))
        with right:
            show_live_chart(accuracy_chart(config, epochs, shown), height="stretch", alt=accuracy_in_words(epochs))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Logarithmic loss", key="classify_log_scale", help="Equal distances on the axis mean equal ratios.")
        caption = THINNED_CAPTION if "peaks" in chart.data else CARDS_CAPTION
        st.html(batch_html(step) if step else caption, width="content")
    if run:
        show_settings_of(run, None if read_only else use_settings_of)


class SingleStep(NamedTuple):
    """What a run that is paused within an epoch has just done.

    Attributes:
        number: of its latest step, from 1.
        samples: its predictions on the sample images now.
        images: those of the latest batch, at most MAX_BATCH_IMAGES.
        size: number of images in the batch.
    """

    number: int
    samples: Samples
    images: list[np.ndarray]
    size: int


def single_step(run: Run, steps: list[Step], epochs: list[Epoch]) -> SingleStep | None:
    """Return what the run has just done; None if it is not paused within an epoch."""
    if run.status is not Status.PAUSED or not steps or (epochs and epochs[-1].step == steps[-1].step):
        return None
    config, checkpoint = run.config, run_panel.dispatcher().store.checkpoint(run.id)
    if checkpoint is None:
        return None
    try:
        dataset, inputs = load_inputs(config.dataset, config.features, config.patch_settings)
        model = restore_model(config, dataset, checkpoint)
    except (DatasetError, ValueError):  # the other tabs say what is wrong
        return None
    batch = last_batch(config, checkpoint)
    images = list(dataset.x_train[batch[:MAX_BATCH_IMAGES]])
    return SingleStep(steps[-1].step + 1, sample_predictions(config, model, dataset, inputs), images, len(batch))


def batch_html(step: SingleStep) -> str:
    """Draw the images of the latest batch, with a caption."""
    return (
        '<div style="display: flex; gap: 0.6rem; align-items: center;">'
        f"<span>Step {step.number:,}: a batch of {step.size:,}</span>{image_grid_html(step.images, 1.8)}</div>"
    )


def figures(steps: list[Step], now: Epoch | None, results: list[Result]) -> list[Figure]:
    """Return the figures for one epoch; dashes for what is not known yet."""
    loss = now.val_loss if now else steps[-1].loss if steps else None
    validation = f"{now.val_accuracy:.1%}" if now else "–"
    loss_of = "on validation images" if now else "of the last batch" if steps else "0 is perfect"
    return [
        Figure("Validation", validation, "of unseen images"),
        Figure("Training", f"{now.train_accuracy:.1%}" if now else "–", "of training images"),
        Figure("Loss", f"{loss:.3g}" if loss is not None else "–", loss_of),
        Figure("Test", f"{results[-1].accuracy:.2%}" if results else "–", "after the last epoch"),
    ]


def outcome(run: Run | None, events: list[classify.Event]) -> tuple[str, str]:
    """Return the state of the run in words: a kind of message, and its text."""
    if run is None:
        return "", ""
    if run.message:
        return ("error" if run.status is Status.FAILED else "warning"), run.message
    if not events_of_type(Step, events):
        preparations = events_of_type(PreparationProgress, events)
        return "", f"{preparations[-1].text} ({preparations[-1].fraction:.0%})" if preparations else ""
    results = events_of_type(Result, events)
    if not results:
        return "", f"Step {events_of_type(Step, events)[-1].step + 1:,}"
    result, classes = results[-1], len(class_names(run.config.dataset))
    correct = round(result.accuracy * result.size)
    source = "" if run.config.features == "pixels" else f", from {feature_label(run.config)}"
    text = f"{correct:,} of {result.size:,} test images are classified correctly{source}."
    if result.averaged_accuracy is not None:
        copies = " and ".join(COPIES_IN_WORDS[kind] for kind in run.config.average)
        text += f" With predictions averaged over {copies}: {result.averaged_accuracy:.2%}."
    if classes and result.accuracy < GUESSING_FACTOR / classes:
        return "warning", f"{text} That is about as good as guessing."
    return "success", text


def class_names(dataset: str) -> tuple[str, ...]:
    """Return the classes of a dataset; () if it has been deleted."""
    try:
        return get_info(dataset).classes
    except DatasetError:
        return ()


def feature_label(config: ClassifyConfig) -> str:
    """Return what the network receives as input, in words."""
    if config.features == "patches":
        return f"features of {config.patches:,} patches"
    return FEATURES[config.features]


def loss_chart(
    config: ClassifyConfig, events: list[classify.Event], log: bool = False, shown: int | None = None
) -> DrawnChart:
    """Draw training and validation loss over the steps, with markers where a setting was changed.

    log: use a logarithmic axis. shown: the completed epochs at the moment that the page shows.
    """
    steps, epochs = events_of_type(Step, events), events_of_type(Epoch, events)
    train = pd.DataFrame(
        {
            "x": [e.step + 1 for e in steps],
            "y": [e.loss for e in steps],
            "peak": [max(e.loss, e.peak) for e in steps],
        },
        dtype=float,
    )
    validation = pd.DataFrame({"x": [e.step + 1 for e in epochs], "y": [e.val_loss for e in epochs]}, dtype=float)
    total, classes = run_bar.total_steps(config), len(class_names(config.dataset))
    return learning_curves(
        {"train": downsample(train), "validation": validation},
        STEP,
        "Loss (nats)",
        log=log,
        marks=change_markers(events_of_type(Change, events), total),
        end=total,
        guessing=math.log(classes) if classes else None,
        shown=epochs[shown - 1].step + 1 if shown else None,
        legend_orient="top-right",
    )


def accuracy_chart(
    config: ClassifyConfig, epochs: list[Epoch], shown: int | None = None, legend: bool = False
) -> DrawnChart:
    """Draw training and validation accuracy over the epochs, on an axis that fits what differs.

    shown: the epoch that the page shows. legend: beside the chart of the loss, none is needed.
    """
    lowest = axis_start([value for epoch in epochs for value in (epoch.train_accuracy, epoch.val_accuracy)])
    curves = {}
    for name, field in (("train", "train_accuracy"), ("validation", "val_accuracy")):
        frame = pd.DataFrame(
            {"x": [e.epoch + 1 for e in epochs], "y": [getattr(e, field) for e in epochs]}, dtype=float
        )
        curves[name] = frame[frame["y"] >= lowest]
    classes = len(class_names(config.dataset))
    return learning_curves(
        curves,
        EPOCH,
        "Accuracy",
        percent=True,
        zero=False,
        end=config.epochs,
        guessing=1 / classes if classes and lowest == 0 else None,
        shown=shown,
        extent=(1.0,) if lowest else (0.0, 1.0),
        legend_orient="top" if legend else None,
    )


def axis_start(accuracies: list[float]) -> float:
    """Return where the axis starts, 0 to 0.95: below the later three quarters of the values, in steps of 5 %."""
    later = accuracies[len(accuracies) // 4 :]
    if len(later) < MIN_EPOCHS_TO_ZOOM:
        return 0.0
    return max(0.0, min(0.95, math.floor(20 * (min(later) - 0.01)) / 20))


def loss_in_words(epochs: list[Epoch]) -> str:
    """Describe the loss curves for readers who cannot see them."""
    if not epochs:
        return "Loss curves, without a completed epoch."
    last = epochs[-1]
    return f"Loss after {len(epochs)} epochs: training {last.train_loss:.3g}, validation {last.val_loss:.3g} nats."


def accuracy_in_words(epochs: list[Epoch]) -> str:
    """Describe the accuracy curves for readers who cannot see them."""
    if not epochs:
        return "Accuracy curves, without a completed epoch."
    last = epochs[-1]
    return (
        f"Accuracy after {len(epochs)} epochs: training {last.train_accuracy:.1%}, validation {last.val_accuracy:.1%}."
    )
