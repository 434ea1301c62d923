"""The run: how far it is, what the network says by itself, and its loss."""

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
from pages.ui.markdown import reconstruction_html


def draw(run: Run, events: list[memorize.Event]) -> None:
    """The run so far: how far it is, its loss, and what it gives back."""
    epochs = [event for event in events if isinstance(event, MemorizeEpoch)]
    changes = [event for event in events if isinstance(event, Change)]
    config = run.config
    last = epochs[-1] if epochs else None
    run_panel.status_line(run, len(epochs) / config.epochs, f"epoch {len(epochs)} of {config.epochs}" if last else "")
    if not last:
        return
    if run.status.is_terminal:
        verdict(run, last)
    st.markdown("**What the network says by itself**, each of its characters fed back to it as the next input")
    st.html(reconstruction_html(config.sentence, last.reconstruction))
    st.caption("Underlined once: right. Underlined twice and shaded: wrong. A dot: nothing came.")

    x = [epoch.epoch for epoch in epochs]
    curve = downsample(pd.DataFrame({"x": x, "y": [epoch.loss for epoch in epochs]}))
    chart = learning_curves(
        {"training loss": curve},
        "Epoch (the whole sentence once)",
        "Loss (nats per character)",
        log=st.session_state.get("log_scale", False),
        marks=change_markers(changes),
    )
    show_live_chart(chart, run.status.is_terminal)
    if run.status.is_terminal:
        chart_download_buttons(chart, "training loss")


def verdict(run: Run, last: MemorizeEpoch) -> None:
    """One sentence on how it ended."""
    total = len(graphemes(run.config.sentence))
    if last.char_accuracy == 1:
        st.success(
            f"All {total} characters came back right. After {last.epoch + 1} epochs, "
            f"{run.train_seconds:.1f} seconds of training, the loss is {last.loss:.4f}.",
            icon=":material/check_circle:",
        )
    elif run.status is not Status.FAILED:
        st.warning(
            f"{last.char_accuracy:.0%} of the {total} characters came back right. More epochs, a larger hidden size "
            "or another learning rate may help.",
            icon=":material/psychology_alt:",
        )
