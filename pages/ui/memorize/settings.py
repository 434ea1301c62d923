"""The controls of a run."""

import streamlit as st

from core.memorize import REPORT_SENTENCE, MemorizeConfig
from pages.ui import controls

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
        return MemorizeConfig(sentence, hidden_size, num_layers, lr, epochs, seed)
    except ValueError as error:
        st.error(str(error), icon=":material/edit:")
        return None
