"""Runs side by side: their curves, what each had learned after the same epoch, and where they differ."""

from typing import Any, get_args

import pandas as pd
import streamlit as st

from core.classify import Epoch
from core.memorize import MemorizeEpoch
from core.plane import PlaneConfig, PlaneEpoch
from core.plane.features import FEATURES
from core.runs import Run
from core.runs.reporting import differing_settings
from pages.ui import run_panel
from pages.ui.charts import downsample, learning_curves, show_live_chart
from pages.ui.classify.images import image_grid_html
from pages.ui.classify.sample_cards import compact_samples_html
from pages.ui.classify.training import class_names, feature_label
from pages.ui.formatting import format_setting, setting_label
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.reconstruction import reconstruction_html
from pages.ui.plane.map_image import map_image
from pages.ui.theme import colors

MAX_RUNS = 6  # more curves are hard to tell apart
LEGEND_ROW = 24  # pixels

AnyEpoch = Epoch | MemorizeEpoch | PlaneEpoch
MAP_SIZE = 9  # rem


def show_comparison(runs: dict[str, Run]) -> None:
    """Show the curves of runs of one kind, and a table of their differences. runs: label -> run, at most MAX_RUNS."""
    if len({run.kind for run in runs.values()}) > 1:
        st.info("Runs of different pages cannot be compared with each other. Select runs of one kind.")
        return
    source, right = "Training", st.container()
    if any(run.kind != "memorize" for run in runs.values()):
        left, right = st.columns([1, 3], gap="large")
        source = left.segmented_control(
            "Curves", ["Validation", "Training"], default="Validation", required=True, key="compared_curves"
        )
    histories = {label: load_epochs(run) for label, run in runs.items()}
    done = max((epochs_done(epochs[-1]) for epochs in histories.values() if epochs), default=0)
    shown = done
    if done > 1:
        shown = right.slider(
            "Epoch",
            1,
            done,
            done,
            key="compared_epoch",
            help="Shows all runs after this epoch. A run that has made fewer is shown after its last one.",
        )
    tasks = {getattr(run.config, "task", "") for run in runs.values()}
    loss = "loss (nats)" if "regression" not in tasks else "error (MSE)" if len(tasks) == 1 else "loss (of each task)"
    show_curves(histories, source, shown if shown < done else None, loss)
    for label, run in runs.items():
        if epochs := histories[label]:
            show_moment(label, run, next((e for e in reversed(epochs) if epochs_done(e) <= shown), epochs[0]))
    differing = differing_settings(runs.values())
    st.dataframe(comparison_table(runs, differing), width="stretch", hide_index=True)
    if len(runs) > 1 and not differing:
        st.caption("All settings are the same.")
    if len({features for features in differing.get("features", []) if features}) > 1:
        st.caption("These networks receive different inputs: pixels, whitened pixels or patch features.")


def load_epochs(run: Run) -> list[AnyEpoch]:
    """Return the run's epochs so far; those of a run that has ended are cached."""
    return _load_ended_epochs(run.id) if run.status.is_terminal else _read_epochs(run.id)


def _read_epochs(run_id: str) -> list[AnyEpoch]:
    names = [unit.__name__ for unit in get_args(AnyEpoch)]
    return [event for _, event in run_panel.dispatcher().store.events(run_id, only=names)]


@st.cache_data(show_spinner=False, max_entries=50)
def _load_ended_epochs(run_id: str) -> list[AnyEpoch]:
    return _read_epochs(run_id)


def show_moment(label: str, run: Run, epoch: AnyEpoch) -> None:
    """Show what a run could do after an epoch: the sentence it generated, or its predictions."""
    count, *results = measurements(epoch, "Validation")
    loss, accuracy = (
        "–" if value is None else format(value, pattern) for value, pattern in zip(results, (".4f", ".1%"), strict=True)
    )
    st.markdown(f"**{escape_markdown(label)}** after epoch {count:,}: loss {loss}, accuracy {accuracy}")
    if isinstance(epoch, MemorizeEpoch):
        st.html(reconstruction_html(run.config.sentence, epoch.reconstruction))
    elif isinstance(epoch, PlaneEpoch):
        st.html(image_grid_html([map_image(run.config, epoch.weights, colors())], MAP_SIZE))
    elif classes := class_names(run.config.dataset):
        st.html(compact_samples_html(epoch.samples, classes))


def show_curves(histories: dict[str, list[AnyEpoch]], source: str, shown: int | None, loss: str) -> None:
    """Draw accuracy and loss over the epochs.

    source: "Validation" or "Training". shown: the epoch to mark; None for none. loss: for the axis.
    """
    curves = {
        label: pd.DataFrame(
            [measurements(epoch, source) for epoch in epochs], columns=["epoch", "loss", "accuracy"], dtype=float
        )
        for label, epochs in histories.items()
    }
    if all(frame.empty for frame in curves.values()):
        st.caption("The curves start after the first epoch.")
        return
    left, right = st.columns(2)
    for column, measure, title in ((left, "accuracy", "accuracy"), (right, "loss", loss)):
        lines = {
            label: downsample(frame[["epoch", measure]].dropna().rename(columns={"epoch": "x", measure: "y"}))
            for label, frame in curves.items()
        }
        if all(line.empty for line in lines.values()):  # a regression has no accuracy
            continue
        chart = learning_curves(
            lines,
            "Epoch",
            f"{source} {title}",
            percent=measure == "accuracy",
            zero=False,
            height=240 + LEGEND_ROW * len(histories),
            shown=shown,
        )
        with column:
            show_live_chart(chart, ended=True)


def epochs_done(epoch: AnyEpoch) -> int:
    """Return how many epochs are complete. PlaneEpoch counts these, the others count from 0."""
    return epoch.epoch + (not isinstance(epoch, PlaneEpoch))


def measurements(epoch: AnyEpoch, source: str) -> tuple[int, float | None, float | None]:
    """Return how many epochs are complete, with loss and accuracy; None for what does not exist.

    source: "Validation" or "Training". A sentence has only training values: its accuracy is the fraction of correct
    characters.
    """
    if isinstance(epoch, MemorizeEpoch):
        return epochs_done(epoch), epoch.loss, epoch.char_accuracy
    if source == "Training":
        return epochs_done(epoch), epoch.train_loss, epoch.train_accuracy
    return epochs_done(epoch), epoch.val_loss, epoch.val_accuracy


def comparison_table(runs: dict[str, Run], differing: dict[str, list[Any]]) -> pd.DataFrame:
    """Return one row per run: the settings in which the runs differ, changes during training, and results.

    differing: setting -> its value in each run, as `differing_settings` returns it.
    """
    rows = []
    for number, (label, run) in enumerate(runs.items()):
        metrics = run.metrics
        row: dict[str, Any] = {"Run": label, "Input": input_label(run)}
        for name, values in differing.items():
            if name != "features":  # the input names them
                row[setting_label(name).capitalize()] = format_setting(values[number])
        row["Changed during training"] = (
            ", ".join(f"{setting_label(name)} {format_setting(value)}" for name, value in run.changes.items()) or "–"
        )
        row["Epochs done"] = int(metrics.get("epochs", 0))
        row["Loss"] = f"{metrics['loss']:.4f}" if "loss" in metrics else "–"
        row["Accuracy"] = f"{metrics['accuracy']:.2%}" if "accuracy" in metrics else "–"
        row["Test accuracy"] = f"{metrics['test_accuracy']:.2%}" if "test_accuracy" in metrics else "–"
        row["Seconds"] = f"{run.train_seconds:.1f}"
        rows.append(row)
    return pd.DataFrame(rows)


def input_label(run: Run) -> str:
    """Return what the run's network receives as input."""
    if run.kind == "memorize":
        return "characters"
    try:
        if isinstance(run.config, PlaneConfig):
            return ", ".join(FEATURES[name].label for name in run.config.features)
        return feature_label(run.config)
    except ValueError:  # a config of another version of this program
        return "–"
