"""How it goes on: from the first characters that a student types, with temperature, and with one character wrong."""

import streamlit as st

from core.memorize.generate import go_on, recovery_length, replaced
from core.runs import Run
from core.text import graphemes
from pages.ui.code_view import show_code
from pages.ui.markdown import escape_markdown, reconstruction_html
from pages.ui.memorize.snapshot import Learned, learned
from pages.ui.memorize.symbols import visible

LINE = "(scores / temperature).softmax(dim=0)"


def show(run: Run | None) -> None:
    known = learned(run)
    if known is None:
        return
    letters = graphemes(known.sentence)
    st.markdown(
        "Type how it begins; the network goes on. It reads your characters one by one, and then each of its own. "
        "At a **temperature** above 0 it draws the next character by chance instead of taking the most probable one."
    )
    formula, code = st.columns(2, gap="large", vertical_alignment="center")
    formula.latex(r"p(\text{next}) = \mathrm{softmax}(z / T)")
    code.code(LINE, language="python")
    left, right = st.columns([2, 1], gap="large")
    with left:
        beginning = "".join(letters[: max(1, len(letters) // 4)])
        prompt = st.text_input("How it begins", beginning, key=f"prompt of {run.id}", max_chars=4000)
    with right:
        temperature = st.slider("Temperature", 0.0, 2.0, 0.0, 0.1, key="temperature", bind="query-params")
        draw = (
            st.number_input("Draw", 0, 999, 0, key="draw", help="Another number, another chance.") if temperature else 0
        )
    try:
        said = go_on(known.model, known.alphabet, prompt, len(letters) + 10, temperature, draw)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return
    continuation(known, prompt, said)
    if graphemes(prompt):
        perturbed(known, prompt, temperature, draw)
    show_code(go_on, recovery_length)


def continuation(known: Learned, prompt: str, said: str) -> None:
    """The prompt and what came after it, compared with the sentence where the prompt is its beginning."""
    if graphemes(known.sentence)[: len(graphemes(prompt))] == graphemes(prompt):
        st.html(reconstruction_html(known.sentence, prompt + said))
        st.caption("It began as the sentence does. Underlined once: right. Underlined twice and shaded: wrong.")
    else:
        st.html(reconstruction_html(prompt + said, prompt + said))
        st.caption("The sentence does not begin like this, so there is no right or wrong: this is what it says.")


def perturbed(known: Learned, prompt: str, temperature: float, draw: int) -> None:
    """One character of the prompt is replaced: does it find back?"""
    parts = graphemes(prompt)
    st.subheader("One character wrong")
    st.markdown("Replace one character of the beginning. Does the error grow, or does the network find back?")
    left, right = st.columns(2, gap="large")
    with left:
        place = 1
        if len(parts) > 1:
            place = st.slider("Which character", 1, len(parts), len(parts), key=f"perturb of {len(parts)}")
    with right:
        others = [symbol for symbol in known.alphabet.symbols if symbol != parts[place - 1]]
        if not others:
            st.info("The sentence has only one kind of character: there is none to replace it by.")
            return
        other = st.selectbox(
            f"Instead of {escape_markdown(visible(parts[place - 1]))}", others, format_func=visible, key="perturb_by"
        )
    wrong = replaced(prompt, place - 1, other)
    limit = len(graphemes(known.sentence)) + 10
    said = go_on(known.model, known.alphabet, wrong, limit, temperature, draw)
    st.html(reconstruction_html(known.sentence, wrong + said))
    if graphemes(known.sentence)[: len(parts)] != parts:
        return
    rest = "".join(graphemes(known.sentence)[len(parts) :])
    after = recovery_length(rest, said)
    if after is None:
        st.warning("It does not find back to the sentence's end.", icon=":material/alt_route:")
    elif after == 0:
        st.success("It is not misled: it goes on as if nothing had happened.", icon=":material/check_circle:")
    else:
        st.info(f"It is misled for {after} of its characters, then it has found back.", icon=":material/u_turn_left:")
