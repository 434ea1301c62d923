"""Cell comparison: MyLSTM, PyTorch's LSTM, a GRU and a vanilla RNN, with the same settings and the same seed."""

import math
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.memorize import Alphabet, MemorizeConfig, MemorizeEpoch, make_model
from core.memorize.advice import advice
from core.memorize.lstm import MyLSTM
from core.memorize.predictions import context_length, correct_characters
from core.memorize.rnn_variants import CELLS, RNNAdapter
from core.memorize.training import GENERATION_INTERVAL
from core.runs import Run, Status
from core.text import graphemes
from pages.ui.charts import DrawnChart, downsample, learning_curves, show_live_chart
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.formatting import count
from pages.ui.memorize.reconstruction import CAPTION, reconstruction_html
from pages.ui.memorize.run_group import any_active, find_runs, group_buttons, load_epochs
from pages.ui.memorize.timing import milliseconds_per_epoch, timed_part
from pages.ui.memorize.training import EPOCH_TITLE, LOSS_TITLE
from pages.ui.style import high_curve

Histories = dict[str, list[MemorizeEpoch]]  # the epochs so far of each cell
LONG_CONTEXT = 15  # characters; with fewer, the plain RNN is not slower on any text in docs/benchmarks.md
DESCRIPTIONS = {
    "MyLSTM": "the hand-written LSTM of this page",
    "nn.LSTM": "PyTorch's LSTM, with the same initial weights",
    "GRU": "two gates, no separate cell state (Cho et al. 2014)",
    "RNN": "no gates, no cell state (Elman 1990)",
}


def show(config: MemorizeConfig | None) -> bool:
    """Show the tab. Returns whether its runs are active, so that it must be redrawn."""
    if config is None:
        st.info("Fix the settings first.", icon=":material/edit:")
        return False
    configs = [replace(config, cell=cell) for cell in CELLS]
    runs = find_runs(configs)
    missing = [each for each, run in zip(configs, runs, strict=True) if run is None]
    group_buttons(
        "all cells",
        ":material/stacked_line_chart:",
        missing,
        runs,
        done="All cells have been trained with these settings.",
    )

    histories = {config.cell: load_epochs(run) if run else [] for config, run in zip(configs, runs, strict=True)}
    chart = draw_curves(configs, runs, histories)
    explain(config)
    if any(runs):
        chart_download_buttons(chart, "cell comparison")
        draw_results(configs, runs, histories)
    show_code(MyLSTM, RNNAdapter, make_model, context_length)
    return any_active(runs)


def explain(config: MemorizeConfig) -> None:
    """Say how the cells differ, and what to expect of them."""
    st.markdown(
        "Four recurrent layers learn the sentence with the same settings. **MyLSTM** and **nn.LSTM** start from the "
        "same weights, so their curves coincide until rounding errors have grown. The plain **RNN** has no gates and "
        "no cell state: it rewrites its only state at every character."
    )
    left, right = st.columns(2)
    left.latex(r"\text{RNN:}\quad h_t = \tanh(W x_t + U h_{t-1} + b)")
    right.latex(r"\text{LSTM:}\quad c_t = f_t \odot c_{t-1} + i_t \odot g_t")
    st.markdown(expectation(config.sentence))


def expectation(sentence: str) -> str:
    """Say how long a memory the sentence needs, and which cell to expect in front."""
    length = context_length(sentence)
    last = "the last character is" if length == 1 else f"the last {length} characters are"
    text = f"In this sentence, {last} always enough to know the next one. "
    if length < LONG_CONTEXT:
        return text + (
            "That is a **short memory**, so expect the plain RNN to need the fewest epochs. Each of its states depends "
            "mostly on the last characters. The forget gates of an LSTM start half open, so its cell state mixes "
            "all characters since the start, and it must learn to erase first. An LSTM pays off where something must "
            "be kept over many characters: try the preset **Brackets**."
        )
    return text + (
        "That is a **long memory**: the network must keep something while it reads many characters. At every "
        "character, the RNN rewrites its whole state, and its gradient shrinks with each step back. An open forget "
        "gate keeps both, so an LSTM can learn what the RNN does not."
    )


def draw_curves(configs: list[MemorizeConfig], runs: list[Run | None], histories: Histories) -> DrawnChart:
    """Show the curves so far, and return their chart. It is there before the first epoch, so that nothing moves."""
    curves = {
        cell: downsample(
            pd.DataFrame({"x": [e.epoch + 1 for e in history], "y": [e.loss for e in history]}, dtype=float)
        )
        for cell, history in histories.items()
    }
    has_begun = any(histories.values())
    ended = all(run is not None and run.status.is_terminal for run in runs)
    chart = learning_curves(
        curves,
        EPOCH_TITLE,
        LOSS_TITLE,
        log=has_begun,
        end=configs[0].epochs,
        guessing=math.log(len(Alphabet(configs[0].sentence))),
    )
    losses = ", ".join(f"{cell} {history[-1].loss:.2g}" for cell, history in histories.items() if history)
    alt_text = f"Line chart of the loss of each cell over the epochs, on a logarithmic scale. Latest loss: {losses}."
    with high_curve():
        show_live_chart(
            chart,
            ended,
            height="stretch",
            alt=alt_text if has_begun else "Loss curves, empty before the first epoch.",
        )
    return chart


def draw_results(configs: list[MemorizeConfig], runs: list[Run | None], histories: Histories) -> None:
    """Show a table of the runs so far, and the generated texts."""
    show_lstm_difference(histories)
    rows = [table_row(*each) for each in zip(configs, runs, histories.values(), strict=True)]
    st.table(pd.DataFrame(rows).set_index("Cell"))
    st.caption(
        f"**Whole sentence after**: text is generated every {GENERATION_INTERVAL} epochs and after the last one; this "
        f"is the first time that it is the sentence. **ms per epoch**: one epoch over {timed_part(configs[0])} on this "
        f"server, the fastest of three, without generating text. MyLSTM uses the gradient backend "
        f"`{configs[0].backend}`. **Then lost**: a loss that was small can jump, because Adam's steps do not shrink "
        "with the gradient. It falls again within some epochs; a lower learning rate makes such jumps rarer."
    )
    if not any(histories.values()):
        return
    st.subheader("Generated text")
    for config, run, history in zip(configs, runs, histories.values(), strict=True):
        if not history:
            continue
        st.markdown(f"**{config.cell}**: {DESCRIPTIONS[config.cell]}")
        st.html(reconstruction_html(config.sentence, history[-1].reconstruction))
        if run and run.status.is_terminal and history[-1].char_accuracy < 1:
            st.caption(advice(config, history))
    st.caption(CAPTION)


def show_lstm_difference(histories: Histories) -> None:
    """Show the largest difference between the losses of the two LSTMs."""
    pairs = list(zip(histories["MyLSTM"], histories["nn.LSTM"], strict=False))
    if not pairs:
        return
    differences = [abs(ours.loss - theirs.loss) for ours, theirs in pairs]
    largest = max(differences)
    st.success(
        f"The losses of MyLSTM and nn.LSTM differ by at most **{largest:.1e}** nats (at epoch "
        f"{differences.index(largest) + 1} of {len(differences)}). Both compute the same function, but round "
        "differently in the last digits. Training amplifies such differences, most where the loss jumps.",
        icon=":material/compare_arrows:",
    )


def table_row(config: MemorizeConfig, run: Run | None, history: list[MemorizeEpoch]) -> dict[str, str]:
    """Return a row of the table."""
    parameters = sum(parameter.numel() for parameter in make_model(config).parameters())
    milliseconds = "waiting" if run and run.status is Status.WAITING else "–"
    if run and run.status.is_terminal:
        milliseconds = f"{milliseconds_per_epoch(config):.1f}"
    total = len(graphemes(config.sentence))
    correct = f"{correct_characters(config.sentence, history[-1].reconstruction)} of {total}" if history else "–"
    return {
        "Cell": config.cell,
        "Parameters": f"{parameters:,}",
        "ms per epoch": milliseconds,
        "Epochs": f"{len(history)} of {config.epochs}",
        "Loss": f"{history[-1].loss:.4f}" if history else "–",
        "Correct characters": correct,
        "Whole sentence after": whole_after(history),
    }


def whole_after(history: list[MemorizeEpoch]) -> str:
    """Return when the whole sentence was first generated, and whether it was lost again.

    Slow motion generates text at every epoch. Only the epochs at which every run generates text count, so that all
    cells are measured the same way.
    """
    checked = [epoch for epoch in history if epoch.epoch % GENERATION_INTERVAL == 0]
    learned = next((epoch.epoch + 1 for epoch in [*checked, *history[-1:]] if epoch.char_accuracy == 1), None)
    if learned is None:
        return "–"
    return count(learned, "epoch") + ("" if history[-1].char_accuracy == 1 else ", then lost")
