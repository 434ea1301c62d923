"""Predictions: the five most likely next characters at every position, teacher-forced and free-running."""

from html import escape

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.memorize import Alphabet
from core.memorize.predictions import Mistake, first_mistake, free_running, teacher_forced, top
from core.runs import Run
from pages.ui.charts import apply_theme, show_live_chart
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.formatting import count, percentage
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.model_cache import cached_free_running
from pages.ui.memorize.snapshot import Snapshot, load_snapshot
from pages.ui.memorize.symbols import END_SYMBOL, START_SYMBOL, as_code, display_id, input_symbols, target_symbols
from pages.ui.theme import colors

TEACHER_FORCING, FREE_RUNNING = "Teacher forcing", "Free-running"
CERTAIN = 0.95  # mean probability above which there is little left to see
NUMBER_EVERY = 10  # columns of the table
LINE = "logits.squeeze(1).softmax(dim=-1)"


def show(run: Run | None) -> None:
    """Show the tab."""
    snapshot = load_snapshot(run)
    if snapshot is None:
        return
    model, alphabet, sentence = snapshot.model, snapshot.alphabet, snapshot.sentence
    mode = st.segmented_control(
        "Mode",
        [TEACHER_FORCING, FREE_RUNNING],
        default=TEACHER_FORCING,
        required=True,
        key="prediction_mode",
        bind="query-params",
    )
    targets = target_symbols(sentence)
    if mode == TEACHER_FORCING:
        st.markdown(
            "**Teacher forcing**: the network always receives the correct previous character. Top row: the correct "
            "next character. Below: the five most likely predictions (darker = more likely; green frame = correct)."
        )
        probabilities = teacher_forced(model, alphabet, sentence)
        top_row, inputs = targets, input_symbols(sentence)
    else:
        st.markdown(
            "**Free-running**: the network receives the character that it generated last, so one mistake can lead it "
            "astray. Top row: the generated character (shaded = wrong). Below: the five most likely predictions "
            "(darker = more likely; green frame = correct)."
        )
        token_ids, probabilities = cached_free_running(model, alphabet, len(targets) + 10)
        top_row = [display_id(alphabet, token_id) for token_id in token_ids]
        inputs = [START_SYMBOL, *top_row[:-1]]
        show_first_mistake(sentence, alphabet.decode(token_ids))
    formula, code = st.columns(2, gap="large", vertical_alignment="center")
    formula.latex(r"p(\text{next} \mid \text{past}) = \mathrm{softmax}(W h_t + b)")
    code.code(LINE, language="python")
    st.html(grid_html(alphabet, top_row, targets, probabilities))
    st.caption(summary(snapshot, probabilities))
    position_detail(snapshot, inputs, targets, probabilities)
    show_code(teacher_forced, free_running, first_mistake)


def summary(snapshot: Snapshot, probabilities: np.ndarray) -> str:
    """Describe how many of the predictions are correct, and how likely the correct ones are."""
    targets = target_ids(snapshot)
    rows = probabilities[: len(targets)]
    correct = int((rows.argmax(axis=1) == targets[: len(rows)]).sum())
    certainty = float(rows[np.arange(len(rows)), targets[: len(rows)]].mean())
    characters = count(len(targets) - 1, "character")
    text = (
        f"After {count(snapshot.epochs, 'epoch')}, the most likely prediction is correct at {correct} of "
        f"{count(len(targets), 'position')}: {characters} and the end token {END_SYMBOL}. {START_SYMBOL} is the start "
        f"token. The correct prediction has a mean probability of {percentage(certainty)}. Hover over a prediction to "
        "see its probability."
    )
    if certainty > CERTAIN:
        text += " The network is sure of almost everything: after fewer epochs, this picture shows its doubts."
    return text


def target_ids(snapshot: Snapshot) -> np.ndarray:
    """Return the token ids of the correct predictions."""
    return np.array([*snapshot.alphabet.encode(snapshot.sentence), Alphabet.END])


def show_first_mistake(sentence: str, generated: str) -> None:
    """Show where free-running generation first leaves the sentence."""
    mistake = first_mistake(sentence, generated)
    if mistake is None:
        st.success("The network generates the whole sentence and stops at its end.", icon=":material/check_circle:")
    else:
        st.warning(mistake_text(mistake), icon=":material/alt_route:")


def mistake_text(mistake: Mistake) -> str:
    """Describe a mistake."""
    expected = as_code(mistake.expected) if mistake.expected else "the end of the sentence"
    generated = as_code(mistake.generated) if mistake.generated else "the end"
    text = f"The first mistake is at character {mistake.position + 1}: expected {expected}, generated {generated}."
    if mistake.similar is not None:
        there = f"character {mistake.similar + 1}" if mistake.generated else "the end of the sentence"
        text += f" The same text, {as_code(mistake.shared)}, precedes {there}: the network confuses the two positions."
    return text


def grid_html(alphabet: Alphabet, top_row: list[str], targets: list[str], probabilities: np.ndarray) -> str:
    """Format a column for each position: the next character, and the five most likely predictions below it."""
    columns = []
    for at, (character, token_ids, values) in enumerate(zip(top_row, *top(probabilities), strict=True)):
        target = targets[at] if at < len(targets) else None
        number = at + 1 if at % NUMBER_EVERY == 0 else ""
        cells = "".join(
            f'<div class="prediction{" correct" if symbol == target else ""}" style="{shade(value)}" '
            f'title="{escape(symbol)} {value:.2%}">{escape(symbol)}</div>'
            for symbol, value in zip((display_id(alphabet, token_id) for token_id in token_ids), values, strict=True)
        )
        wrong = "" if character == target else " wrong"
        head = f'<div class="next{wrong}" title="character {at + 1}">{escape(character)}</div>'
        columns.append(f'<div class="position"><div class="number">{number}</div>{head}{cells}</div>')
    return f'<div class="predictions">{"".join(columns)}</div>'


def shade(probability: float) -> str:
    """Return the style of a prediction: a background that is darker the larger its probability, legible text."""
    return f"background: rgb(8 50 90 / {probability:.0%}); color: {'#fff' if probability > 0.62 else 'inherit'}"


def position_detail(snapshot: Snapshot, inputs: list[str], targets: list[str], probabilities: np.ndarray) -> None:
    """Show the predictions at one position as bars."""
    total = len(probabilities)
    position = 0
    if total > 1:
        help = f"Numbered above every {NUMBER_EVERY}th column of the table."
        position = st.slider("Position", 1, total, 1, key=f"prediction position of {total}", help=help) - 1
    token_ids, values = top(probabilities[position : position + 1])
    target = targets[position] if position < len(targets) else None
    symbols = [display_id(snapshot.alphabet, token_id) for token_id in token_ids[0]]
    frame = pd.DataFrame(
        {
            "character": symbols,
            "probability": values[0].astype(float),
            "correct": [symbol == target for symbol in symbols],
        }
    )
    shown = colors()
    y = alt.Y("character:N", sort=symbols, title="Next character", axis=alt.Axis(labelFontSize=20))
    bars = alt.Chart(frame).encode(y=y)
    percent = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    rects = bars.mark_bar().encode(
        x=alt.X("probability:Q", title="Probability", scale=alt.Scale(domain=[0, 1.15]), axis=percent),
        color=alt.condition("datum.correct", alt.value(shown.palette[0]), alt.value(shown.palette[1])),
        tooltip=["character:N", alt.Tooltip("probability:Q", format=".3%")],
    )
    texts = bars.mark_text(align="left", dx=6, fontSize=16, color=shown.text).encode(
        x="probability:Q", text=alt.Text("probability:Q", format=".1%")
    )
    chart = apply_theme(alt.LayerChart(layer=[rects, texts], height=230))
    before = escape_markdown("".join(inputs[max(0, position - 20) : position + 1]))
    st.markdown(
        f"Position {position + 1}: prediction after **{before}**"
        + (f" (correct: **{escape_markdown(target)}**). Blue: correct, orange: wrong." if target else ".")
    )
    listed = ", ".join(f"{symbol} {value:.1%}" for symbol, value in zip(symbols, values[0], strict=True))
    alt_text = f"Bar chart of the most likely characters at position {position + 1}: {listed}."
    show_live_chart(chart, snapshot.final, alt=alt_text)
    chart_download_buttons(chart, f"predictions at position {position + 1}")
