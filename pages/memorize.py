"""Memorize: a student types a sentence, watches an LSTM learn it and give it back, and looks inside."""

from collections.abc import Callable

import streamlit as st

from core import memorize
from core.memorize import bptt
from core.memorize.lstm import Model, MyLSTM, MyLSTMCell, run_layer
from core.runs import Run
from pages.ui import run_panel, streamlit_internals
from pages.ui.code_view import show_code
from pages.ui.memorize import capacity, cell_comparison, connectivity, export, gates, generation, predictions, training
from pages.ui.memorize.settings import parent_of, settings, task

SNAPSHOT_REFRESH = 5.0  # seconds, like the interval between checkpoints

streamlit_internals.ensure_run_from_app()
st.title("Memorize")
st.markdown(
    "An LSTM reads a sentence and learns to say, after every character, **which one comes next**. "
    "Then it has to say the whole sentence by itself."
)
left, right = st.columns([1, 2], gap="large")
run = run_panel.current_run("memorize")
with left:
    sentence, lr = task()
    steering = st.container()  # high up, so that Train is seen without scrolling
    config = settings(sentence, lr)
    with steering:
        run_panel.run_controls("memorize", config, run, parent=parent_of(run, config))
with right:
    st.toggle("Logarithmic loss", key="log_scale", help="Equal steps for equal ratios: small losses can be told apart.")
    if run:
        run_panel.live_panel(run, training.draw)
    else:
        st.info("Press **Train**: the loss curve and what the network says will grow here.", icon=":material/timeline:")
by_hand = bptt.Layer, bptt.run_forward, bptt.forward_steps, bptt.backward_steps, bptt.tanh
show_code(MyLSTMCell, run_layer, MyLSTM, Model, memorize.fit, memorize.reconstruct, *by_hand)


def show_live(show: Callable[[Run | None], None]) -> None:
    """Show a tab, and redraw it while the run is active."""
    run_panel.live_fragment(lambda: show(run), run_panel.refresh_interval(run, SNAPSHOT_REFRESH))


tabs = {
    "Inside the cell": lambda: show_live(gates.show),
    "What it expects": lambda: show_live(predictions.show),
    "What it looks back at": lambda: show_live(connectivity.show),
    "How it goes on": lambda: show_live(generation.show),
    "Cells side by side": lambda: cell_comparison.show(config),
    "Show me your limit": lambda: capacity.show(config),
    "Take it home": lambda: export.show(run, config),
}
for tab, show in zip(st.tabs(list(tabs), key="look", bind="query-params"), tabs.values(), strict=True):
    if tab.open:
        with tab:
            show()
