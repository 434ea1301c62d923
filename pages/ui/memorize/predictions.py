"""What it expects next: the five most probable characters at every position, led and left to itself."""

from html import escape

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.memorize import Alphabet
from core.memorize.predictions import Mistake, first_mistake, free_running, teacher_forced, top
from core.runs import Run
from pages.ui.charts import BLUE, VERMILLION, apply_theme
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.snapshot import Learned, learned
from pages.ui.memorize.symbols import END_SIGN, START_SIGN, prepare_inputs, quoted, sign, targets_of

LED, ALONE = "Led by the sentence", "Left to itself"
LINE = "logits.squeeze(1).softmax(dim=-1)"
STYLE = """<style>
.expects { display: flex; flex-wrap: wrap; row-gap: 0.8rem; max-height: 40rem; overflow-y: auto;
           font-family: "Source Code Pro", monospace; }
.expects .place { width: 1.75rem; text-align: center; font-size: 1.1rem; line-height: 1.75rem; }
.expects .next { font-weight: 700; border-bottom: 3px solid #009e73; }
.expects .next.wrong { border-bottom: 3px double #d55e00; background: #fde6d8; color: #8a3200; }
.expects .guess { margin: 1px; border-radius: 3px; overflow: hidden; }
.expects .hit { outline: 2px solid #009e73; outline-offset: -2px; }
</style>"""


def show(run: Run | None) -> None:
    known = learned(run)
    if known is None:
        return
    way = st.segmented_control(
        "How it reads", [LED, ALONE], default=LED, required=True, key="expects_way", bind="query-params"
    )
    targets = targets_of(known.sentence)
    if way == LED:
        st.markdown(
            "**Teacher forcing**: whatever it would have said, it reads the sentence's right character next. Top row: "
            "what comes next in the sentence. Below: its five guesses for that, the more probable the darker."
        )
        probabilities = teacher_forced(known.model, known.alphabet, known.sentence)
        says, inputs = targets, prepare_inputs(known.sentence)
    else:
        st.markdown(
            "**Free-running**: its own most probable character is what it reads next, so one mistake can lead it "
            "astray. Top row: what it said. Below: the five guesses that it chose from."
        )
        said, probabilities = free_running(known.model, known.alphabet, len(targets) + 10)
        says = [sign(known.alphabet, number) for number in said]
        inputs = [START_SIGN, *says[:-1]]
        wrong_turn(known, known.alphabet.decode(said))
    formula, code = st.columns(2, gap="large", vertical_alignment="center")
    formula.latex(r"p(\text{next} \mid \text{past}) = \mathrm{softmax}(W h_t + b)")
    code.code(LINE, language="python")
    st.html(grid_html(known.alphabet, says, targets, probabilities))
    right = int((probabilities.argmax(axis=1)[: len(targets)] == targets_as_numbers(known)[: len(probabilities)]).sum())
    st.caption(
        f"After {known.epochs:,} epochs, the first guess is right at {right} of {len(targets)} places. "
        f"Hovering gives the probabilities; {START_SIGN} is the start, {END_SIGN} the end."
    )
    one_place(known, inputs, targets, probabilities)
    show_code(teacher_forced, free_running, first_mistake)


def targets_as_numbers(known: Learned) -> np.ndarray:
    return np.array([*known.alphabet.encode(known.sentence), Alphabet.END])


def wrong_turn(known: Learned, said: str) -> None:
    """Where free-running first leaves the sentence, in words."""
    mistake = first_mistake(known.sentence, said)
    if mistake is None:
        st.success("It says the whole sentence by itself, and ends where it should.", icon=":material/check_circle:")
        return
    st.warning(explained(mistake), icon=":material/alt_route:")


def explained(mistake: Mistake) -> str:
    came = f"it said {quoted(mistake.said)}" if mistake.said else "it stopped"
    expected = f"{quoted(mistake.expected)} should come" if mistake.expected else "the sentence should have ended"
    text = f"It first goes wrong at character {mistake.position + 1}: {expected}, but {came}."
    if mistake.alike is not None:
        there = f"character {mistake.alike + 1}" if mistake.said else "the sentence's end"
        text += f" The same {quoted(mistake.shared)} stands before {there}: it took one place for the other."
    return text


def grid_html(alphabet: Alphabet, says: list[str], targets: list[str], probabilities: np.ndarray) -> str:
    """A column for each position: the next character, and five guesses below it."""
    numbers, shares = top(probabilities)
    columns = []
    for at, (character, guesses, sizes) in enumerate(zip(says, numbers, shares, strict=True)):
        target = targets[at] if at < len(targets) else None
        cells = "".join(
            f'<div class="guess{" hit" if sign(alphabet, number) == target else ""}" style="{shade(share)}" '
            f'title="{escape(sign(alphabet, number))} {share:.2%}">{escape(sign(alphabet, number))}</div>'
            for number, share in zip(guesses, sizes, strict=True)
        )
        fits = "" if character == target else " wrong"
        head = f'<div class="next{fits}" title="character {at + 1}">{escape(character)}</div>'
        columns.append(f'<div class="place">{head}{cells}</div>')
    return f'{STYLE}<div class="expects">{"".join(columns)}</div>'


def shade(share: float) -> str:
    """A background, the darker the larger the share (0 to 1), with a colour of type that can be read on it."""
    return f"background: rgb(8 50 90 / {share:.0%}); color: {'#fff' if share > 0.62 else '#15202b'}"


def one_place(known: Learned, inputs: list[str], targets: list[str], probabilities: np.ndarray) -> None:
    """The guesses at one position as bars."""
    place = st.slider("Position", 1, len(probabilities), 1, key=f"expects_place of {len(probabilities)}") - 1
    numbers, shares = top(probabilities[place : place + 1])
    target = targets[place] if place < len(targets) else None
    names = [sign(known.alphabet, number) for number in numbers[0]]
    frame = pd.DataFrame(
        {"character": names, "probability": shares[0].astype(float), "right": [name == target for name in names]}
    )
    bars = alt.Chart(frame).encode(y=alt.Y("character:N", sort=names, title=None, axis=alt.Axis(labelFontSize=20)))
    chart = apply_theme(
        alt.layer(
            bars.mark_bar().encode(
                x=alt.X("probability:Q", title="Probability", scale=alt.Scale(domain=[0, 1.15]), axis=percent_axis()),
                color=alt.condition("datum.right", alt.value(BLUE), alt.value(VERMILLION)),
                tooltip=["character:N", alt.Tooltip("probability:Q", format=".3%")],
            ),
            bars.mark_text(align="left", dx=6, fontSize=16).encode(
                x="probability:Q", text=alt.Text("probability:Q", format=".1%")
            ),
        ).properties(height=230)
    )
    before = escape_markdown("".join(inputs[max(0, place - 20) : place + 1]))
    st.markdown(
        f"After **{before}** it expects"
        + (f"; right would be **{escape_markdown(target)}** (blue)." if target else ".")
    )
    st.altair_chart(chart, width="stretch")
    chart_download_buttons(chart, f"guesses at {place + 1}")


def percent_axis() -> alt.Axis:
    return alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
