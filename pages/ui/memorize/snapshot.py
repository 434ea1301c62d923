"""What a run has learned so far, to be looked into: the model of its latest checkpoint."""

from typing import NamedTuple

import streamlit as st
from torch import nn

from core.memorize import Alphabet, restore_model
from core.memorize.lstm import Model, MyLSTM
from core.runs import Run
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown


class Learned(NamedTuple):
    """epochs: how many it had learned when the checkpoint was made. final: it learns no more."""

    model: Model
    alphabet: Alphabet
    sentence: str
    epochs: int
    final: bool


def learned(run: Run | None) -> Learned | None:
    """The run's model. None, and a sentence that says what to do, while there is nothing to look into."""
    checkpoint = run and run_panel.dispatcher().store.checkpoint(run.id)
    if not checkpoint:
        run_panel.show_not_trained_yet(run)
        return None
    if not run.config.cell.endswith("LSTM"):
        st.info(f"This run is a {run.config.cell}; what is shown here is an LSTM's.", icon=":material/visibility:")
        return None
    try:
        model = restore_model(run.config, checkpoint)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return None
    if isinstance(model.lstm, nn.LSTM):
        model.lstm = MyLSTM.from_torch(model.lstm)
    sentence = run.config.sentence
    return Learned(model, Alphabet(sentence), sentence, checkpoint.metadata.get("epoch", 0), run.status.is_terminal)
