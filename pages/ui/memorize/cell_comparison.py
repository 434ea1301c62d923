"""Cells side by side: a vanilla RNN, a GRU, PyTorch's LSTM and ours, with the same settings and the same seed."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from core.memorize import MemorizeConfig, MemorizeEpoch, make_model
from core.memorize.lstm import MyLSTM
from core.memorize.rnn_variants import CELLS, RNNAdapter
from core.runs import Run, Status
from pages.ui import run_panel
from pages.ui.charts import downsample, learning_curves
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.markdown import reconstruction_html
from pages.ui.memorize.run_group import epochs_of, going, runs_of, stop, submit

ABOUT = {
    "MyLSTM": "the LSTM of this page, line by line",
    "nn.LSTM": "PyTorch's LSTM, beginning with the same weights",
    "GRU": "two gates and no memory besides h (Cho et al. 2014)",
    "RNN": "no gates at all (Elman 1990)",
}


def show(config: MemorizeConfig | None) -> None:
    st.markdown(
        "Four recurrent layers learn the sentence with the settings above. **MyLSTM** and **nn.LSTM** begin with the "
        "same weights, so their curves should lie on each other. The **RNN** must write everything into one state at "
        "every character:"
    )
    left, right = st.columns(2)
    left.latex(r"\text{RNN:}\quad h_t = \tanh(W x_t + U h_{t-1} + b)")
    right.latex(r"\text{LSTM:}\quad c_t = f_t \odot c_{t-1} + i_t \odot g_t")
    if config is None:
        st.info("The settings above need mending first.", icon=":material/edit:")
        return
    configs = [replace(config, cell=cell) for cell in CELLS]
    runs = runs_of(configs)
    missing = [each for each, run in zip(configs, runs, strict=True) if run is None]
    with st.container(horizontal=True):
        st.button(
            "Train them side by side",
            icon=":material/stacked_line_chart:",
            type="primary",
            disabled=going(runs) or not missing,
            on_click=submit,
            args=[missing],
        )
        st.button("Stop them", icon=":material/stop:", disabled=not going(runs), on_click=stop, args=[runs])

    def results() -> bool:
        now = runs_of(configs)
        draw(configs, now)
        return going(runs) and not going(now)  # then the buttons above change

    if any(runs):
        run_panel.live_fragment(results, 1.0 if going(runs) else None)
    show_code(MyLSTM, RNNAdapter, make_model)


def draw(configs: list[MemorizeConfig], runs: list[Run | None]) -> None:
    histories = {config.cell: epochs_of(run) if run else [] for config, run in zip(configs, runs, strict=True)}
    curves = {
        cell: downsample(pd.DataFrame({"x": [e.epoch for e in history], "y": [e.loss for e in history]}))
        for cell, history in histories.items()
        if history
    }
    if curves:
        chart = learning_curves(
            curves, "Epoch (the whole sentence once)", "Loss (nats per character)", log=True, height=400
        )
        st.altair_chart(chart, width="stretch")
        chart_download_buttons(chart, "cells side by side")
    difference(histories)
    st.table(
        pd.DataFrame([row(*each) for each in zip(configs, runs, histories.values(), strict=True)]).set_index("Cell")
    )
    st.caption(
        "Milliseconds as measured while they trained here, the reconstruction every few epochs included. MyLSTM's "
        f"gradients: backend `{configs[0].backend}`."
    )
    for cell, history in histories.items():
        if history:
            st.markdown(f"**{cell}** says, {ABOUT[cell]}:")
            st.html(reconstruction_html(configs[0].sentence, history[-1].reconstruction))


def difference(histories: dict[str, list[MemorizeEpoch]]) -> None:
    """How far the two LSTMs' curves are apart at most."""
    pairs = list(zip(histories["MyLSTM"], histories["nn.LSTM"], strict=False))
    if not pairs:
        return
    apart = [abs(ours.loss - theirs.loss) for ours, theirs in pairs]
    most = max(apart)
    st.success(
        f"MyLSTM and nn.LSTM are at most **{most:.1e}** nats apart, at epoch {apart.index(most)} of {len(apart)}. They "
        "calculate the same, and round differently in the last digits; training makes such differences grow.",
        icon=":material/compare_arrows:",
    )


def row(config: MemorizeConfig, run: Run | None, history: list[MemorizeEpoch]) -> dict[str, str]:
    """A line of the table."""
    known = next((epoch.epoch + 1 for epoch in history if epoch.char_accuracy == 1), None)
    parameters = sum(parameter.numel() for parameter in make_model(config).parameters())
    waits = run is not None and run.status is Status.WAITING
    return {
        "Cell": config.cell,
        "Parameters": f"{parameters:,}",
        "ms an epoch": f"{1000 * run.train_seconds / len(history):.1f}" if history else "waiting" if waits else "–",
        "Epochs": f"{len(history)} of {config.epochs}",
        "Loss": f"{history[-1].loss:.4f}" if history else "–",
        "Characters right": f"{history[-1].char_accuracy:.0%}" if history else "–",
        "Whole sentence after": f"{known} epochs" if known else "–",
    }
