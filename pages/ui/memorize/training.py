"""The training panel: progress, generated text and loss curve of a run."""

import pandas as pd
import streamlit as st

from core import memorize
from core.memorize import MemorizeEpoch
from core.runs import Run, Status
from core.text import graphemes
from core.training import Change
from pages.ui import run_panel
from pages.ui.charts import change_markers, downsample, learning_curves, show_live_chart
from pages.ui.downloads import chart_download_buttons
from pages.ui.memorize.reconstruction import CAPTION, reconstruction_html

EPOCH_TITLE, LOSS_TITLE = "Epoch (one pass over the sentence)", "Loss (nats per character)"


def draw(run: Run, events: list[memorize.Event]) -> None:
    """Show the run so far: its progress, generated text and loss."""
    epochs = [event for event in events if isinstance(event, MemorizeEpoch)]
    changes = [event for event in events if isinstance(event, Change)]
    config = run.config
    last = epochs[-1] if epochs else None
    run_panel.status_line(run, len(epochs) / config.epochs, f"epoch {len(epochs)} of {config.epochs}" if last else "")
    if not last:
        return
    if run.status.is_terminal:
        show_outcome(run, last)
    st.markdown("**Generated text**: each generated character is fed back as the next input")
    st.html(reconstruction_html(config.sentence, last.reconstruction))
    st.caption(CAPTION)

    x = [epoch.epoch for epoch in epochs]
    curve = downsample(pd.DataFrame({"x": x, "y": [epoch.loss for epoch in epochs]}))
    chart = learning_curves(
        {"training loss": curve},
        EPOCH_TITLE,
        LOSS_TITLE,
        log=st.session_state.get("log_scale", False),
        marks=change_markers(changes),
    )
    show_live_chart(chart, run.status.is_terminal)
    if run.status.is_terminal:
        chart_download_buttons(chart, "training loss")


def show_outcome(run: Run, last: MemorizeEpoch) -> None:
    """Show how the run ended."""
    total = len(graphemes(run.config.sentence))
    if last.char_accuracy == 1:
        st.success(
            f"{f'All {total} characters are' if total > 1 else 'The only character is'} correct. After "
            f"{last.epoch + 1} epochs ({run.train_seconds:.1f} seconds of training), the loss is {last.loss:.4f}.",
            icon=":material/check_circle:",
        )
    elif run.status is not Status.FAILED:
        st.warning(
            f"{last.char_accuracy:.0%} of the characters are correct. More epochs, a larger hidden size or another "
            "learning rate may help.",
            icon=":material/psychology_alt:",
        )
