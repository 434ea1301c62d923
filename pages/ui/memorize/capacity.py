"""Show me your limit: how long a text how many units can hold. A grid of small runs, each until it knows its text."""

import random
import string
from dataclasses import replace

import altair as alt
import pandas as pd
import streamlit as st

from core import memorize
from core.memorize import MemorizeConfig
from core.memorize.training import seconds_per_epoch
from core.runs import Run, Status
from core.text import graphemes
from pages.ui import run_panel
from pages.ui.charts import apply_theme
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons, download_button, to_csv_bytes
from pages.ui.formatting import format_duration
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.run_group import going, runs_of, stop, submit

LENGTHS = [5, 10, 20, 40, 80, 160, 320]
SIZES = [1, 2, 4, 8, 16, 32, 64, 128]
EPOCHS = [50, 100, 200, 300, 500, 1000]
TIMER = ":material/timer:"
LONG, TOO_LONG = 5 * 60, 60 * 60  # seconds
TRIAL_CHARACTERS = 30
ALSO = 1.5  # besides its epochs a run reconstructs, and goes to its worker and back
RANDOM, OWN = "Random letters", "The sentence above, cut or repeated"


def show(config: MemorizeConfig | None) -> None:
    st.markdown(
        "How long can it remember, and with how many units? Each square is a network of its own that learns a text of "
        "that length until it can say it, or until the epochs are used up. **Random letters** cannot be guessed: every "
        "one of them must be remembered."
    )
    if config is None:
        st.info("The settings above need mending first.", icon=":material/edit:")
        return
    left, right = st.columns(2, gap="large")
    with left:
        lengths = st.multiselect(
            "Lengths (characters)", LENGTHS, [5, 10, 20, 40], key="limit_lengths", bind="query-params"
        )
        sizes = st.multiselect("Hidden sizes (units)", SIZES, [2, 4, 8, 16, 32], key="limit_sizes", bind="query-params")
    with right:
        text = st.selectbox("Text", [RANDOM, OWN], key="limit_text", bind="query-params")
        epochs = st.select_slider("At most so many epochs", EPOCHS, 200, key="limit_epochs", bind="query-params")
    st.caption(f"Layers ({config.num_layers}), learning rate ({config.lr:g}) and seed ({config.seed}) are those above.")
    if not lengths or not sizes:
        st.info("Choose at least one length and one hidden size.", icon=":material/grid_on:")
        return
    try:
        grid = {
            (length, size): replace(
                config, sentence=text_of(length, text, config), hidden_size=size, epochs=epochs, stop_when_learned=True
            )
            for length in sorted(lengths)
            for size in sorted(sizes)
        }
    except ValueError as error:  # such as a sentence that begins with nothing but blanks
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return
    configs = list(grid.values())
    runs = runs_of(configs)
    start([each for each, run in zip(configs, runs, strict=True) if run is None], runs)

    def results() -> bool:
        now = runs_of(configs)
        draw(dict(zip(grid, now, strict=True)))
        return going(runs) and not going(now)  # then the buttons above change

    if any(runs):
        run_panel.live_fragment(results, 1.0 if going(runs) else None)
    show_code(memorize.fit, memorize.char_accuracy)


def text_of(length: int, kind: str, config: MemorizeConfig) -> str:
    """A text of this many characters: random letters by the seed, or the sentence, cut or said again and again."""
    if kind == RANDOM:
        return "".join(random.Random(config.seed).choices(string.ascii_lowercase, k=length))
    parts = graphemes(config.sentence)
    return "".join((parts * (length // len(parts) + 1))[:length])


def start(missing: list[MemorizeConfig], runs: list[Run | None]) -> None:
    """How long it would take, and the buttons."""
    seconds = 0.0
    if missing and not going(runs):
        seconds = estimate(missing)
        text = f"{len(missing)} networks to train, one at a time: **about {format_duration(seconds)}** at most."
        if seconds > TOO_LONG:
            st.error(f"{text} That is too long for one go: choose fewer, shorter or smaller ones.", icon=TIMER)
        elif seconds > LONG:
            st.warning(f"{text} Stay on this page meanwhile: a network that nobody watches pauses.", icon=TIMER)
        else:
            st.info(text, icon=TIMER)
    with st.container(horizontal=True):
        st.button(
            "Run the grid",
            icon=":material/grid_on:",
            type="primary",
            disabled=going(runs) or not missing or seconds > TOO_LONG,
            on_click=submit,
            args=[missing],
        )
        st.button("Stop the grid", icon=":material/stop:", disabled=not going(runs), on_click=stop, args=[runs])


def estimate(configs: list[MemorizeConfig]) -> float:
    """Seconds until all are trained, if none knows its text before its last epoch."""
    return ALSO * sum(
        config.epochs
        * (len(graphemes(config.sentence)) + 1)
        * seconds_a_character(config.hidden_size, config.num_layers, config.backend)
        for config in configs
    )


@st.cache_data(show_spinner="Timing a few epochs …", ttl=3600)
def seconds_a_character(hidden_size: int, num_layers: int, backend: str) -> float:
    """Measured here and now: how long a character of an epoch takes."""
    text = "".join(random.Random(0).choices(string.ascii_lowercase, k=TRIAL_CHARACTERS))
    return seconds_per_epoch(MemorizeConfig(text, hidden_size, num_layers, backend=backend)) / (TRIAL_CHARACTERS + 1)


def draw(runs: dict[tuple[int, int], Run | None]) -> None:
    """How far the grid is, and a square for each run that has ended."""
    ended = {place: run for place, run in runs.items() if run and run.status is Status.FINISHED}
    st.progress(len(ended) / len(runs), text=f"{len(ended)} of {len(runs)} networks trained")
    rows = []
    for (length, size), run in ended.items():
        share, epochs = run.metrics["accuracy"], int(run.metrics["epochs"])
        rows.append((length, size, share, epochs, f"{share:.0%}\n{f'{epochs} epochs' if share == 1 else 'not whole'}"))
    if not rows:
        return
    frame = pd.DataFrame(rows, columns=["length", "hidden size", "accuracy", "epochs", "label"])
    chart = map_of(frame, lengths=sorted({length for length, _ in runs}), sizes=sorted({size for _, size in runs}))
    st.altair_chart(chart, width="stretch")
    st.caption("Dark: the whole text came back, after so many epochs. Where the dark squares end, there is the limit.")
    chart_download_buttons(chart, "limit")
    table = frame.drop(columns="label")
    download_button("limit.csv", lambda: to_csv_bytes(table), "text/csv", label="CSV", type="tertiary")


def map_of(frame: pd.DataFrame, lengths: list[int], sizes: list[int]) -> alt.LayerChart:
    squares = alt.Chart(frame).encode(
        x=alt.X("length:O", title="Length of the text (characters)", scale=alt.Scale(domain=lengths)).axis(
            labelAngle=0
        ),
        y=alt.Y("hidden size:O", title="Hidden size (units)", scale=alt.Scale(domain=sizes[::-1])),
    )
    scale = alt.Scale(domain=[0, 1], range=["#f4f8fb", "#08325a"], interpolate="lab")
    return apply_theme(
        alt.layer(
            squares.mark_rect(stroke="white", strokeWidth=2).encode(
                color=alt.Color("accuracy:Q", title="Characters right", scale=scale).legend(
                    orient="top", format=".0%", gradientLength=220, titleFontSize=16, titleLimit=400
                ),
                tooltip=["length:O", "hidden size:O", alt.Tooltip("accuracy:Q", format=".0%"), "epochs:Q"],
            ),
            squares.mark_text(fontSize=14, lineBreak="\n", baseline="middle", dy=-8).encode(
                text="label:N", color=alt.condition("datum.accuracy > 0.55", alt.value("white"), alt.value("#15202b"))
            ),
        ).properties(height=170 + 60 * len(sizes))
    )
