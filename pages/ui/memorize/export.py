"""Take it home: the weights, the numbers, and a notebook that runs this very experiment; and bring weights back."""

import pandas as pd
import streamlit as st

from core.memorize import MemorizeConfig, MemorizeEpoch
from core.memorize.notebook import experiment
from core.memorize.weights_file import MAX_BYTES, Weights, from_file, to_file
from core.runs import Run
from pages.ui import run_panel
from pages.ui.code_view import show_code
from pages.ui.downloads import download_button, to_csv_bytes
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.settings import layers_of
from pages.ui.memorize.snapshot import learned

HOW_TO_LOAD = """\
import torch
from core.lstm import MyLSTM

saved = torch.load("weights.pt", weights_only=True)
ours, theirs = MyLSTM(**saved["sizes"]), torch.nn.LSTM(**saved["sizes"])
ours.load_state_dict(saved["lstm"])
theirs.load_state_dict(saved["lstm"])
linear = torch.nn.Linear(*saved["linear"]["weight"].T.shape)
linear.load_state_dict(saved["linear"])
saved["symbols"]  # the characters: the alphabet's numbers 2, 3, ...; 0 is START, 1 is END"""


def show(run: Run | None, config: MemorizeConfig | None) -> None:
    known = learned(run)
    if known:
        events = [event for _, event in run_panel.dispatcher().store.events(run.id)]
        st.markdown("Charts have their own buttons, **PNG** and **SVG**, below them. The rest is here:")
        with st.container(horizontal=True):
            download_button("weights.pt", lambda: to_file(known.model, known.alphabet), "application/octet-stream")
            download_button("loss.csv", lambda: to_csv_bytes(history_of(events)), "text/csv")
            download_button("memorize.ipynb", lambda: experiment(run, events), "application/x-ipynb+json")
        st.caption(
            "**weights.pt** fits MyLSTM and torch.nn.LSTM. **loss.csv** has a line for each epoch. **memorize.ipynb** "
            "trains this network once more, from top to bottom: save it in the project's folder."
        )
        st.code(HOW_TO_LOAD, language="python")
    bring_back(config)
    show_code(to_file, from_file)


def history_of(events: list) -> pd.DataFrame:
    """A row for each epoch: its number, loss, learning rate, reconstruction and character accuracy."""
    return pd.DataFrame([vars(event) for event in events if isinstance(event, MemorizeEpoch)])


def bring_back(config: MemorizeConfig | None) -> None:
    """Weights from a file: refused with a sentence, or trained on with the settings above."""
    st.subheader("Bring weights back")
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
        f"{size_of(saved)}, which know {len(saved.symbols)} different characters.",
        icon=":material/check_circle:",
    )
    st.button("Train on from this file", icon=":material/model_training:", on_click=train_on, args=[saved, config])


def check_sizes(saved: Weights, config: MemorizeConfig) -> None:
    """Raise ValueError with a sentence unless the settings are those of the file."""
    there, here = size_of(saved), layers_of(config.num_layers, config.hidden_size)
    if there != here:
        raise ValueError(
            f"These weights are those of {there}, but the settings say {here}: set the same sizes, or choose another "
            "file. Nothing was changed."
        )


def size_of(saved: Weights) -> str:
    return layers_of(saved.sizes["num_layers"], saved.sizes["hidden_size"])


def train_on(saved: Weights, config: MemorizeConfig) -> None:
    """Callback: a run that begins with the file's weights."""
    run_panel.try_action(
        lambda: run_panel.open_run("memorize", run_panel.run_access().submit(config, weights=saved.checkpoint()))
    )
