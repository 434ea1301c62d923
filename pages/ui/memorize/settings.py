"""The settings of a run."""

from dataclasses import replace

import streamlit as st

from core.memorize import EXAMPLE_SENTENCE, MemorizeConfig
from core.memorize.presets import PRESETS, Preset
from core.runs import Run
from pages.ui import controls
from pages.ui.markdown import escape_markdown
from pages.ui.memorize import gradient_backend


def apply_preset(preset: Preset) -> None:
    """Set the controls to the preset's config (callback)."""
    config = preset.config
    st.session_state.update(
        sentence=config.sentence,
        memorize_lr=config.lr,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        memorize_epochs=config.epochs,
        memorize_seed=config.seed,
    )


def task_controls() -> tuple[str, float]:
    """Show the essential controls, with the presets. Return the sentence and the learning rate."""
    sentence = st.text_area("Sentence to memorise", EXAMPLE_SENTENCE, key="sentence", bind="query-params", height=90)
    with st.container(horizontal=True, gap="xsmall"):
        for preset in PRESETS:
            st.button(preset.name, on_click=apply_preset, args=[preset], type="tertiary")
    return sentence, controls.learning_rate("memorize", MemorizeConfig.lr)


def config_controls(sentence: str, lr: float) -> MemorizeConfig | None:
    """Show the other controls and return the config. If it is invalid, show why and return None."""
    more = st.expander("Size, epochs, seed, gradients", icon=":material/tune:")
    with more:
        hidden_size = st.select_slider(
            "Hidden size",
            [1, 2, 4, 8, 16, 32, 64, 128, 256],
            MemorizeConfig.hidden_size,
            key="hidden_size",
            bind="query-params",
            help="Units per layer: how many numbers each layer can remember from one character to the next.",
        )
        num_layers = st.slider("Layers", 1, 4, MemorizeConfig.num_layers, key="num_layers", bind="query-params")
        epochs = st.slider("Epochs", 50, 1000, MemorizeConfig.epochs, 50, key="memorize_epochs", bind="query-params")
        seed = controls.seed("memorize")
        backend = gradient_backend.backend_selector()
    try:
        config = MemorizeConfig(sentence, hidden_size, num_layers, lr, epochs, seed, backend=backend)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    with more:
        gradient_backend.timing_button(config)
    for preset in PRESETS:
        if preset.config == replace(config, backend=preset.config.backend):
            st.info(f"**{preset.name}.** {preset.watch}", icon=":material/visibility:")
    return config


def continue_from(run: Run | None, config: MemorizeConfig | None) -> str | None:
    """Show the "continue" toggle. Return the id of the run whose weights to start from, None for new weights."""
    if run is None or not run.status.is_terminal or config is None:
        return None
    wanted = st.toggle(
        "Continue from the current weights",
        key="continue",
        help="On: training starts from the weights of this run, with the sentence and the learning rate set above. "
        "Characters that both sentences share keep what was learned about them. Off: training starts from new random "
        "weights.",
    )
    if not wanted:
        return None
    current, chosen = (format_layers(each.num_layers, each.hidden_size) for each in (run.config, config))
    if current != chosen:
        st.warning(
            f"The current weights are for {current}. Choose those sizes to continue from them; otherwise training "
            "starts from new weights.",
            icon=":material/straighten:",
        )
        return None
    return run.id


def format_layers(num_layers: int, hidden_size: int) -> str:
    """Format the size of a network, such as "2 layers of 64 units"."""
    layers, units = "layer" if num_layers == 1 else "layers", "unit" if hidden_size == 1 else "units"
    return f"{num_layers} {layers} of {hidden_size} {units}"
