"""Downloads of a run (weights, numbers, charts and a notebook) and loading of weights."""

import pandas as pd
import streamlit as st

from core import classify
from core.classify import ClassifyConfig, Epoch, Result, Step, restore_model
from core.classify.datasets import DatasetError, load
from core.classify.notebook import build_notebook
from core.classify.weights_file import MAX_BYTES, from_file, to_file
from core.runs import Run
from core.training import Change, Checkpoint
from pages.ui import run_bar, run_panel
from pages.ui.classify.custom_data import is_new_upload
from pages.ui.classify.training import accuracy_chart, events_of_type, loss_chart
from pages.ui.downloads import chart_download_buttons, download_button, project_download_button, to_csv_bytes
from pages.ui.markdown import escape_markdown


def show(run: Run | None) -> None:
    """Show the tab: downloads on the left, loading of weights on the right."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Download this run**")
        if run is None:
            st.info("Press **Train** first. The results can then be downloaded here.", icon=":material/download:")
        else:
            downloads(run, run_panel.cached_events(run))
        st.caption("This page's address contains all settings. Copy it to save or share them.")
    with right:
        st.markdown("**Load weights**")
        load_weights()


def downloads(run: Run, events: list[classify.Event]) -> None:
    """Show a button for every file that the run can give so far."""
    steps, epochs = events_of_type(Step, events), events_of_type(Epoch, events)
    changes = events_of_type(Change, events)
    checkpoint = run_panel.dispatcher().store.checkpoint(run.id)
    with st.container(horizontal=True):
        if checkpoint:
            download_button("weights.npz", lambda: to_file(run.config, checkpoint), "application/octet-stream")
        if epochs:
            download_button("history.csv", lambda: to_csv_bytes(history(epochs)), "text/csv")
        stopped_before = None if events_of_type(Result, events) else steps_made(checkpoint)
        download_button(
            "run.ipynb",
            lambda: build_notebook(run.config, changes, stopped_before, run.parent),
            "application/x-ipynb+json",
        )
        project_download_button()
    st.caption("**run.ipynb** repeats the training: save it in the folder that **project.zip** contains.")
    if steps:
        st.caption("Loss chart")
        chart_download_buttons(loss_chart(run.config, events), "classify loss")
    if epochs:
        st.caption("Accuracy chart")
        chart_download_buttons(accuracy_chart(run.config, epochs, legend=True), "classify accuracy")


def steps_made(checkpoint: Checkpoint | None) -> int:
    """Return how many steps were made until a checkpoint; 0 if it only holds the weights that the run began with."""
    return checkpoint.metadata["progress"]["step"] if checkpoint and checkpoint.metadata else 0


def history(epochs: list[Epoch]) -> pd.DataFrame:
    """Return one row per epoch with all its numbers."""
    return pd.DataFrame(
        [{name: value for name, value in vars(epoch).items() if isinstance(value, int | float)} for epoch in epochs]
    )


def load_weights() -> None:
    """Show an upload for weights. Once loaded, the other tabs show them instead of the run's."""
    file = st.file_uploader("weights.npz file", ["npz"], max_upload_size=MAX_BYTES // 2**20, key="weights_file")
    if file and is_new_upload("weights_file", file.file_id):
        try:
            config, checkpoint = from_file(file.getvalue())
            restore_model(config, load(config.dataset), checkpoint)
        except (ValueError, DatasetError) as error:
            st.error(escape_markdown(str(error)), icon=":material/error:")
            return
        st.session_state["loaded_weights"] = (config, checkpoint)
    if "loaded_weights" in st.session_state:
        config, checkpoint = st.session_state["loaded_weights"]
        layers = (
            f"with hidden layers {', '.join(map(str, config.hidden))}" if config.hidden else "without hidden layers"
        )
        st.success(
            f"Loaded a network {layers} for {config.dataset}. The tabs Confusion matrix, Diagnostics and Own image "
            "now show it.",
            icon=":material/check_circle:",
        )
        with st.container(horizontal=True):
            st.button(
                "Continue training",
                icon=":material/model_training:",
                on_click=run_panel.try_action,
                args=[continue_training, config, checkpoint],
                help="Start a new run from these weights, with the settings in the file.",
            )
            st.button("Back to the run", on_click=clear_loaded_weights, icon=":material/undo:")


def continue_training(config: ClassifyConfig, weights: Checkpoint) -> None:
    """Start a run from loaded weights. Raises ValueError if the teacher's limits forbid it."""
    run_panel.open_run("classify", run_bar.submit("classify", config, weights=weights))
    clear_loaded_weights()
    st.rerun()  # the run bar, too


def clear_loaded_weights() -> None:
    """Show the run's weights again."""
    st.session_state.pop("loaded_weights", None)
    st.session_state.pop("snapshot", None)
