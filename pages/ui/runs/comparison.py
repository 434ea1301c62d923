"""Runs side by side: their learning curves, the settings in which they differ, and their results."""

from typing import Any

import pandas as pd
import streamlit as st

from core.classify import Epoch
from core.memorize import MemorizeEpoch
from core.plane import PlaneConfig, PlaneEpoch
from core.plane.features import FEATURES
from core.runs import Run
from core.runs.reporting import differing_settings
from pages.ui import run_panel
from pages.ui.charts import downsample, learning_curves
from pages.ui.classify.training import feature_label
from pages.ui.formatting import format_setting, setting_label

EPOCHS = (Epoch, MemorizeEpoch, PlaneEpoch)
MAX_RUNS = 6  # more curves are hard to tell apart
LEGEND_ROW = 24  # pixels


def show_comparison(runs: dict[str, Run]) -> None:
    """Show the curves of runs of one kind, and a table of their differences. runs: label -> run, at most MAX_RUNS."""
    if len({run.kind for run in runs.values()}) > 1:
        st.info("Runs of different pages cannot be compared with each other. Select runs of one kind.")
        return
    source = "Training"
    if any(run.kind != "memorize" for run in runs.values()):
        source = st.segmented_control(
            "Curves", ["Validation", "Training"], default="Validation", required=True, key="compared_curves"
        )
    show_curves(runs, source)
    differing = differing_settings(runs.values())
    st.dataframe(comparison_table(runs, differing), width="stretch", hide_index=True)
    if len(runs) > 1 and not differing:
        st.caption("All settings are the same.")
    if len({features for features in differing.get("features", []) if features}) > 1:
        st.caption("Some of these networks receive raw pixels and others patch features: these are different tasks.")


def show_curves(runs: dict[str, Run], source: str) -> None:
    """Draw accuracy and loss over the epochs. source: "Validation" or "Training"."""
    curves = {label: learning_curve(run, source) for label, run in runs.items()}
    if all(frame.empty for frame in curves.values()):
        st.caption("The curves start after the first epoch.")
        return
    left, right = st.columns(2)
    units = {getattr(run.config, "task", "") for run in runs.values()}
    loss_unit = "nats" if "regression" not in units else "mean squared error" if len(units) == 1 else "of each task"
    for column, measure, unit in ((left, "accuracy", "fraction correct"), (right, "loss", loss_unit)):
        lines = {
            label: downsample(frame[["epoch", measure]].dropna().rename(columns={"epoch": "x", measure: "y"}))
            for label, frame in curves.items()
        }
        if all(line.empty for line in lines.values()):  # a regression has no accuracy
            continue
        chart = learning_curves(
            lines,
            "Epoch",
            f"{source} {measure} ({unit})",
            percent=measure == "accuracy",
            zero=False,
            height=310 + LEGEND_ROW * len(runs),
        )
        column.altair_chart(chart, width="stretch")


def learning_curve(run: Run, source: str) -> pd.DataFrame:
    """Return the run's epochs so far, with columns epoch, loss and accuracy.

    source: "Validation" or "Training". A sentence has only training values: its accuracy is the fraction of correct
    characters.
    """
    events = run_panel.dispatcher().store.events(run.id, only=tuple(unit.__name__ for unit in EPOCHS))
    rows = []
    for _, event in events:
        if isinstance(event, MemorizeEpoch):
            rows.append((event.epoch + 1, event.loss, event.char_accuracy))
            continue
        done = event.epoch + isinstance(event, Epoch)  # PlaneEpoch counts the epochs that are complete
        if source == "Training":
            rows.append((done, event.train_loss, event.train_accuracy))
        else:
            rows.append((done, event.val_loss, event.val_accuracy))
    return pd.DataFrame(rows, columns=["epoch", "loss", "accuracy"], dtype=float)


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
