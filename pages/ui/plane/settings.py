"""Settings of a run on points in a plane: preset, points, network and training."""

from dataclasses import fields
from typing import Any

import streamlit as st

from core.autograd.nn import ACTIVATIONS, INIT_STDS
from core.autograd.optim import OPTIMIZERS
from core.plane import DATASETS, PlaneConfig, allowed_features
from core.plane.config import MAX_WIDTH, OWN, TASKS, WITH_FORMULA
from core.plane.features import FEATURES
from core.plane.presets import PRESETS
from core.training import changed_fields
from pages.ui import controls, run_panel
from pages.ui.classify import layer_editor
from pages.ui.classify.initial_weights import initial_weights_controls
from pages.ui.controls import read_query_param, write_query_param
from pages.ui.lesson_link import settings_expander
from pages.ui.markdown import escape_markdown
from pages.ui.plane import own_points
from pages.ui.plane.network import points_of, set_points

PRESET, CUSTOM, CONFIG = "plane_preset", "own settings", "plane_preset_config"
MAX_EPOCHS, MAX_MOMENTUM, MAX_POINTS = 1_000, 0.99, 1_000  # of the sliders; a loaded config may have more
MAXIMA = {"epochs": MAX_EPOCHS, "momentum": MAX_MOMENTUM, "n_points": MAX_POINTS}
HIDDEN_DEFAULT = ", ".join(map(str, PlaneConfig.hidden))
CHOICES = {"task": (PlaneConfig.task, TASKS), "dataset": (PlaneConfig.dataset, tuple(DATASETS))}
SETTINGS = [
    PRESET,
    *(f"plane_{field.name}" for field in fields(PlaneConfig) if field.name != "edits"),
    "plane_continue",
    "plane_pasted",
]
LIVE = {"momentum", "weight_decay", "batch_size"}


def settings() -> PlaneConfig | None:
    """Show all settings, the essential ones first. Return the config; None, and an error, if they are invalid."""
    own_points.read_address()
    preset_selector()
    task, dataset = task_and_dataset()
    about_points = st.container()
    if dataset in OWN:
        own_points.show_inputs(dataset)
    if dataset in WITH_FORMULA:
        st.text_input("Formula of x and y", PlaneConfig.formula, **widget("formula"), max_chars=300)
    chosen: dict[str, Any] = {"features": feature_selector(dataset)}
    hidden = layer_editor.editor(HIDDEN_DEFAULT, key="plane_hidden", new_layer=4)
    limits = run_panel.run_access().limits()
    controls.limit_note("plane_hidden", limits.max_layer_width, MAX_WIDTH)
    about_layers = st.container()
    chosen["activation"] = st.selectbox(
        "Activation",
        list(ACTIVATIONS),
        list(ACTIVATIONS).index(PlaneConfig.activation),
        help="The function that each hidden unit applies to its weighted sum.",
        **widget("activation"),
    )
    chosen["lr"] = controls.learning_rate("plane", PlaneConfig.lr)
    chosen["epochs"] = st.slider("Epochs", 10, MAX_EPOCHS, PlaneConfig.epochs, 10, **widget("epochs"))
    with settings_expander("plane", "Points", key="plane_point_settings", icon=":material/scatter_plot:"):
        chosen |= point_settings(dataset)
    with settings_expander("plane", "Training", key="plane_training_settings", icon=":material/tune:"):
        chosen |= training_settings()
    with settings_expander("plane", "Network and seed", key="plane_network_settings", icon=":material/hub:"):
        chosen |= network_settings()
    with settings_expander("plane", "Initial weights", key="plane_initial_weights", icon=":material/fast_rewind:"):
        initial_weights_controls("plane")
    if dataset in OWN:
        chosen["points"] = st.session_state.get("plane_points", ())
    own_points.write_address(dataset in OWN)
    for name, (default, _) in CHOICES.items():
        write_query_param(f"plane_{name}", default)
    write_query_param(PRESET, CUSTOM)
    if dataset in WITH_FORMULA:
        chosen["formula"] = st.session_state["plane_formula"]
    try:
        layers = layer_editor.parse_layers(hidden)
        check_layers(layers)
    except ValueError as error:
        about_layers.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    try:
        config = PlaneConfig(task, dataset, hidden=layers, **chosen)
        points_of(config)
    except ValueError as error:
        about_points.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    about_layers.caption(f"{' → '.join(map(str, config.sizes))}: **{config.parameter_count:,} parameters**")
    return config


def check_layers(layers: tuple[int, ...]) -> None:
    """Raise ValueError, with a sentence, if these hidden layers are too many or too large."""
    PlaneConfig(hidden=layers)


def preset_selector() -> None:
    """Show the presets, and what to watch in the chosen one."""
    read_query_param(PRESET, PRESETS)
    if CONFIG not in st.session_state:
        start = PRESETS[st.session_state[PRESET]].config if st.session_state.get(PRESET) in PRESETS else PlaneConfig()
        given = list(st.query_params)
        set_widgets(start, [name for name in changed_fields(PlaneConfig(), start) if f"plane_{name}" not in given])
    options = [CUSTOM, *PRESETS]
    st.selectbox(
        "Preset",
        options,
        format_func=lambda name: PRESETS[name].title if name in PRESETS else "Own settings",
        key=PRESET,
        on_change=apply_preset,
    )
    if st.session_state[PRESET] in PRESETS:
        st.caption(PRESETS[st.session_state[PRESET]].text)


def task_and_dataset() -> tuple[str, str]:
    """Show the choice of the task and of its datasets."""
    for name, (_, known) in CHOICES.items():
        read_query_param(f"plane_{name}", known)
    state = st.session_state
    if state.get("plane_dataset") in DATASETS and "plane_task" not in state:
        state["plane_task"] = DATASETS[state["plane_dataset"]].task
    task = st.segmented_control(
        "Task",
        TASKS,
        default=PlaneConfig.task,
        required=True,
        format_func=str.capitalize,
        key="plane_task",
        help="Classification: which class is a point of? Regression: which value does a function have there?",
    )
    datasets = [name for name, info in DATASETS.items() if info.task == task]
    if state.get("plane_dataset") not in datasets:
        state["plane_dataset"] = PlaneConfig.dataset if PlaneConfig.dataset in datasets else datasets[1]
    dataset = st.selectbox(
        "Dataset",
        datasets,
        format_func=lambda name: DATASETS[name].title,
        key="plane_dataset",
    )
    return task, dataset


def feature_selector(dataset: str) -> tuple[str, ...]:
    """Show the choice of the network's inputs."""
    known = list(allowed_features(dataset))
    key = "plane_features"
    if before := st.session_state.get(key):  # none at all is the student's choice, and explained
        st.session_state[key] = [name for name in before if name in known] or known[:1]
    chosen = st.pills(
        "Inputs of the network",
        known,
        selection_mode="multi",
        default=[name for name in PlaneConfig.features if name in known],
        format_func=lambda name: FEATURES[name].label,
        help="Computed from the coordinates of a point. With the right inputs, a network needs no hidden layer.",
        key=key,
        bind="query-params",
    )
    return tuple(chosen)


def point_settings(dataset: str) -> dict[str, Any]:
    """Show the settings of the points, which are fixed once training starts."""
    chosen: dict[str, Any] = {}
    st.caption("Fixed once training starts.")
    if dataset not in OWN:
        if (most := DATASETS[dataset].classes) > 2:
            chosen["classes"] = st.slider("Classes", 2, most, PlaneConfig.classes, **widget("classes"))
        chosen["n_points"] = st.slider("Points", 10, MAX_POINTS, PlaneConfig.n_points, 10, **widget("n_points"))
        chosen["noise"] = st.slider(
            "Noise",
            0.0,
            1.0,
            PlaneConfig.noise,
            0.05,
            help="How far points are scattered or, for a regression, how far their values are off.",
            **widget("noise"),
        )
    chosen["validation"] = st.slider(
        "Held out for validation",
        0.0,
        0.5,
        PlaneConfig.validation,
        0.05,
        format="percent",
        help="The fraction of the points that the network does not learn from. They are drawn as rings.",
        **widget("validation"),
    )
    return chosen


def training_settings() -> dict[str, Any]:
    """Show the settings that can be changed while the run is training."""
    st.caption("Can be changed while training.")
    return {
        "momentum": st.slider(
            "Momentum",
            0.0,
            MAX_MOMENTUM,
            PlaneConfig.momentum,
            0.01,
            help="Fraction of the previous step that is added to the next one.",
            **widget("momentum"),
        ),
        "weight_decay": controls.select_slider(
            "Weight decay",
            [0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1],
            PlaneConfig.weight_decay,
            format_func=lambda decay: f"{decay:g}",
            help="How strongly every weight is pulled towards 0, which makes the boundary smoother.",
            **widget("weight_decay"),
        ),
        "batch_size": controls.select_slider(
            "Batch size",
            [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
            PlaneConfig.batch_size,
            help="Number of training points per step.",
            **widget("batch_size"),
        ),
    }


def network_settings() -> dict[str, Any]:
    """Show the settings of the network, which are fixed once training starts."""
    st.caption("Fixed once training starts.")
    return {
        "optimizer": st.selectbox(
            "Optimizer",
            list(OPTIMIZERS),
            list(OPTIMIZERS).index(PlaneConfig.optimizer),
            help="sgd: the step is proportional to the gradient. adam: the step has about the same size for every "
            "weight; use a learning rate near 0.01.",
            **widget("optimizer"),
        ),
        "initialisation": st.selectbox(
            "Initialisation",
            list(INIT_STDS),
            list(INIT_STDS).index(PlaneConfig.initialisation),
            help="The size of the initial weights. he suits ReLUs, glorot suits tanh and sigmoid; each of the others "
            "demonstrates a failure.",
            **widget("initialisation"),
        ),
        "seed": controls.seed("plane"),
    }


def widget(field: str) -> dict[str, Any]:
    """Return the options of the widget of a config's field. One of LIVE also changes it in the page's active run."""
    key = f"plane_{field}"
    options: dict[str, Any] = {"key": key, "bind": "query-params"}
    if field in LIVE:
        options |= {"on_change": run_panel.steer, "args": ["plane", field, key]}
    return options


def apply_preset() -> None:
    """Callback: set all widgets to the preset."""
    if st.session_state[PRESET] in PRESETS:
        set_widgets(PRESETS[st.session_state[PRESET]].config, [field.name for field in fields(PlaneConfig)])


def use_settings_of(config: PlaneConfig) -> None:
    """Set all widgets to the config (callback)."""
    set_widgets(config, [field.name for field in fields(PlaneConfig)])


def set_widgets(config: PlaneConfig, names: list[str]) -> None:
    """Set the widgets of these fields to the config's values."""
    st.session_state[CONFIG] = config
    for name in names:
        value = getattr(config, name)
        if name == "edits":
            continue
        if name == "points":
            if config.dataset in OWN:
                set_points(value)
            continue
        if name == "classes" and config.task == "regression":
            continue
        if name == "hidden":
            value = ", ".join(map(str, value))
        if name == "features":
            value = list(value)
        if name in MAXIMA:
            value = min(value, MAXIMA[name])
        st.session_state[f"plane_{name}"] = value
