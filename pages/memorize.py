"""Memorize: students type a sentence, train an LSTM on it and inspect what it has learned."""

import streamlit as st

import pages.ui.streamlit_internals
from core import memorize
from core.memorize import MemorizeConfig, bptt
from core.memorize.generate import generate
from core.memorize.lstm import Model, MyLSTM, MyLSTMCell, run_layer, run_layers
from core.runs import Run
from pages.ui.code_view import show_code
from pages.ui.kept_settings import keep_settings
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
from pages.ui.memorize.settings import SETTINGS, continue_from, settings
from pages.ui.stage import Tab, show_stage

pages.ui.streamlit_internals.ensure_run_from_app()
with st.sidebar, keep_settings(*SETTINGS, "memorize_pace", "log_scale"):
    config = settings()


def show_training(run: Run | None) -> None:
    """Show the Training tab, and below it the code that runs.

    While a setting is invalid, it shows the last valid ones, so that nothing moves.
    """
    shown = config or st.session_state.get("last_valid_config") or MemorizeConfig()
    st.session_state["last_valid_config"] = shown
    training.show(run, shown.sentence, shown.epochs)
    bptt_functions = (
        bptt.Layers,
        bptt.run_forward,
        bptt.forward_layer,
        bptt.forward_step,
        bptt.backward_layer,
        bptt.backward_step,
        bptt.tanh,
    )
    show_code(MyLSTMCell, run_layer, run_layers, MyLSTM, Model, memorize.fit, generate, *bptt_functions)


show_stage(
    "memorize",
    config,
    {
        "Training": Tab(show_training),
        "Cell": Tab(cell_diagram.show, 3.0),
        "Gates": Tab(gates.show, 3.0),
        "Predictions": Tab(predictions.show, 3.0),
        "Dependencies": Tab(connectivity.show, 5.0),
        "Generate": Tab(generation.show, 3.0),
        "Cell comparison": Tab(lambda run: cell_comparison.show(config), 1.0),
        "Memory limit": Tab(lambda run: capacity.show(config), 1.0),
        "Download": Tab(lambda run: export.show(run, config), 5.0),
    },
    parent=lambda run: continue_from(run, config) if config else None,
)
