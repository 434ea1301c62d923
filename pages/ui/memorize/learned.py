"""What a run has learned so far, to be looked into: the model of its latest checkpoint."""

from typing import NamedTuple

import streamlit as st
from torch import nn

from core.lstm import Model, MyLSTM
from core.memorize import Alphabet, model_of
from core.runs import Run
from pages.ui import live
from pages.ui.texts import plain


class Learned(NamedTuple):
    """epochs: how many it had learned when the checkpoint was made. final: it learns no more."""

    model: Model
    alphabet: Alphabet
    sentence: str
    epochs: int
    final: bool


def learned(run: Run | None) -> Learned | None:
    """The run's model. None, and a sentence that says what to do, while there is nothing to look into."""
    checkpoint = run and live.engine().store.checkpoint(run.id)
    if not checkpoint:
        live.nothing_learned_yet(run)
        return None
    if not run.config.cell.endswith("LSTM"):
        st.info(f"This run is a {run.config.cell}; what is shown here is an LSTM's.", icon=":material/visibility:")
        return None
    try:
        model = model_of(run.config, checkpoint)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    if isinstance(model.lstm, nn.LSTM):
        model.lstm = MyLSTM.from_torch(model.lstm)
    sentence = run.config.sentence
    return Learned(model, Alphabet(sentence), sentence, checkpoint.facts.get("epoch", 0), run.status.ended)
