"""Memory limit: how long a text a given number of units can memorise. A grid of small runs."""

import random
import string
from dataclasses import replace

import altair as alt
import pandas as pd
import streamlit as st

from core import memorize
from core.memorize import MemorizeConfig
from core.memorize.predictions import correct_characters
from core.memorize.rnn_variants import CELLS
from core.runs import Run, Status
from core.text import graphemes
from pages.ui.charts import VERMILLION, apply_theme, show_live_chart
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons, download_button, to_csv_bytes
from pages.ui.formatting import count, format_duration
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.run_group import any_active, find_runs, group_buttons, load_epochs
from pages.ui.memorize.timing import milliseconds_per_epoch

LENGTHS = [5, 10, 20, 40, 80, 160, 320]
SIZES = [1, 2, 4, 8, 16, 32, 64, 128]
EPOCHS = [50, 100, 200, 300, 500, 1000]
TIMER = ":material/timer:"
WARN_SECONDS, MAX_SECONDS = 5 * 60, 60 * 60
CALIBRATION_LENGTH = 30  # characters
OVERHEAD_FACTOR = 1.5  # besides its epochs, a run generates text
SECONDS_PER_RUN = 0.5  # it waits for its worker, is saved and is read again
RANDOM, CUSTOM = "Random letters", "The sentence, shortened or repeated"


def show(config: MemorizeConfig | None) -> bool:
    """Show the tab. Returns whether its runs are active, so that it must be redrawn."""
    st.markdown(
        "How long a text can the network memorise, and how many units does that take? Each square is a separate "
        "network, trained until it generates its text correctly or runs out of epochs. **Random letters** cannot be "
        "guessed: the network must remember every one of them."
    )
    if config is None:
        st.info("Fix the settings first.", icon=":material/edit:")
        return False
    left, right = st.columns(2, gap="large")
    with left:
        cell = st.segmented_control(
            "Cell",
            list(CELLS),
            default=config.cell,
            required=True,
            key="limit_cell",
            bind="query-params",
            help="The recurrent layer of every network in the grid. The tab Cell comparison explains them.",
        )
        lengths = st.multiselect(
            "Lengths (characters)", LENGTHS, [5, 10, 20, 40], key="limit_lengths", bind="query-params"
        )
        sizes = st.multiselect("Hidden sizes (units)", SIZES, [2, 4, 8, 16, 32], key="limit_sizes", bind="query-params")
    with right:
        text = st.selectbox("Text", [RANDOM, CUSTOM], key="limit_text", bind="query-params")
        epochs = st.select_slider("Maximum epochs", EPOCHS, 200, key="limit_epochs", bind="query-params")
    st.caption(
        f"Taken from the settings: layers ({config.num_layers}), learning rate ({config.lr:g}) and seed "
        f"({config.seed})."
    )
    if not lengths or not sizes:
        st.info("Choose at least one length and one hidden size.", icon=":material/grid_on:")
        return False
    try:
        grid = {
            (length, size): replace(
                config,
                sentence=make_text(length, text, config),
                hidden_size=size,
                epochs=epochs,
                cell=cell,
                stop_when_learned=True,
            )
            for length in sorted(lengths)
            for size in sorted(sizes)
        }
    except ValueError as error:  # for example if the sentence starts with spaces
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return False
    configs = list(grid.values())
    runs = find_runs(configs)
    show_controls([each for each, run in zip(configs, runs, strict=True) if run is None], runs)

    if any(runs):
        draw(dict(zip(grid, runs, strict=True)))
    show_code(memorize.fit, memorize.char_accuracy)
    return any_active(runs)


def make_text(length: int, kind: str, config: MemorizeConfig) -> str:
    """Return a text of this length: random letters drawn with the seed, or the sentence, shortened or repeated."""
    if kind == RANDOM:
        return "".join(random.Random(config.seed).choices(string.ascii_lowercase, k=length))
    parts = graphemes(config.sentence)
    return "".join((parts * (length // len(parts) + 1))[:length])


def show_controls(missing: list[MemorizeConfig], runs: list[Run | None]) -> None:
    """Show the estimated time and the buttons."""
    refused = ""
    if missing and not any_active(runs):
        seconds = estimate(missing)
        text = (
            f"{count(len(missing), 'network')} to train, one at a time. Estimated time: **about "
            f"{format_duration(seconds)}** if every network needs all of its epochs, longer while other people train."
        )
        if seconds > MAX_SECONDS:
            refused = "That takes too long. Choose shorter lengths, smaller sizes or fewer epochs."
            st.error(f"{text} {refused}", icon=TIMER)
        elif seconds > WARN_SECONDS:
            st.warning(f"{text} Keep this page open: runs that nobody views are paused.", icon=TIMER)
        else:
            st.info(text, icon=TIMER)
    done = "All networks of this grid have been trained."
    group_buttons("the grid", ":material/grid_on:", missing, runs, done, refused)


def estimate(configs: list[MemorizeConfig]) -> float:
    """Return the seconds that the runs take if each needs all of its epochs."""
    return sum(
        SECONDS_PER_RUN
        + OVERHEAD_FACTOR
        * config.epochs
        * (len(graphemes(config.sentence)) + 1)
        * seconds_per_character(config.hidden_size, config.num_layers, config.backend, config.cell)
        for config in configs
    )


def seconds_per_character(hidden_size: int, num_layers: int, backend: str, cell: str) -> float:
    """Return the seconds that one character of an epoch takes on this machine."""
    text = "".join(random.Random(0).choices(string.ascii_lowercase, k=CALIBRATION_LENGTH))
    config = MemorizeConfig(text, hidden_size, num_layers, backend=backend, cell=cell)
    return milliseconds_per_epoch(config) / 1000 / (CALIBRATION_LENGTH + 1)


def draw(runs: dict[tuple[int, int], Run | None]) -> None:
    """Show the progress of the grid, and a square for each run that has finished."""
    finished = {position: run for position, run in runs.items() if run and run.status is Status.FINISHED}
    st.progress(len(finished) / len(runs), text=f"{len(finished)} of {len(runs)} networks trained")
    if not finished:
        return
    frame = results_frame(finished)
    lengths, sizes = sorted({length for length, _ in runs}), sorted({size for _, size in runs})
    chart = capacity_chart(frame, lengths, sizes)
    learned = int(frame["learned"].sum())
    cell = next(iter(finished.values())).config.cell
    alt_text = (
        f"Grid of {count(len(frame), 'finished network')} with {cell} cells, lengths {lengths[0]} to {lengths[-1]} "
        f"characters, hidden sizes {sizes[0]} to {sizes[-1]}: {learned} have memorised their text."
    )
    show_live_chart(chart, len(finished) == len(runs), alt=alt_text)
    st.caption(
        "Fraction of the text's characters that are correct (darker = more). A network that has memorised its text "
        "shows how many epochs it needed. The limit is where these squares end."
    )
    chart_download_buttons(chart, "memory limit")
    table = frame.drop(columns="label")
    download_button("memory limit.csv", lambda: to_csv_bytes(table), "text/csv", label="CSV", type="tertiary")


def results_frame(finished: dict[tuple[int, int], Run]) -> pd.DataFrame:
    """Return a row for each finished run: its position in the grid, its result, and the square's label."""
    rows = []
    for (length, size), run in finished.items():
        last = load_epochs(run)[-1]
        correct = correct_characters(run.config.sentence, last.reconstruction)
        learned = last.reconstruction == run.config.sentence
        fraction = correct / len(graphemes(run.config.sentence))
        result = count(last.epoch + 1, "epoch") if learned else "not learned"
        label = f"{correct} of {length}\n{result}"
        rows.append((length, size, run.config.cell, correct, fraction, learned, last.epoch + 1, label))
    columns = ["length", "hidden size", "cell", "correct", "fraction", "learned", "epochs", "label"]
    return pd.DataFrame(rows, columns=columns)


def capacity_chart(frame: pd.DataFrame, lengths: list[int], sizes: list[int]) -> alt.LayerChart:
    """Draw a square for each finished run: lengths to the right, hidden sizes upwards."""
    squares = alt.Chart(frame).encode(
        x=alt.X("length:O", title="Length of the text (characters)", scale=alt.Scale(domain=lengths)).axis(
            labelAngle=0
        ),
        y=alt.Y("hidden size:O", title="Hidden size (units)", scale=alt.Scale(domain=sizes[::-1])),
    )
    scale = alt.Scale(domain=[0, 1], range=["#f4f8fb", "#08325a"], interpolate="lab")
    rects = squares.mark_rect(strokeWidth=2).encode(
        color=alt.Color("fraction:Q", title="Correct characters", scale=scale).legend(
            orient="top", format=".0%", gradientLength=220, titleFontSize=16, titleLimit=400
        ),
        stroke=alt.condition("datum.learned", alt.value(VERMILLION), alt.value(None)),
        tooltip=[
            "length:O",
            "hidden size:O",
            alt.Tooltip("correct:Q", title="correct characters"),
            alt.Tooltip("fraction:Q", format=".0%"),
            "epochs:Q",
        ],
    )
    labels = squares.mark_text(fontSize=14, lineBreak="\n", baseline="middle", dy=-8).encode(
        text="label:N", color=alt.condition("datum.fraction > 0.55", alt.value("white"), alt.value("#15202b"))
    )
    return apply_theme(alt.LayerChart(layer=[rects, labels], height=170 + 60 * len(sizes)))
