"""Memorize: a student types a sentence, watches an LSTM learn it and give it back, and looks inside."""

import streamlit as st

from core import memorize
from core.lstm import Model, MyLSTM, MyLSTMCell
from pages.ui import entry, live
from pages.ui.code import show_code
from pages.ui.memorize import expects, inside, looks_back, prompt, training
from pages.ui.memorize.settings import settings

LOOKS = {
    "Inside the cell": inside.show,
    "What it expects": expects.show,
    "What it looks back at": looks_back.show,
    "How it goes on": prompt.show,
}

entry.through_app()
st.title("Memorize")
st.markdown(
    "An LSTM reads a sentence and learns to say, after every character, **which one comes next**. "
    "Then it has to say the whole sentence by itself."
)
left, right = st.columns([1, 2], gap="large")
run = live.current_run("memorize")
with left:
    config = settings()
    live.buttons("memorize", config, run)
with right:
    st.toggle("Logarithmic loss", key="log_scale", help="Equal steps for equal ratios: small losses can be told apart.")
    if run:
        live.panel(run, training.draw)
    else:
        st.info("Press **Train**: the loss curve and what the network says will grow here.", icon=":material/timeline:")
show_code(MyLSTMCell, MyLSTM, Model, memorize.fit, memorize.reconstruct)

for tab, show in zip(st.tabs(list(LOOKS), key="look", bind="query-params"), LOOKS.values(), strict=True):
    if tab.open:
        with tab:
            show(run)
