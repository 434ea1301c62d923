"""Memorize: a student types a sentence and watches an LSTM learn it and give it back."""

import pandas as pd
import streamlit as st

from core import bptt, memorize
from core.lstm import Model, MyLSTM, MyLSTMCell, run_layer
from core.memorize import REPORT_SENTENCE, MemorizeConfig, MemorizeEpoch
from core.runs import Run, Status
from core.training import Change
from pages.ui import backends, controls, live
from pages.ui.charts import change_marks, learning_curves, thin
from pages.ui.code import show_code
from pages.ui.texts import reconstruction_html

OTHER_SENTENCES = {
    "The report's": REPORT_SENTENCE,
    "A palindrome": "was it a car or a cat i saw? i was tac a ro rac a ti saw",
    "One letter": "aaaaaaaaaaaaaaaaaaaa!",
    "Korean": "안녕하세요, 얼마나 오래 기억할 수 있나요? 👋🏽",
    "Arabic": "كم من الوقت تتذكر الشبكة العصبية؟",
}


def settings() -> MemorizeConfig | None:
    """The controls. None, and a sentence that says why, where they do not make a run."""
    sentence = st.text_area("Sentence to memorise", REPORT_SENTENCE, key="sentence", bind="query-params", height=120)
    with st.container(horizontal=True, gap="small"):
        for name, other in OTHER_SENTENCES.items():
            st.button(name, on_click=st.session_state.update, args=[{"sentence": other}], type="tertiary")
    lr = controls.learning_rate("memorize", MemorizeConfig.lr)
    hidden_size = st.select_slider(
        "Hidden size",
        [1, 2, 4, 8, 16, 32, 64, 128, 256],
        MemorizeConfig.hidden_size,
        key="hidden_size",
        bind="query-params",
        help="Units in each layer: how many numbers the network can remember between two characters.",
    )
    left, middle, right = st.columns(3)
    with left:
        num_layers = st.slider("Layers", 1, 4, MemorizeConfig.num_layers, key="num_layers", bind="query-params")
    with middle:
        epochs = st.slider("Epochs", 50, 1000, MemorizeConfig.epochs, 50, key="memorize_epochs", bind="query-params")
    with right:
        seed = controls.seed("memorize")
    try:
        config = MemorizeConfig(sentence, hidden_size, num_layers, lr, epochs, seed, backends.choice())
        backends.times(config)
        return config
    except ValueError as error:
        st.error(str(error), icon=":material/edit:")
        return None


def draw(run: Run, events: list[memorize.Event]) -> None:
    """The run so far: how far it is, its loss, and what it gives back."""
    epochs = [event for event in events if isinstance(event, MemorizeEpoch)]
    changes = [event for event in events if isinstance(event, Change)]
    config = run.config
    last = epochs[-1] if epochs else None
    live.status_line(run, len(epochs) / config.epochs, f"epoch {len(epochs)} of {config.epochs}" if last else "")
    if not last:
        return
    if run.status.ended:
        verdict(run, last)
    st.markdown("**What the network says by itself**, each of its characters fed back to it as the next input")
    st.html(reconstruction_html(config.sentence, last.reconstruction))
    st.caption("Underlined once: right. Underlined twice and shaded: wrong. A dot: nothing came.")

    x = [epoch.epoch for epoch in epochs]
    curve = thin(pd.DataFrame({"x": x, "y": [epoch.loss for epoch in epochs]}))
    st.altair_chart(
        learning_curves(
            {"training loss": curve},
            "Epoch (the whole sentence once)",
            "Loss (nats per character)",
            log=st.session_state.get("log_scale", False),
            marks=change_marks(changes),
        ),
        width="stretch",
    )


def verdict(run: Run, last: MemorizeEpoch) -> None:
    """One sentence on how it ended."""
    total = len(memorize.characters(run.config.sentence))
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


st.title("Memorize")
st.markdown(
    "An LSTM reads a sentence and learns to say, after every character, **which one comes next**. "
    "Then it has to say the whole sentence by itself."
)
left, right = st.columns([1, 2], gap="large")
run = live.current_run("memorize")
with left:
    config = settings()
    live.buttons("memorize", config, run)
with right:
    st.toggle("Logarithmic loss", key="log_scale", help="Equal steps for equal ratios: small losses can be told apart.")
    if run:
        live.panel(run, draw)
    else:
        st.info("Press **Train**: the loss curve and what the network says will grow here.", icon=":material/timeline:")
by_hand = bptt.Layer, bptt.forward_steps, bptt.backward_steps, bptt.tanh
show_code(MyLSTMCell, run_layer, MyLSTM, Model, memorize.fit, memorize.reconstruct, *by_hand)
