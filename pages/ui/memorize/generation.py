"""Generate: continue a prompt, with a temperature, and with one wrong character."""

from html import escape

import streamlit as st

from core.memorize.generate import Recovery, generate, recovery, replace_character
from core.runs import Run
from core.text import graphemes
from pages.ui.code_view import show_code
from pages.ui.formatting import count
from pages.ui.markdown import escape_markdown
from pages.ui.memorize.model_cache import cached_generate_text
from pages.ui.memorize.reconstruction import reconstruction_html, unmarked_html
from pages.ui.memorize.snapshot import Snapshot, load_snapshot
from pages.ui.memorize.symbols import display

LINE = "(scores / temperature).softmax(dim=0)"
CAPTION = (
    "Grey background: the beginning, as you typed it. Single underline: as in the sentence. Double underline, shaded: "
    "not as in the sentence. Dot: missing."
)
WRONG_CAPTION = (
    "Grey background: the beginning; framed: the wrong character. Single underline: the same character as in the text "
    "above. Double underline, shaded: another one. Dot: missing."
)


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
        generated = cached_generate_text(
            snapshot.model, snapshot.alphabet, prompt, len(parts) + 10, temperature=temperature, seed=seed
        )
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return
    known = graphemes(prompt)
    if parts[: len(known)] == known:
        st.html(continuation_html(prompt, reconstruction_html("".join(parts[len(known) :]), generated)))
        st.caption(CAPTION)
    else:
        st.html(continuation_html(prompt, unmarked_html(generated)))
        st.caption(
            "Grey background: the beginning, as you typed it. The sentence does not begin like this, so nothing is "
            "marked as correct or wrong."
        )
    if known:
        robustness(snapshot, prompt, generated, temperature, seed)
    show_code(generate, recovery)


def continuation_html(prompt: str, continuation: str, replaced: int | None = None) -> str:
    """Format a prompt and the HTML of its continuation as one text. replaced: index of a character to frame."""
    typed = "".join(
        f'<span class="replaced" title="replaced">{escape(display(part))}</span>' if at == replaced else escape(part)
        for at, part in enumerate(graphemes(prompt))
    )
    typed = f'<span class="typed" title="beginning">{typed}</span>'
    return f'<div class="prompt" dir="auto">{typed}{continuation}</div>'


def robustness(snapshot: Snapshot, prompt: str, expected: str, temperature: float, seed: int) -> None:
    """Replace one character of the prompt and compare the continuation with that of the unchanged prompt.

    expected: the continuation of the unchanged prompt, with the same temperature and seed.
    """
    model, alphabet = snapshot.model, snapshot.alphabet
    parts = graphemes(prompt)
    st.subheader("One wrong character")
    st.markdown(
        "Replace one character of the beginning. Does the error grow, or does the network recover? The continuation is "
        "compared with the one above, without the error"
        + (", drawn with the same temperature and sampling seed." if temperature else ".")
    )
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
    generated = cached_generate_text(
        model, alphabet, wrong, len(graphemes(snapshot.sentence)) + 10, temperature=temperature, seed=seed
    )
    st.html(continuation_html(wrong, reconstruction_html(expected, generated), replaced=position - 1))
    st.caption(WRONG_CAPTION)
    if generated == expected:
        st.success("The error has no effect: the continuation is the same.", icon=":material/check_circle:")
    else:
        result = recovery(expected, generated)
        icon = ":material/alt_route:" if result.length is None else ":material/u_turn_left:"
        st.info(recovery_text(result), icon=icon)


def recovery_text(result: Recovery) -> str:
    """Describe the effect of the wrong character on a continuation that is not the same."""
    if result.length is None:
        return "The network does not recover: the two continuations end differently."
    if not result.shift:
        return (
            f"{count(result.different, 'character')} {'differs' if result.different == 1 else 'differ'}. After "
            f"{count(result.length, 'character')}, the network has recovered: the rest is the same."
        )
    places = f"{count(abs(result.shift), 'character')} {'later' if result.shift > 0 else 'earlier'}"
    if result.length == 0:
        return f"The network continues at another position: the same text follows {places}."
    return f"After {count(result.length, 'character')}, the network has recovered, but the rest follows {places}."
