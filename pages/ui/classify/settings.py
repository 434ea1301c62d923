"""The controls of a run: a preset to start from, the pictures, the network, and how it learns."""

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from core.autograd.nn import ACTIVATIONS, INIT_STDS
from core.autograd.optim import OPTIMIZERS, SCHEDULES
from core.classify import ClassifyConfig, check_fits_dataset
from core.classify.augment import AUGMENTATIONS
from core.classify.datasets import DATASETS, DatasetError, DatasetInfo, get_info, is_custom
from core.classify.inputs import FEATURES
from core.classify.presets import PRESETS, TEACHING_DATASET
from core.training import changed_fields
from pages.ui import controls, run_panel
from pages.ui.classify import custom_data, layer_editor
from pages.ui.dataset_status import location_label
from pages.ui.markdown import escape_markdown

WIDGETS = {
    "lr": "classify_lr",
    "epochs": "classify_epochs",
    "seed": "classify_seed",
}  # others: the field's own name
SEES = {"pixels": "every pixel", "patches": "patch features"}
LAYERS_LIKE = ", ".join(map(str, ClassifyConfig.hidden))


def start() -> None:
    """The first controls: what to start from, and which pictures."""
    data_sets = known_data_sets()
    for name, known in {"preset": PRESETS, "dataset": data_sets, "features": FEATURES}.items():
        take_from_address(name, known)
    begin_with_the_preset()
    if wanted := st.session_state.pop("dataset_wanted", None):
        st.session_state["dataset"] = wanted
    st.selectbox(
        "Start from",
        list(PRESETS),
        format_func=lambda name: PRESETS[name].title,
        key="preset",
        on_change=take_preset,
    )
    st.caption(PRESETS[st.session_state["preset"]].text)
    st.selectbox(
        "Pictures",
        data_sets,
        format_func=name_and_place,
        key="dataset",
        on_change=suit_the_preset,
    )


def settings() -> ClassifyConfig | None:
    """The other controls. None, and a sentence that says why, where all of them do not make a run."""
    dataset = st.session_state["dataset"]
    features = st.segmented_control(
        "The network sees",
        FEATURES,
        default="pixels",
        required=True,
        format_func=SEES.get,
        key="features",
        on_change=suit_the_preset,
        help="Patch features compare every place of a picture with small patches of training pictures before the "
        "network sees anything. They are not learned; computing them takes a minute or more the first time.",
    )
    for name, default in {"preset": "report", "dataset": TEACHING_DATASET, "features": "pixels"}.items():
        keep_in_address(name, default)
    info = known_info(dataset)
    hidden = layer_editor.editor(LAYERS_LIKE)
    layers_place = st.container()
    lr = controls.learning_rate("classify", ClassifyConfig.lr)
    epochs = st.slider("Epochs", 1, 100, ClassifyConfig.epochs, key="classify_epochs", bind="query-params")
    with st.expander("More settings", icon=":material/tune:"):
        more = steering() | network() | pictures(features)
    custom_data.uploads()
    try:
        config = ClassifyConfig(dataset, layer_editor.sizes(hidden), lr, epochs=epochs, features=features, **more)
        if info:
            check_fits_dataset(config, info.train_size, info.image_shape, len(info.classes))
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return None
    with layers_place:
        layer_editor.count(config, info)
    return config


def steering() -> dict[str, Any]:
    """What may be changed while it learns."""
    st.markdown("**How it learns** · these may be moved while it does")
    return {
        "momentum": st.slider(
            "Momentum",
            0.0,
            0.99,
            ClassifyConfig.momentum,
            0.01,
            help="How much of the last step goes into the next one.",
            **steers("momentum"),
        ),
        "schedule": choice(
            "Schedule",
            list(SCHEDULES),
            "How the learning rate goes on its own: constant, in steps to a tenth, down along a "
            "cosine, or first up in small steps to warm up.",
            **steers("schedule"),
        ),
        "weight_decay": st.select_slider(
            "Weight decay",
            [0.0, 1e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2],
            ClassifyConfig.weight_decay,
            format_func=lambda decay: f"{decay:g}",
            help="How strongly every weight is pulled towards zero, so that it grows only where that pays.",
            **steers("weight_decay"),
        ),
        "batch_size": st.select_slider(
            "Batch size",
            [1, 10, 20, 50, 100, 200, 500, 1000],
            ClassifyConfig.batch_size,
            help="Pictures that are averaged over in each step.",
            **steers("batch_size"),
        ),
        "dropout": st.slider(
            "Dropout",
            0.0,
            0.9,
            ClassifyConfig.dropout,
            0.05,
            help="Share of the hidden units that rest in each step, so that none can rely on another alone.",
            **steers("dropout"),
        ),
    }


def network() -> dict[str, Any]:
    """What is decided before the first step."""
    st.markdown("**The network** · decided before the first step")
    return {
        "optimizer": choice(
            "Optimizer",
            list(OPTIMIZERS),
            "SGD steps as far as the gradient is long; Adam about equally far for every weight: give it a learning "
            "rate near 0.001.",
        ),
        "activation": choice("Activation", list(ACTIVATIONS), "What each hidden unit does with its weighted sum."),
        "initialisation": choice(
            "Initialisation",
            list(INIT_STDS),
            "How large the first weights are: he suits ReLUs, glorot suits tanh and sigmoid; the others go wrong, each "
            "in its way.",
        ),
        "seed": controls.seed("classify"),
    }


def pictures(features: str) -> dict[str, Any]:
    """What it learns from."""
    st.markdown("**What it learns from**")
    chosen: dict[str, Any] = {
        "augment": st.pills(
            "Augmentation",
            list(AUGMENTATIONS) if features == "pixels" else ["flip"],
            selection_mode="multi",
            key="augment",
            bind="query-params",
            help="Training pictures are changed at random at each step: shifted, mirrored, turned and slanted, or "
            "bent. Patch features are computed before, so of these only the mirror image can be had with them.",
        ),
        "train_size": st.select_slider(
            "Pictures to learn from",
            [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 0],
            ClassifyConfig.train_size,
            format_func=lambda size: f"{size:,}" if size else "all",
            key="train_size",
            bind="query-params",
        ),
        "shuffled_labels": st.toggle(
            "Deal the labels out at random",
            key="shuffled_labels",
            bind="query-params",
            help="Then there is nothing to understand. Is there anything to learn?",
        ),
    }
    if features == "patches":
        chosen["patches"] = st.select_slider(
            "Patches",
            [50, 100, 200, 400, 800, 1000, 1600],
            ClassifyConfig.patches,
            key="patches",
            bind="query-params",
            help="How many filters: half are cut from training pictures, half are these in the mirror. The time that "
            "features take grows with them.",
        )
        chosen["grid"] = st.slider(
            "Cells, a side",
            1,
            4,
            ClassifyConfig.grid,
            key="grid",
            bind="query-params",
            help="What a filter finds is added up in so many cells across and down: fewer know less of where it was.",
        )
    return chosen


def choice(label: str, names: Sequence[str], explanation: str, **options: Any) -> str:
    """A select box for a field of the config, whose name is the label's in small letters."""
    field = label.lower()
    default = names.index(getattr(ClassifyConfig, field))
    options = {"key": field, "bind": "query-params"} | options
    return st.selectbox(label, names, default, help=explanation, **options)


def steers(field: str) -> dict[str, Any]:
    """The options of a widget that steers the page's run while it goes on."""
    return {"key": field, "bind": "query-params", "on_change": run_panel.steer, "args": ["classify", field, field]}


def known_data_sets() -> list[str]:
    """Every data set that can be chosen here: the public ones, and this session's own, or the one in its address."""
    own = st.session_state.setdefault("own_data", [])
    named = st.query_params.get("dataset", "")
    if is_custom(named) and named not in own:
        own.append(named)
    return [*DATASETS, *own]


def known_info(dataset: str) -> DatasetInfo | None:
    try:
        return get_info(dataset)
    except DatasetError as error:
        st.error(escape_markdown(str(error)), icon=":material/cloud_off:")
        return None


def name_and_place(dataset: str) -> str:
    if not is_custom(dataset):
        return f"{DATASETS[dataset].title} · {location_label(DATASETS[dataset])}"
    try:
        info = get_info(dataset)
    except DatasetError:
        return "Your own pictures · no longer here"
    return f"Your own: {', '.join(info.classes)[:40]} · {info.train_size + info.test_size:,} pictures"


def take_from_address(name: str, known: Collection[str]) -> None:
    """Begin with what the address says. Streamlit's own binding would want the label there, which may change."""
    if name not in st.session_state and st.query_params.get(name) in known:
        st.session_state[name] = st.query_params[name]


def keep_in_address(name: str, default: str) -> None:
    """The other way round; what is at its default is not in the address."""
    if st.session_state[name] == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != st.session_state[name]:
        st.query_params[name] = st.session_state[name]


def begin_with_the_preset() -> None:
    """A preset that the address names fills in what the address does not say itself."""
    if "preset_config" in st.session_state:
        return
    state = st.session_state
    preset = PRESETS[state.get("preset", "report")]
    config = preset.config(state.get("dataset", TEACHING_DATASET), state.get("features", "pixels"))
    said = [*st.query_params, "dataset", "features"]
    fill_in(
        config, [field for field in changed_fields(ClassifyConfig(), config) if WIDGETS.get(field, field) not in said]
    )


def take_preset() -> None:
    """Callback: every control as the preset has it. One that shows something going wrong brings its pictures along."""
    preset = PRESETS[st.session_state["preset"]]
    dataset, features, seed = (st.session_state[key] for key in ("dataset", "features", "classify_seed"))
    config = preset.config(TEACHING_DATASET, seed=seed) if preset.teaching else preset.config(dataset, features, seed)
    fill_in(config, list(vars(config)))


def suit_the_preset() -> None:
    """Callback: with other pictures, or features of them, what the preset says differently of these is changed."""
    preset, before = PRESETS[st.session_state["preset"]], st.session_state["preset_config"]
    dataset, features, seed = (st.session_state[key] for key in ("dataset", "features", "classify_seed"))
    config = preset.config(dataset, features, seed)
    fill_in(config, list(changed_fields(before, config)))


def fill_in(config: ClassifyConfig, fields: list[str]) -> None:
    """Set the controls of these fields."""
    st.session_state["preset_config"] = config
    for field in fields:
        value = getattr(config, field)
        if field == "hidden":
            value = ", ".join(map(str, value))
        if field == "augment":
            value = list(value)
        st.session_state[WIDGETS.get(field, field)] = value
