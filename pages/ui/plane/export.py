"""Downloads of a run on points in a plane: weights, numbers, charts, its map and a notebook."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.plane import DATASETS, PlaneConfig, PlaneEpoch, activations
from core.plane.features import LIMIT
from core.plane.notebook import build_notebook
from core.plane.weights_file import to_file
from core.runs import Run
from core.training import Change
from pages.ui import run_panel
from pages.ui.charts import apply_theme
from pages.ui.downloads import chart_download_buttons, download_button, project_download_button, to_csv_bytes
from pages.ui.plane.network import CLASS_NAMES, largest_target, points_of
from pages.ui.plane.training import loss_chart
from pages.ui.theme import colors

GRID = 80  # squares per axis of the map
MAP_SIZE = 560  # pixels


def show(run: Run | None) -> None:
    """Show a button for every file that the run can give so far."""
    if run is None:
        st.info("Press **Train** first. The results can then be downloaded here.", icon=":material/download:")
    else:
        downloads(run, run_panel.cached_events(run))
    st.caption("This page's address contains all settings. Copy it to save or share them.")


def downloads(run: Run, events: list) -> None:
    """Show the buttons."""
    epochs = [event for event in events if isinstance(event, PlaneEpoch)]
    changes = [event for event in events if isinstance(event, Change)]
    checkpoint = run_panel.dispatcher().store.checkpoint(run.id)
    with st.container(horizontal=True):
        if checkpoint:
            download_button("weights.npz", lambda: to_file(run.config, checkpoint), "application/octet-stream")
        if epochs:
            download_button("history.csv", lambda: to_csv_bytes(history(epochs)), "text/csv")
        download_button("points.csv", lambda: to_csv_bytes(points_table(run.config)), "text/csv")
        steps = checkpoint.metadata["progress"]["step"] if checkpoint and checkpoint.metadata else 0
        ended = bool(epochs) and epochs[-1].is_last
        download_button(
            "run.ipynb",
            lambda: build_notebook(run.config, changes, None if ended else steps, run.parent),
            "application/x-ipynb+json",
        )
        project_download_button()
    st.caption("**run.ipynb** repeats the training: save it in the folder that **project.zip** contains.")
    if epochs:
        st.caption("Map of the plane")
        chart_download_buttons(map_chart(run.config, epochs[-1].weights), "plane map")
        st.caption("Loss chart")
        chart_download_buttons(loss_chart(run.config, events), "plane loss")


def history(epochs: list[PlaneEpoch]) -> pd.DataFrame:
    """Return one row per epoch with its losses and accuracies."""
    names = ("epoch", "step", "train_loss", "val_loss", "train_accuracy", "val_accuracy")
    return pd.DataFrame([{name: getattr(epoch, name) for name in names} for epoch in epochs])


def points_table(config: PlaneConfig) -> pd.DataFrame:
    """Return the points of a run, as they can be uploaded again."""
    data = points_of(config)
    frame = pd.DataFrame(data.points, columns=["x", "y"])
    is_class = config.task == "classification"
    frame["class" if is_class else "value"] = [CLASS_NAMES[k] for k in data.targets] if is_class else data.targets
    return frame


def map_chart(config: PlaneConfig, weights: str) -> alt.LayerChart:
    """Draw the output of a network over the plane, or a function of x as a curve, with the points."""
    data, theme = points_of(config), colors()
    held_out = np.isin(np.arange(len(data.points)), data.validation)
    points = pd.DataFrame(data.points, columns=["x", "y"])
    points["kind"] = np.where(held_out, "validation", "training")
    if DATASETS[config.dataset].inputs == 1:
        return apply_theme(curve_chart(config, weights, points.assign(y=data.targets)))
    edges = np.linspace(-LIMIT, LIMIT, GRID + 1)
    x, y = (each.ravel() for each in np.meshgrid((edges[1:] + edges[:-1]) / 2, (edges[1:] + edges[:-1]) / 2))
    output = activations(config, weights, np.stack([x, y], axis=1)).output
    half = LIMIT / GRID
    frame = pd.DataFrame({"x": x - half, "x2": x + half, "y": y - half, "y2": y + half})
    if config.task == "regression":
        limit = largest_target(data)
        scale = alt.Scale(domain=[-limit, 0, limit], range=[theme.palette[1], theme.background, theme.palette[0]])
        frame["value"] = output[:, 0]
        squares: dict[str, Any] = {"color": alt.Color("value:Q", scale=scale, title="Value")}
        dots: dict[str, Any] = {"fill": alt.Fill("value:Q", scale=scale, legend=None), "stroke": alt.value(theme.text)}
        points["value"] = data.targets
    else:
        names = list(CLASS_NAMES[: config.classes])
        scale = alt.Scale(domain=names, range=list(theme.palette[: len(names)]))
        best, guessing = output.argmax(axis=1), 1 / output.shape[1]
        frame["class"] = [names[k] for k in best]
        frame["certainty"] = 0.1 + 0.5 * (output.max(axis=1) - guessing) / (1 - guessing)
        opacity = alt.Opacity("certainty:Q", scale=alt.Scale(domain=[0, 1], range=[0, 1]), legend=None)
        squares = {"color": alt.Color("class:N", scale=scale, title="Class"), "opacity": opacity}
        fill = alt.condition("datum.kind == 'training'", alt.Fill("class:N", scale=scale), alt.value(theme.background))
        dots = {"fill": fill, "stroke": alt.Stroke("class:N", scale=scale, legend=None)}
        points["class"] = [names[k] for k in data.targets]
    position = {
        "x": alt.X("x:Q", scale=alt.Scale(domain=[-LIMIT, LIMIT], nice=False), title="x"),
        "y": alt.Y("y:Q", scale=alt.Scale(domain=[-LIMIT, LIMIT], nice=False), title="y"),
    }
    background = alt.Chart(frame).mark_rect().encode(**position, x2="x2:Q", y2="y2:Q", **squares)
    marks = alt.Chart(points).mark_circle(size=60, strokeWidth=2, opacity=1).encode(**position, **dots)
    return apply_theme(alt.LayerChart(layer=[background, marks], width=MAP_SIZE, height=MAP_SIZE))


def curve_chart(config: PlaneConfig, weights: str, points: pd.DataFrame) -> alt.LayerChart:
    """Draw the network's function of x with the points. points: columns x, y and kind."""
    x = np.linspace(-LIMIT, LIMIT, 241)
    output = activations(config, weights, np.stack([x, 0 * x], axis=1)).output[:, 0]
    theme = colors()
    line = alt.Chart(pd.DataFrame({"x": x, "y": output})).mark_line(color=theme.palette[1], strokeWidth=4)
    fill = alt.condition("datum.kind == 'training'", alt.value(theme.palette[0]), alt.value(theme.background))
    dots = alt.Chart(points).mark_circle(size=60, strokeWidth=2, opacity=1, stroke=theme.palette[0])
    position = {"x": alt.X("x:Q", title="x"), "y": alt.Y("y:Q", title="y")}
    layers = [line.encode(**position), dots.encode(**position, fill=fill)]
    return alt.LayerChart(layer=layers, width=MAP_SIZE, height=MAP_SIZE)
