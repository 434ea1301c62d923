"""The controls of a run."""

from dataclasses import replace

import streamlit as st

from core.memorize import EXAMPLE_SENTENCE, MemorizeConfig
from core.memorize.presets import PRESETS, Preset
from core.runs import Run
from pages.ui import controls
from pages.ui.markdown import escape_markdown
from pages.ui.memorize import gradient_backend


def choose(preset: Preset) -> None:
    """Callback: set the controls to the preset's config."""
    config = preset.config
    st.session_state.update(
        sentence=config.sentence,
        memorize_lr=config.lr,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        memorize_epochs=config.epochs,
        memorize_seed=config.seed,
    )


def task() -> tuple[str, float]:
    """What is to be learned, and how fast: the sentence and the learning rate."""
    sentence = st.text_area("Sentence to memorise", EXAMPLE_SENTENCE, key="sentence", bind="query-params", height=90)
    with st.container(horizontal=True, gap="xsmall"):
        for preset in PRESETS:
            st.button(preset.name, on_click=choose, args=[preset], type="tertiary")
    return sentence, controls.learning_rate("memorize", MemorizeConfig.lr)


def settings(sentence: str, lr: float) -> MemorizeConfig | None:
    """The other controls. None, and a sentence that says why, where all of them together do not make a run."""
    more = st.expander("Size, epochs, seed, gradients", icon=":material/tune:")
    with more:
        hidden_size = st.select_slider(
            "Hidden size",
            [1, 2, 4, 8, 16, 32, 64, 128, 256],
            MemorizeConfig.hidden_size,
            key="hidden_size",
            bind="query-params",
            help="Units in each layer: how many numbers the network can remember between two characters.",
        )
        num_layers = st.slider("Layers", 1, 4, MemorizeConfig.num_layers, key="num_layers", bind="query-params")
        epochs = st.slider("Epochs", 50, 1000, MemorizeConfig.epochs, 50, key="memorize_epochs", bind="query-params")
        seed = controls.seed("memorize")
        backend = gradient_backend.choice()
    try:
        config = MemorizeConfig(sentence, hidden_size, num_layers, lr, epochs, seed, backend=backend)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    with more:
        gradient_backend.times(config)
    for preset in PRESETS:
        if preset.config == replace(config, backend=preset.config.backend):
            st.info(f"**{preset.name}.** {preset.watch}", icon=":material/visibility:")
    return config


def parent_of(run: Run | None, config: MemorizeConfig | None) -> str | None:
    """The run whose weights the next one is to begin with; None: it begins anew."""
    if run is None or not run.status.is_terminal or config is None:
        return None
    go_on = st.toggle(
        "Continue from the present weights",
        key="continue",
        help="Train goes on from what this network knows, with the learning rate and the sentence that are set now. "
        "Characters of both sentences keep what was learned about them. Off: it begins anew, from the seed.",
    )
    if not go_on:
        return None
    before, now = (layers_of(each.num_layers, each.hidden_size) for each in (run.config, config))
    if before != now:
        st.warning(
            f"The present weights are those of {before}: choose these sizes to continue from them. As it is set now, "
            "training begins anew.",
            icon=":material/straighten:",
        )
        return None
    return run.id


def layers_of(num_layers: int, hidden_size: int) -> str:
    """A network's size in words."""
    layers, units = "layer" if num_layers == 1 else "layers", "unit" if hidden_size == 1 else "units"
    return f"{num_layers} {layers} of {hidden_size} {units}"
