"""Download: weights, losses and a notebook that repeats the run; and training from uploaded weights."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.memorize import MemorizeConfig, MemorizeEpoch
from core.memorize.notebook import build_notebook
from core.memorize.weights_file import MAX_BYTES, Weights, from_file, to_file
from core.runs import Run
from core.training import Change
from pages.ui import run_bar, run_panel
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons, download_button, project_download_button, to_csv_bytes
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.settings import format_layers
from pages.ui.memorize.snapshot import load_snapshot
from pages.ui.memorize.training import loss_chart

HOW_TO_LOAD = """\
import torch
from core.memorize.lstm import MyLSTM

saved = torch.load("weights.pt", weights_only=True)
ours, theirs = MyLSTM(**saved["sizes"]), torch.nn.LSTM(**saved["sizes"])
ours.load_state_dict(saved["lstm"])
theirs.load_state_dict(saved["lstm"])
linear = torch.nn.Linear(*saved["linear"]["weight"].T.shape)
linear.load_state_dict(saved["linear"])
saved["symbols"]  # the characters with token ids 2, 3, ...; 0 is START, 1 is END"""


def show(run: Run | None, config: MemorizeConfig | None) -> None:
    """Show the tab."""
    snapshot = load_snapshot(run)
    if run and snapshot:
        events = [event for _, event in run_panel.dispatcher().store.events(run.id)]
        st.markdown("Files of this run. The charts of the other tabs have their own buttons, **PNG** and **SVG**.")
        with st.container(horizontal=True):
            download_button(
                "weights.pt", lambda: to_file(snapshot.model, snapshot.alphabet), "application/octet-stream"
            )
            download_button("loss.csv", lambda: to_csv_bytes(history_table(events)), "text/csv")
            download_button("memorize.ipynb", lambda: notebook_of(run, events), "application/x-ipynb+json")
            project_download_button()
        st.caption(
            "**weights.pt** fits MyLSTM and torch.nn.LSTM. **loss.csv** has one row per epoch. **memorize.ipynb** "
            "repeats the training from top to bottom: save it in the folder that **project.zip** contains."
        )
        st.caption("Loss chart")
        chart = loss_chart(run.config.sentence, run.config.epochs, events, bool(st.session_state.get("log_scale")))
        chart_download_buttons(chart, "training loss")
        st.markdown("To load the weights in Python:")
        st.code(HOW_TO_LOAD, language="python")
    load_weights(config)
    show_code(to_file, from_file)


def notebook_of(run: Run, events: Sequence) -> str:
    """Build the notebook of a run from all of its events."""
    changes = [event for event in events if isinstance(event, Change)]
    epochs = [event for event in events if isinstance(event, MemorizeEpoch)]
    return build_notebook(run.config, changes, epochs, run.parent)


def history_table(events: Sequence) -> pd.DataFrame:
    """Return a row for each epoch: its number, loss, learning rate, reconstruction and character accuracy."""
    return pd.DataFrame([vars(event) for event in events if isinstance(event, MemorizeEpoch)])


def load_weights(config: MemorizeConfig | None) -> None:
    """Show the upload of a weights file, and a button that continues training from it."""
    st.subheader("Load weights")
    file = st.file_uploader(
        "A weights.pt from this page", ["pt"], key="weights_file", max_upload_size=MAX_BYTES // 1024**2
    )
    if file is None or config is None:
        return
    try:
        saved = from_file(file.getvalue())
        check_sizes(saved, config)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return
    st.success(
        f"The file contains {format_size(saved)}, trained with {len(saved.symbols)} different characters.",
        icon=":material/check_circle:",
    )
    st.button(
        "Continue training from this file",
        icon=":material/model_training:",
        on_click=train_from_weights,
        args=[saved, config],
    )


def check_sizes(saved: Weights, config: MemorizeConfig) -> None:
    """Raise ValueError unless the weights fit the settings."""
    there, here = format_size(saved), format_layers(config.num_layers, config.hidden_size)
    if there != here:
        raise ValueError(
            f"The file contains {there}, but the settings are {here}. Choose the same sizes or another file. "
            "Nothing was changed."
        )


def format_size(saved: Weights) -> str:
    """Format the size of the network in the file."""
    return format_layers(saved.sizes["num_layers"], saved.sizes["hidden_size"])


def train_from_weights(saved: Weights, config: MemorizeConfig) -> None:
    """Start a run from the weights of a file (callback)."""
    run_panel.try_action(
        lambda: run_panel.open_run("memorize", run_bar.submit("memorize", config, weights=saved.checkpoint()))
    )
    st.rerun()  # the run bar, too
