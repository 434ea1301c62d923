"""Settings of a run: preset and dataset, network, training and data."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import streamlit as st

from core.autograd.nn import ACTIVATIONS, INIT_STDS
from core.autograd.optim import OPTIMIZERS, SCHEDULES
from core.classify import ClassifyConfig, check_fits_dataset, fit_batch_size
from core.classify.augment import AUGMENTATIONS
from core.classify.copies import COPIES
from core.classify.datasets import DATASETS, DatasetError, DatasetInfo, get_info, is_custom
from core.classify.inputs import FEATURES, PATCH_AUGMENTATIONS
from core.classify.presets import PRESETS, TEACHING_DATASET
from core.training import changed_fields
from pages.ui import controls, run_panel
from pages.ui.classify import custom_data, layer_editor
from pages.ui.classify.initial_weights import initial_weights_controls
from pages.ui.controls import read_query_param, write_query_param
from pages.ui.dataset_status import location_label
from pages.ui.lesson_link import settings_expander
from pages.ui.markdown import escape_markdown

WIDGET_KEYS = {"lr": "classify_lr", "epochs": "classify_epochs", "seed": "classify_seed"}  # others: the field's name
DEFAULTS = {"preset": "baseline", "dataset": TEACHING_DATASET, "features": "pixels"}
MAX_EPOCHS, MAX_MOMENTUM, MAX_GRID, MAX_THRESHOLD = 200, 0.99, 4, 2.0  # of the sliders; a loaded config may have more
MAXIMA = {"epochs": MAX_EPOCHS, "momentum": MAX_MOMENTUM, "grid": MAX_GRID, "threshold": MAX_THRESHOLD}
SETTINGS = [
    "preset",
    *(WIDGET_KEYS.get(field.name, field.name) for field in fields(ClassifyConfig)),
    "classify_continue",
]
HIDDEN_DEFAULT = ", ".join(map(str, ClassifyConfig.hidden))


def settings() -> ClassifyConfig | None:
    """Show all settings, the essential ones first. Return the config; None, and an error, if they are invalid."""
    info = preset_and_dataset()
    hidden = layer_editor.editor(HIDDEN_DEFAULT)
    limits = run_panel.run_access().limits()
    controls.limit_note("hidden", limits.max_layer_width, layer_editor.MAX_WIDTH)
    about_layers = st.container()
    lr = controls.learning_rate("classify", ClassifyConfig.lr)
    epochs = st.slider("Epochs", 1, MAX_EPOCHS, ClassifyConfig.epochs, key="classify_epochs", bind="query-params")
    controls.limit_note("classify_epochs", limits.max_classify_epochs, MAX_EPOCHS)
    problem = st.container()
    with settings_expander("classify", "Training", key="training_settings", icon=":material/tune:"):
        more = live_settings()
    with settings_expander("classify", "Network and seed", key="network_settings", icon=":material/hub:"):
        more |= network_settings()
    with settings_expander("classify", "Training data", key="data_settings", icon=":material/database:"):
        features = input_selector()
        more |= data_settings(features)
    with settings_expander("classify", "Initial weights", key="initial_weights", icon=":material/fast_rewind:"):
        initial_weights_controls()
    custom_data.upload_controls()
    for name, default in DEFAULTS.items():
        write_query_param(name, default)
    try:
        layers = layer_editor.parse_layers(hidden)
    except ValueError as error:
        about_layers.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    try:
        config = ClassifyConfig(st.session_state["dataset"], layers, lr, epochs=epochs, features=features, **more)
        if info:
            config, note = fit_batch_size(config, info.train_size)
            if note:
                problem.caption(note)
            check_fits_dataset(config, info.train_size, info.image_shape, len(info.classes))
    except ValueError as error:
        problem.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    with about_layers:
        layer_editor.show_parameter_count(config, info)
    return config


def preset_and_dataset() -> DatasetInfo | None:
    """Show the first settings, preset and dataset. Return the dataset's description; None if it is not available."""
    datasets = available_datasets()
    for name, known in {"preset": PRESETS, "dataset": datasets, "features": FEATURES}.items():
        read_query_param(name, known)
    init_from_preset()
    if new := st.session_state.pop("new_dataset", None):
        st.session_state["dataset"] = new
    st.selectbox(
        "Preset",
        list(PRESETS),
        format_func=lambda name: PRESETS[name].title,
        key="preset",
        on_change=apply_preset,
    )
    st.container(key="note_preset").caption(PRESETS[st.session_state["preset"]].text)
    st.selectbox("Dataset", datasets, format_func=dataset_label, key="dataset", on_change=update_preset)
    return dataset_info(st.session_state["dataset"])


def input_selector() -> str:
    """Show the choice of the network's input."""
    selected = st.segmented_control(
        "Network input",
        list(FEATURES),
        default="pixels",
        required=True,
        format_func=FEATURES.__getitem__,
        key="features",
        on_change=update_preset,
        help="Whitened pixels are decorrelated (ZCA whitening), so that edges stand out. "
        "Patch features measure how similar each part of an image is to small patches of training images. Both are "
        "computed before training and not learned; the first time takes a minute or more.",
    )
    return selected or "pixels"


def live_settings() -> dict[str, Any]:
    """Show the settings that can be changed while the run is training."""
    st.caption("Can be changed while training.")
    return {
        "momentum": st.slider(
            "Momentum",
            0.0,
            MAX_MOMENTUM,
            ClassifyConfig.momentum,
            0.01,
            help="Fraction of the previous step that is added to the next one.",
            **live_widget("momentum"),
        ),
        "schedule": config_select(
            "Schedule",
            list(SCHEDULES),
            "How the learning rate changes over the run. constant: not at all; step: divided by 10 after each third; "
            "cosine: falls to 0 along a cosine; warmup: rises briefly, then falls like cosine.",
            **live_widget("schedule"),
        ),
        "weight_decay": controls.select_slider(
            "Weight decay",
            [0.0, 1e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1.5e-3, 2e-3, 5e-3, 1e-2],
            ClassifyConfig.weight_decay,
            format_func=lambda decay: f"{decay:g}",
            help="How strongly every weight is pulled towards 0, so that only useful weights grow.",
            **live_widget("weight_decay"),
        ),
        "batch_size": controls.select_slider(
            "Batch size",
            [1, 10, 20, 50, 100, 200, 500, 1000],
            ClassifyConfig.batch_size,
            help="Number of training images per step.",
            **live_widget("batch_size"),
        ),
        "dropout": st.slider(
            "Dropout",
            0.0,
            0.9,
            ClassifyConfig.dropout,
            0.05,
            help="Fraction of the hidden units switched off at random in each step, so that no unit can rely on "
            "another one.",
            **live_widget("dropout"),
        ),
        "label_smoothing": st.slider(
            "Label smoothing",
            0.0,
            0.9,
            ClassifyConfig.label_smoothing,
            0.05,
            help="Probability that is taken from the target class and spread evenly over all classes, so that the "
            "network does not become overconfident. The training loss then stays above 0; the validation loss is "
            "measured without it.",
            **live_widget("label_smoothing"),
        ),
    }


def network_settings() -> dict[str, Any]:
    """Show the settings of the network, which are fixed once training starts."""
    st.caption("Fixed once training starts.")
    return {
        "optimizer": config_select(
            "Optimizer",
            list(OPTIMIZERS),
            "sgd: the step is proportional to the gradient. adam: the step has about the same size for every weight; "
            "use a learning rate near 0.001.",
        ),
        "activation": config_select(
            "Activation", list(ACTIVATIONS), "The function that each hidden unit applies to its weighted sum."
        ),
        "initialisation": config_select(
            "Initialisation",
            list(INIT_STDS),
            "The size of the initial weights. he suits ReLUs, glorot suits tanh and sigmoid; each of the others "
            "demonstrates a failure.",
        ),
        "seed": controls.seed("classify"),
    }


def data_settings(features: str) -> dict[str, Any]:
    """Show the settings of the training data, which are fixed once training starts."""
    st.caption("Fixed once training starts.")
    chosen: dict[str, Any] = {
        "augment": st.pills(
            "Augmentation",
            list(PATCH_AUGMENTATIONS if features == "patches" else AUGMENTATIONS),
            selection_mode="multi",
            key="augment",
            bind="query-params",
            help="Random changes to the training images in each step: shifted, mirrored, rotated or bent. With patch "
            "features, images can only be shifted and mirrored. Shifts require that features are recomputed in each "
            "step, which takes several times as long.",
        ),
        "average": st.pills(
            "Average predictions over",
            ["mirror"] if features == "patches" else list(COPIES),
            selection_mode="multi",
            key="average",
            bind="query-params",
            help="Test-time augmentation: at the end, accuracy is measured a second time, with predictions averaged "
            "over copies of each image: its mirror image, and shifts by one pixel in four directions. It does not "
            "change the training.",
        ),
        "train_size": controls.select_slider(
            "Training images",
            [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 0],
            ClassifyConfig.train_size,
            format_func=lambda size: f"{size:,}" if size else "all",
            key="train_size",
            bind="query-params",
            help="The network learns from this many images of the dataset; validation and test images are extra.",
        ),
        "shuffled_labels": st.toggle(
            "Shuffle the labels",
            key="shuffled_labels",
            bind="query-params",
            help="The labels then carry no information. Does the training loss still fall?",
        ),
    }
    if features == "patches":
        chosen["patches"] = controls.select_slider(
            "Patches",
            [50, 100, 200, 400, 800, 1000, 1600],
            ClassifyConfig.patches,
            key="patches",
            bind="query-params",
            help="Number of filters. Half are cut from training images, the others are their mirror images. More take "
            "longer to compute.",
        )
        chosen["grid"] = st.slider(
            "Pooling grid size",
            1,
            MAX_GRID,
            ClassifyConfig.grid,
            key="grid",
            bind="query-params",
            help="Filter responses are averaged over a grid of this size. A coarser grid keeps less position "
            "information.",
        )
        chosen["threshold"] = st.slider(
            "Threshold",
            0.0,
            MAX_THRESHOLD,
            ClassifyConfig.threshold,
            0.25,
            key="threshold",
            bind="query-params",
            help="Subtracted from the strength of every filter response; what falls below 0 counts as 0. So only "
            "regions that resemble the filter count.",
        )
    return chosen


def config_select(label: str, names: Sequence[str], explanation: str, **options: Any) -> str:
    """Show a select box for the config field whose name is the label in lower case."""
    field = label.lower()
    default = names.index(getattr(ClassifyConfig, field))
    options = {"key": field, "bind": "query-params"} | options
    return st.selectbox(label, names, default, help=explanation, **options)


def live_widget(field: str) -> dict[str, Any]:
    """Return the options of a widget that also changes this field of the page's active run."""
    return {"key": field, "bind": "query-params", "on_change": run_panel.steer, "args": ["classify", field, field]}


def available_datasets() -> list[str]:
    """Return the names of all public datasets, and of this session's custom ones or the one in its address."""
    custom = st.session_state.setdefault("custom_datasets", [])
    requested = st.query_params.get("dataset", "")
    if is_custom(requested) and requested not in custom:
        custom.append(requested)
    return [*DATASETS, *custom]


def dataset_info(dataset: str) -> DatasetInfo | None:
    """Describe the dataset; if that fails, show the error and return None."""
    try:
        return get_info(dataset)
    except DatasetError as error:
        st.error(escape_markdown(str(error)), icon=":material/cloud_off:")
        return None


def dataset_label(dataset: str) -> str:
    """Return a dataset's title and where it is; for a custom one, its classes and its size."""
    if not is_custom(dataset):
        return f"{DATASETS[dataset].title} · {location_label(DATASETS[dataset])}"
    try:
        info = get_info(dataset)
    except DatasetError:
        return "Custom dataset · deleted"
    return f"Custom: {', '.join(info.classes)[:40]} · {info.train_size + info.test_size:,} images"


def init_from_preset() -> None:
    """Start with the settings of the preset in the address, except those that the address contains, too."""
    if "preset_config" in st.session_state:
        return
    values = {name: st.session_state.get(name, default) for name, default in DEFAULTS.items()}
    config = PRESETS[values["preset"]].config(values["dataset"], values["features"])
    given = [*st.query_params, "dataset", "features"]
    set_widgets(
        config,
        [field for field in changed_fields(ClassifyConfig(), config) if WIDGET_KEYS.get(field, field) not in given],
    )


def apply_preset() -> None:
    """Callback: set all widgets to the preset. One that is meant for a dataset and a network input sets these, too."""
    preset = PRESETS[st.session_state["preset"]]
    dataset, features, seed = (st.session_state[key] for key in ("dataset", "features", "classify_seed"))
    config = preset.config(preset.dataset or dataset, preset.features or features, seed)
    set_widgets(config, list(vars(config)))


def use_settings_of(config: ClassifyConfig) -> None:
    """Set all widgets to the config (callback)."""
    custom = st.session_state.setdefault("custom_datasets", [])
    if is_custom(config.dataset) and config.dataset not in custom:
        custom.append(config.dataset)
    st.session_state["dataset"], st.session_state["features"] = config.dataset, config.features
    set_widgets(config, [field for field in vars(config) if field not in ("dataset", "features")])


def update_preset() -> None:
    """Callback: the dataset or the network input changed; set the widgets for which the preset now differs."""
    preset, before = PRESETS[st.session_state["preset"]], st.session_state["preset_config"]
    dataset, features, seed = (st.session_state[key] for key in ("dataset", "features", "classify_seed"))
    config = preset.config(dataset, features, seed)
    set_widgets(config, list(changed_fields(before, config)))


def set_widgets(config: ClassifyConfig, fields: list[str]) -> None:
    """Set the widgets of these fields to the config's values."""
    st.session_state["preset_config"] = config
    for field in fields:
        value = getattr(config, field)
        if field == "hidden":
            value = ", ".join(map(str, value))
        if field in ("augment", "average"):
            value = list(value)
        if field in MAXIMA:
            value = min(value, MAXIMA[field])
        st.session_state[WIDGET_KEYS.get(field, field)] = value
