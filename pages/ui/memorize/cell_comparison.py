"""Cell comparison: MyLSTM, PyTorch's LSTM, a GRU and a vanilla RNN, with the same settings and the same seed."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from core.memorize import MemorizeConfig, MemorizeEpoch, make_model
from core.memorize.lstm import MyLSTM
from core.memorize.rnn_variants import CELLS, RNNAdapter
from core.memorize.training import GENERATION_INTERVAL
from core.runs import Run, Status
from pages.ui import run_panel
from pages.ui.charts import downsample, learning_curves
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.memorize.reconstruction import CAPTION, reconstruction_html
from pages.ui.memorize.run_group import any_active, find_runs, load_epochs, stop, submit
from pages.ui.memorize.training import EPOCH_TITLE, LOSS_TITLE

DESCRIPTIONS = {
    "MyLSTM": "the hand-written LSTM of this page",
    "nn.LSTM": "PyTorch's LSTM, with the same initial weights",
    "GRU": "two gates, no separate cell state (Cho et al. 2014)",
    "RNN": "no gates, no cell state (Elman 1990)",
}


def show(config: MemorizeConfig | None) -> None:
    """Show the tab."""
    st.markdown(
        "Four recurrent layers learn the sentence with the settings above. **MyLSTM** and **nn.LSTM** start from the "
        "same weights, so their curves should coincide. The plain **RNN** has no cell state: it rewrites its only "
        "state at every character."
    )
    left, right = st.columns(2)
    left.latex(r"\text{RNN:}\quad h_t = \tanh(W x_t + U h_{t-1} + b)")
    right.latex(r"\text{LSTM:}\quad c_t = f_t \odot c_{t-1} + i_t \odot g_t")
    if config is None:
        st.info("Fix the settings above first.", icon=":material/edit:")
        return
    configs = [replace(config, cell=cell) for cell in CELLS]
    runs = find_runs(configs)
    missing = [each for each, run in zip(configs, runs, strict=True) if run is None]
    with st.container(horizontal=True):
        st.button(
            "Train all cells",
            icon=":material/stacked_line_chart:",
            type="primary",
            disabled=any_active(runs) or not missing,
            on_click=submit,
            args=[missing],
        )
        st.button("Stop all cells", icon=":material/stop:", disabled=not any_active(runs), on_click=stop, args=[runs])

    def results() -> bool:
        now = find_runs(configs)
        draw(configs, now)
        return any_active(runs) and not any_active(now)  # then the buttons above change

    if any(runs):
        run_panel.live_fragment(results, 1.0 if any_active(runs) else None)
    show_code(MyLSTM, RNNAdapter, make_model)


def draw(configs: list[MemorizeConfig], runs: list[Run | None]) -> None:
    """Show the runs so far: their curves, a table and the generated texts."""
    histories = {config.cell: load_epochs(run) if run else [] for config, run in zip(configs, runs, strict=True)}
    curves = {
        cell: downsample(pd.DataFrame({"x": [e.epoch for e in history], "y": [e.loss for e in history]}))
        for cell, history in histories.items()
        if history
    }
    if curves:
        chart = learning_curves(curves, EPOCH_TITLE, LOSS_TITLE, log=True, height=400)
        st.altair_chart(chart, width="stretch")
        chart_download_buttons(chart, "cell comparison")
    show_lstm_difference(histories)
    rows = [table_row(*each) for each in zip(configs, runs, histories.values(), strict=True)]
    st.table(pd.DataFrame(rows).set_index("Cell"))
    st.caption(
        f"Text is generated every {GENERATION_INTERVAL} epochs, so the last column is rounded up. The milliseconds "
        f"include generating it. MyLSTM uses the gradient backend `{configs[0].backend}`."
    )
    if curves:
        st.subheader("Generated text")
        for cell, history in histories.items():
            if history:
                st.markdown(f"**{cell}**: {DESCRIPTIONS[cell]}")
                st.html(reconstruction_html(configs[0].sentence, history[-1].reconstruction))
        st.caption(CAPTION)


def show_lstm_difference(histories: dict[str, list[MemorizeEpoch]]) -> None:
    """Show the largest difference between the losses of the two LSTMs."""
    pairs = list(zip(histories["MyLSTM"], histories["nn.LSTM"], strict=False))
    if not pairs:
        return
    differences = [abs(ours.loss - theirs.loss) for ours, theirs in pairs]
    largest = max(differences)
    st.success(
        f"The losses of MyLSTM and nn.LSTM differ by at most **{largest:.1e}** nats (at epoch "
        f"{differences.index(largest)} of {len(differences)}). Both compute the same function, but round differently "
        "in the last digits. Training amplifies such differences.",
        icon=":material/compare_arrows:",
    )


def table_row(config: MemorizeConfig, run: Run | None, history: list[MemorizeEpoch]) -> dict[str, str]:
    """Return a row of the table."""
    learned = next((epoch.epoch + 1 for epoch in history if epoch.char_accuracy == 1), None)
    parameters = sum(parameter.numel() for parameter in make_model(config).parameters())
    milliseconds = "waiting" if run and run.status is Status.WAITING else "–"
    if run and history:
        milliseconds = f"{1000 * run.train_seconds / len(history):.1f}"
    return {
        "Cell": config.cell,
        "Parameters": f"{parameters:,}",
        "ms per epoch": milliseconds,
        "Epochs": f"{len(history)} of {config.epochs}",
        "Loss": f"{history[-1].loss:.4f}" if history else "–",
        "Correct characters": f"{history[-1].char_accuracy:.0%}" if history else "–",
        "Whole sentence after": f"{learned} epochs" if learned else "–",
    }
