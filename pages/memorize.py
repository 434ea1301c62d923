"""Memorize: students type a sentence, train an LSTM on it and inspect what it has learned."""

from collections.abc import Callable

import streamlit as st

from core import memorize
from core.memorize import bptt
from core.memorize.generate import generate
from core.memorize.lstm import Model, MyLSTM, MyLSTMCell, run_layer
from core.runs import Run
from pages.ui import run_panel, streamlit_internals
from pages.ui.code_view import show_code
from pages.ui.memorize import (
    capacity,
    cell_comparison,
    cell_diagram,
    connectivity,
    export,
    gates,
    generation,
    predictions,
    training,
)
from pages.ui.memorize.settings import config_controls, continue_from, task_controls

SNAPSHOT_REFRESH = 5.0  # seconds; a run saves a checkpoint as often

streamlit_internals.ensure_run_from_app()
st.title("Memorize")
st.markdown(
    "An LSTM reads a sentence character by character and learns to predict **the next character**. "
    "Then it must generate the whole sentence on its own."
)
left, right = st.columns([1, 2], gap="large")
run = run_panel.current_run("memorize")
with left:
    sentence, lr = task_controls()
    run_bar = st.container()  # above the other settings, so that Train is visible without scrolling
    config = config_controls(sentence, lr)
    with run_bar:
        run_panel.run_controls("memorize", config, run, parent=continue_from(run, config))
with right:
    st.toggle(
        "Logarithmic loss",
        key="log_scale",
        help="Equal distances are equal ratios, so small losses can be told apart.",
    )
    if run:
        run_panel.live_panel(run, training.draw)
    else:
        st.info("Press **Train**. The loss curve and the generated text will appear here.", icon=":material/timeline:")
bptt_functions = bptt.Layer, bptt.run_forward, bptt.forward_steps, bptt.backward_steps, bptt.tanh
show_code(MyLSTMCell, run_layer, MyLSTM, Model, memorize.fit, generate, *bptt_functions)


def show_live(show: Callable[[Run | None], None]) -> None:
    """Show a tab, and redraw it while the run is active."""
    run_panel.live_fragment(lambda: show(run), run_panel.refresh_interval(run, SNAPSHOT_REFRESH))


tabs = {
    "Cell": lambda: show_live(cell_diagram.show),
    "Gates": lambda: show_live(gates.show),
    "Predictions": lambda: show_live(predictions.show),
    "Dependencies": lambda: show_live(connectivity.show),
    "Generate": lambda: show_live(generation.show),
    "Cell comparison": lambda: cell_comparison.show(config),
    "Memory limit": lambda: capacity.show(config),
    "Download": lambda: export.show(run, config),
}
for tab, show in zip(st.tabs(list(tabs), key="tab", bind="query-params"), tabs.values(), strict=True):
    if tab.open:
        with tab:
            show()
