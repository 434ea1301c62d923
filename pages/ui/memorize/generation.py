"""Generate: continue a prompt, with a temperature, and with one wrong character."""

import streamlit as st

from core.memorize.generate import generate, generate_text, recovery_length, replace_character
from core.runs import Run
from core.text import graphemes
from pages.ui.code_view import show_code
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.reconstruction import CAPTION, reconstruction_html, unmarked_html
from pages.ui.memorize.snapshot import Snapshot, load_snapshot
from pages.ui.memorize.symbols import display

LINE = "(scores / temperature).softmax(dim=0)"


def show(run: Run | None) -> None:
    """Show the tab."""
    snapshot = load_snapshot(run)
    if snapshot is None:
        return
    parts = graphemes(snapshot.sentence)
    st.markdown(
        "Type a beginning; the network continues it. It reads your characters one by one, then each character that it "
        "generates. At **temperature** 0, it always chooses the most likely character. Above 0, it draws one at "
        "random: the higher the temperature, the more likely are surprising characters."
    )
    formula, code = st.columns(2, gap="large", vertical_alignment="center")
    formula.latex(r"p(\text{next}) = \mathrm{softmax}(z / T)")
    code.code(LINE, language="python")
    left, right = st.columns([2, 1], gap="large")
    with left:
        beginning = "".join(parts[: max(1, len(parts) // 4)])
        prompt = st.text_input("Beginning", beginning, key=f"prompt of {snapshot.run_id}", max_chars=4000)
    with right:
        temperature = st.slider("Temperature", 0.0, 2.0, 0.0, 0.1, key="temperature", bind="query-params")
        seed = 0
        if temperature:
            seed = st.number_input(
                "Sampling seed", 0, 999, 0, key="sampling_seed", help="Each seed draws another text."
            )
    try:
        generated = generate_text(
            snapshot.model, snapshot.alphabet, prompt, len(parts) + 10, temperature=temperature, seed=seed
        )
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return
    show_text(snapshot, prompt + generated, compare=begins_with(snapshot, prompt))
    if graphemes(prompt):
        robustness(snapshot, prompt, temperature, seed)
    show_code(generate, recovery_length)


def begins_with(snapshot: Snapshot, prompt: str) -> bool:
    """Return whether the sentence begins with the prompt."""
    parts = graphemes(prompt)
    return graphemes(snapshot.sentence)[: len(parts)] == parts


def show_text(snapshot: Snapshot, text: str, compare: bool) -> None:
    """Show a prompt and its continuation. compare: mark which characters are those of the sentence."""
    if compare:
        st.html(reconstruction_html(snapshot.sentence, text))
        st.caption(CAPTION)
    else:
        st.html(unmarked_html(text))
        st.caption("The sentence does not begin like this, so nothing is marked as correct or wrong.")


def robustness(snapshot: Snapshot, prompt: str, temperature: float, seed: int) -> None:
    """Replace one character of the prompt and show whether the network recovers."""
    model, alphabet, sentence = snapshot.model, snapshot.alphabet, graphemes(snapshot.sentence)
    parts = graphemes(prompt)
    st.subheader("One wrong character")
    st.markdown("Replace one character of the beginning. Does the error grow, or does the network recover?")
    left, right = st.columns(2, gap="large")
    with left:
        position = 1
        if len(parts) > 1:
            label, key = "Character to replace", f"character of {len(parts)}"
            position = st.slider(label, 1, len(parts), len(parts), key=key)
    with right:
        original = parts[position - 1]
        others = [symbol for symbol in alphabet.symbols if symbol != original]
        if not others:
            st.info("The sentence has only one kind of character, so there is no replacement.")
            return
        label = f"Replace {escape_markdown(display(original))} with"
        replacement = st.selectbox(label, others, format_func=display, key="replacement")
    wrong = replace_character(prompt, position - 1, replacement)
    generated = generate_text(model, alphabet, wrong, len(sentence) + 10, temperature=temperature, seed=seed)
    show_text(snapshot, wrong + generated, compare=begins_with(snapshot, prompt))
    if not begins_with(snapshot, prompt):
        return
    expected = "".join(sentence[len(parts) :])
    length = recovery_length(expected, generated)
    if generated == expected:
        st.success("The error has no effect: the network continues correctly.", icon=":material/check_circle:")
    elif length is None:
        st.warning("The network does not recover before the end.", icon=":material/alt_route:")
    elif length == 0:
        st.info("The network continues at another position of the sentence.", icon=":material/u_turn_left:")
    else:
        characters = "1 character" if length == 1 else f"{length} characters"
        st.info(f"The network recovers after {characters}.", icon=":material/u_turn_left:")
