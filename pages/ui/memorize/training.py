"""The Training tab: the generated text, the loss in figures, and the loss curve."""

import math

import pandas as pd
import streamlit as st

from core import memorize
from core.memorize import Alphabet, MemorizeEpoch
from core.memorize.advice import advice
from core.memorize.predictions import correct_characters
from core.runs import Run, Status
from core.text import graphemes
from core.training import Change
from pages.ui import run_panel
from pages.ui.charts import DrawnChart, change_markers, downsample, learning_curves, show_live_chart
from pages.ui.figures import Figure, show_figures
from pages.ui.formatting import count, percentage
from pages.ui.memorize.reconstruction import CAPTION, reconstruction_html
from pages.ui.memorize.settings import use_settings_of
from pages.ui.run_settings import show_settings_of
from pages.ui.style import window_high
from pages.ui.timeline import shown_epoch

EPOCH_TITLE, LOSS_TITLE = "Epoch (one pass over the sentence)", "Loss (nats)"
THINNED_CAPTION = (  # short enough for one line
    "Single underline: correct, double: wrong. Dot: missing. Thinned curve; shading shows its peaks."
)


def show(run: Run | None, sentence: str, epochs: int, read_only: bool = False) -> None:
    """Show the run, or what it will be.

    Args:
        run: the run; None before the first one.
        sentence: of the settings, for the time before the first run.
        epochs: of the settings, too.
        read_only: leave out what changes the settings of the visitor's own page.
    """
    events = run_panel.cached_events(run) if run else []
    trained = [event for event in events if isinstance(event, MemorizeEpoch)]
    if run:
        sentence, epochs = run.config.sentence, run.config.epochs
    shown = shown_epoch(run, len(trained))
    now = trained[(shown or 0) - 1] if trained else None  # the chosen epoch, or the last one
    log = bool(st.session_state.get("log_scale")) and bool(trained)
    with window_high():
        st.html(reconstruction_html(sentence, now.reconstruction if now else ""))
        show_figures(figures(now, epochs, sentence), *outcome(run, trained))
        chart = loss_chart(sentence, epochs, events, log, shown)
        show_live_chart(chart, height="stretch", alt=curve_in_words(trained))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(
            "Logarithmic loss",
            key="log_scale",
            help="Equal distances are equal ratios, so small losses can be told apart.",
        )
        st.caption(THINNED_CAPTION if "peaks" in chart.data else CAPTION)
    if run:
        show_settings_of(run, None if read_only else use_settings_of)


def loss_chart(
    sentence: str, epochs: int, events: list[memorize.Event], log: bool = False, shown: int | None = None
) -> DrawnChart:
    """Draw the loss over all epochs of a run, with markers where a setting was changed.

    log: use a logarithmic axis. shown: the epoch that the page shows.
    """
    trained = [event for event in events if isinstance(event, MemorizeEpoch)]
    curve = pd.DataFrame({"x": [e.epoch + 1 for e in trained], "y": [e.loss for e in trained]}, dtype=float)
    curve["peak"] = curve["y"]
    changes = [Change(event.at + 1, event.name, event.value) for event in events if isinstance(event, Change)]
    return learning_curves(
        {"training loss": downsample(curve)},
        EPOCH_TITLE,
        LOSS_TITLE,
        log=log,
        marks=change_markers(changes, epochs),
        end=epochs,
        guessing=math.log(len(Alphabet(sentence))) if sentence.strip() else None,
        shown=shown,
    )


def figures(now: MemorizeEpoch | None, epochs: int, sentence: str) -> list[Figure]:
    """Return the figures for one epoch; dashes before the first one."""
    total = len(graphemes(sentence))
    if now is None:
        return [
            Figure("Loss", "–", "0 is perfect"),
            Figure("Correct", f"0 of {total}", "characters"),
            Figure("Epoch", f"0 of {epochs:,}", "passes over the sentence"),
        ]
    return [
        Figure("Loss", f"{now.loss:.3g}", f"correct character: p ≈ {percentage(math.exp(-now.loss))}"),
        Figure("Correct", f"{correct_characters(sentence, now.reconstruction)} of {total}", "characters"),
        Figure("Epoch", f"{now.epoch + 1:,} of {epochs:,}", "passes over the sentence"),
    ]


def outcome(run: Run | None, epochs: list[MemorizeEpoch]) -> tuple[str, str]:
    """Return how the run ended: a kind of message, and its text; both "" while it has not."""
    if run is None or not run.status.is_terminal:
        return "", ""
    if run.message:
        return "error" if run.status is Status.FAILED else "warning", run.message
    if not epochs:
        return "", ""
    last, total = epochs[-1], len(graphemes(run.config.sentence))
    if last.char_accuracy == 1:
        first = next(epoch.epoch + 1 for epoch in epochs if epoch.char_accuracy == 1)
        what = f"All {total} characters are" if total > 1 else "The only character is"
        return "success", f"{what} correct, for the first time after {count(first, 'epoch')}."
    correct = correct_characters(run.config.sentence, last.reconstruction)
    return "warning", f"{correct} of {total} characters are correct. {advice(run.config, epochs)}"


def curve_in_words(epochs: list[MemorizeEpoch]) -> str:
    """Describe the curve for readers who cannot see it."""
    if not epochs:
        return "Loss curve, empty before the first epoch."
    return (
        f"Loss curve over {len(epochs)} epochs: from {epochs[0].loss:.3g} to {epochs[-1].loss:.3g} nats per character."
    )
