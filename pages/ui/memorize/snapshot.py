"""Snapshot: the model of a run's latest checkpoint, which the tabs inspect."""

from typing import NamedTuple

import streamlit as st
from torch import nn

from core.memorize import Alphabet, restore_model
from core.memorize.lstm import Model, MyLSTM
from core.runs import Run
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown


class Snapshot(NamedTuple):
    """A run's latest model.

    Attributes:
        run_id: id of the run.
        model: the model, with a MyLSTM.
        alphabet: alphabet of the sentence.
        sentence: the sentence that the run memorises.
        epochs: epochs trained when the checkpoint was made.
        final: whether the run has ended.
    """

    run_id: str
    model: Model
    alphabet: Alphabet
    sentence: str
    epochs: int
    final: bool


def load_snapshot(run: Run | None) -> Snapshot | None:
    """Load the run's latest model. If there is none, show why and return None."""
    checkpoint = run_panel.dispatcher().store.checkpoint(run.id) if run else None
    if not run or not checkpoint:
        run_panel.show_not_trained_yet(run)
        return None
    if not run.config.cell.endswith("LSTM"):
        st.info(f"This run trained a {run.config.cell}. This tab shows only LSTMs.", icon=":material/visibility:")
        return None
    try:
        model = restore_model(run.config, checkpoint)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return None
    if isinstance(model.lstm, nn.LSTM):
        model.lstm = MyLSTM.from_torch(model.lstm)
    sentence, epochs = run.config.sentence, checkpoint.metadata.get("epoch", 0)
    return Snapshot(run.id, model, Alphabet(sentence), sentence, epochs, run.status.is_terminal)
