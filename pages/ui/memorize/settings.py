"""The settings of a run."""

from dataclasses import replace
from urllib.parse import quote

import streamlit as st

from core.memorize import EXAMPLE_SENTENCE, MAX_CHARACTERS, MemorizeConfig
from core.memorize.presets import PRESETS
from core.runs import Run
from pages.ui import controls, run_panel
from pages.ui.lesson_link import settings_expander
from pages.ui.markdown import escape_markdown
from pages.ui.memorize import gradient_backend

MIN_EPOCHS, MAX_EPOCHS, MAX_LAYERS = 50, 1000, 4  # that the controls offer
LONGEST_IN_ADDRESS = 6_000  # characters, encoded; many servers reject an address of more than 8,000
SETTINGS = [  # keys of the widgets
    *("sentence", "memorize_lr", "memorize_preset", "hidden_size", "num_layers", "memorize_epochs", "memorize_seed"),
    *("backend", "continue"),
]


def use_settings_of(config: MemorizeConfig) -> None:
    """Set the controls to the config, as far as their ranges allow (callback)."""
    st.session_state.update(
        sentence=config.sentence,
        memorize_lr=config.lr,
        hidden_size=config.hidden_size,
        num_layers=min(config.num_layers, MAX_LAYERS),
        memorize_epochs=min(max(config.epochs, MIN_EPOCHS), MAX_EPOCHS),
        memorize_seed=config.seed,
    )


def choose_preset() -> None:
    """Set the controls to the chosen preset (callback)."""
    for preset in PRESETS:
        if preset.name == st.session_state["memorize_preset"]:
            use_settings_of(preset.config)


def settings() -> MemorizeConfig | None:
    """Show the settings and return the config. If it is invalid, show why beside the setting and return None."""
    sentence = st.text_area(
        "Sentence to memorise",
        EXAMPLE_SENTENCE,
        key="sentence",
        bind="query-params" if fits_address(st.session_state.get("sentence", "")) else None,
        height=110,
    )
    limits = run_panel.run_access().limits()
    controls.limit_note("sentence", limits.max_characters, MAX_CHARACTERS)
    problem = st.empty()
    lr = controls.learning_rate("memorize", MemorizeConfig.lr)
    preset = st.container()
    hidden_size = controls.select_slider(
        "Hidden size",
        [1, 2, 4, 8, 16, 32, 64, 128, 256],
        MemorizeConfig.hidden_size,
        key="hidden_size",
        bind="query-params",
        help="Units per layer: how many numbers each layer can remember from one character to the next.",
    )
    controls.limit_note("hidden_size", limits.max_hidden_size, 256)
    num_layers = st.slider("Layers", 1, MAX_LAYERS, MemorizeConfig.num_layers, key="num_layers", bind="query-params")
    epochs = st.slider(
        "Epochs", MIN_EPOCHS, MAX_EPOCHS, MemorizeConfig.epochs, 50, key="memorize_epochs", bind="query-params"
    )
    controls.limit_note("memorize_epochs", limits.max_memorize_epochs, 1000)
    more = settings_expander("memorize", "Seed and gradients", key="seed_and_gradients", icon=":material/tune:")
    with more:
        seed = controls.seed("memorize")
        backend = gradient_backend.backend_selector()
    try:
        config = MemorizeConfig(
            sentence, hidden_size=hidden_size, num_layers=num_layers, lr=lr, epochs=epochs, seed=seed, backend=backend
        )
    except ValueError as error:
        problem.error(escape_markdown(str(error)), icon=":material/edit:")
        with preset:
            preset_selector(None)
        return None
    with preset:
        preset_selector(config)
    with more:
        gradient_backend.timing_button(config)
    st.toggle(
        "Continue from the shown run",
        key="continue",
        help="On: training starts from the weights of the run that the page shows, with the settings above. "
        "Characters that both sentences share keep what was learned about them. Off: training starts from new random "
        "weights.",
    )
    return config


def fits_address(sentence: str) -> bool:
    """Return whether a page whose address contains the sentence can be reloaded."""
    return len(sentence) <= LONGEST_IN_ADDRESS and len(quote(sentence)) <= LONGEST_IN_ADDRESS


def preset_selector(config: MemorizeConfig | None) -> None:
    """Show the presets, and what to watch in the chosen one.

    It is the one that gives this config, or the one chosen last if only the learning rate has been changed: some
    presets ask for that.
    """
    key = "memorize_preset"
    if key not in st.session_state.get(run_panel.LOCKED, ()):
        configs = {preset.name: preset.config for preset in PRESETS}
        last = configs.get(st.session_state.get(key) or "")
        if config is None or last is None or replace(config, lr=last.lr, backend=last.backend) != last:
            st.session_state[key] = None
        for name, each in configs.items():
            if config and replace(config, backend=each.backend) == each:
                st.session_state[key] = name
    chosen = st.selectbox(
        "Preset",
        [preset.name for preset in PRESETS],
        index=None,
        placeholder="Choose an experiment",
        key=key,
        on_change=choose_preset,
    )
    with st.container(key=f"note_{key}"):
        for preset in PRESETS:
            if preset.name == chosen:
                st.caption(f":material/visibility: {preset.watch}")


def continue_from(run: Run, config: MemorizeConfig) -> str | None:
    """Return the id of the run whose weights Train starts from; None: new weights.

    Raises ValueError if the run's weights do not fit the settings.
    """
    if not st.session_state.get("continue"):
        return None
    current, chosen = (format_layers(each.num_layers, each.hidden_size) for each in (run.config, config))
    if current != chosen:
        raise ValueError(
            f"The shown run has {current}, but the settings are {chosen}. Choose the same sizes to continue from it, "
            "or turn off **Continue from the shown run**."
        )
    return run.id


def format_layers(num_layers: int, hidden_size: int) -> str:
    """Format the size of a network, such as "2 layers of 64 units"."""
    layers, units = "layer" if num_layers == 1 else "layers", "unit" if hidden_size == 1 else "units"
    return f"{num_layers} {layers} of {hidden_size} {units}"
