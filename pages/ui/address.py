"""What the addresses of the pages may contain, and what of it is not understood."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from core.lessons.link import RESERVED
from pages.ui.kept_settings import ENTERED
from pages.ui.markdown import escape_markdown

# The settings that a lesson link can hide, by page and by their key, which is also their name in the address.
CONTROLS: Mapping[str, Mapping[str, str]] = {
    "memorize": {
        "sentence": "Sentence",
        "memorize_lr": "Learning rate",
        "memorize_preset": "Preset",
        "hidden_size": "Hidden size",
        "num_layers": "Layers",
        "memorize_epochs": "Epochs",
        "memorize_seed": "Seed",
        "backend": "Gradients",
        "continue": "Continue from the shown run",
    },
    "classify": {
        "preset": "Preset",
        "dataset": "Dataset",
        "hidden": "Hidden layers",
        "classify_lr": "Learning rate",
        "classify_epochs": "Epochs",
        "momentum": "Momentum",
        "schedule": "Schedule",
        "weight_decay": "Weight decay",
        "batch_size": "Batch size",
        "dropout": "Dropout",
        "label_smoothing": "Label smoothing",
        "optimizer": "Optimizer",
        "activation": "Activation",
        "initialisation": "Initialisation",
        "classify_seed": "Seed",
        "features": "Network input",
        "augment": "Augmentation",
        "average": "Average predictions over",
        "train_size": "Training images",
        "shuffled_labels": "Shuffle the labels",
        "patches": "Patches",
        "grid": "Pooling grid size",
        "threshold": "Threshold",
        "classify_continue": "Initial weights",
        "custom_data": "Upload your images",
    },
    "plane": {
        "plane_preset": "Preset",
        "plane_task": "Task",
        "plane_dataset": "Dataset",
        "plane_points": "Own points",
        "plane_formula": "Formula of x and y",
        "plane_features": "Inputs of the network",
        "plane_hidden": "Hidden layers",
        "plane_activation": "Activation",
        "plane_lr": "Learning rate",
        "plane_epochs": "Epochs",
        "plane_classes": "Classes",
        "plane_n_points": "Points",
        "plane_noise": "Noise",
        "plane_validation": "Held out for validation",
        "plane_momentum": "Momentum",
        "plane_weight_decay": "Weight decay",
        "plane_batch_size": "Batch size",
        "plane_optimizer": "Optimizer",
        "plane_initialisation": "Initialisation",
        "plane_seed": "Seed",
        "plane_continue": "Initial weights",
    },
    "autograd": {
        "formula": "Formula",
        "example": "Examples",
        "value_": "Variables",
        "step_lr": "Learning rate of Training step",
        "network": "Model",
        "network_view": "View of Network",
        "network_lr": "Learning rate of Network",
        "network_seed": "Seed of Network",
        "fault": "Case",
        "exercise": "Exercise",
    },
}
# Expanders in the sidebar, by their key: each is hidden with the last of its settings.
EXPANDERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "memorize": {"seed_and_gradients": ("memorize_seed", "backend")},
    "classify": {
        "training_settings": ("momentum", "schedule", "weight_decay", "batch_size", "dropout", "label_smoothing"),
        "network_settings": ("optimizer", "activation", "initialisation", "classify_seed"),
        "data_settings": (
            *("features", "augment", "average", "train_size", "shuffled_labels"),
            *("patches", "grid", "threshold"),
        ),
        "initial_weights": ("classify_continue",),
        "custom_data": ("custom_data",),
    },
    "plane": {
        "plane_point_settings": ("plane_classes", "plane_n_points", "plane_noise", "plane_validation"),
        "plane_training_settings": ("plane_momentum", "plane_weight_decay", "plane_batch_size"),
        "plane_network_settings": ("plane_optimizer", "plane_initialisation", "plane_seed"),
        "plane_initial_weights": ("plane_continue",),
    },
}
# Further names in addresses; one that ends with _ stands for all names that begin with it.
OTHERS: Mapping[str, tuple[str, ...]] = {
    "memorize": ("temperature", "quantity", "unit_order", "prediction_mode", "limit_"),
    "autograd": ("step",),
    "lessons": ("lesson",),
    "classroom": ("class_tab",),
}
EVERYWHERE = ("run", "class", "view", "move", "back", *RESERVED)
SHOWN_AT_MOST = 3  # wrong names
COUNTED_AT_MOST = 50  # wrong names; an address may contain any number
GIVEN, PROBLEMS = "address_given", "address_problems"  # session state


def known_names(page: str) -> list[str]:
    """Return the names that the page's address may contain."""
    return [*CONTROLS.get(page, ()), *OTHERS.get(page, ()), "tab", *EVERYWHERE]


def is_known(name: str, page: str) -> bool:
    """Return whether the page's address may contain this name. Streamlit's own names begin with "embed"."""
    return name.startswith("embed") or any(
        name == known or (known.endswith("_") and name.startswith(known)) for known in known_names(page)
    )


def unknown_name(name: str, page: str) -> str:
    """Return what is wrong with a name that the page does not know, and which one may be meant."""
    known = [each for each in known_names(page) if not each.endswith("_")]
    similar = [each for each in known if each.endswith(f"_{name}")] or difflib.get_close_matches(name, known, 1, 0.75)
    hint = f" Did you mean {escape_markdown(similar[0])}?" if similar else ""
    return f"This page has no setting {escape_markdown(name[:40])}.{hint}"


def note_address(page: str) -> None:
    """Note what the address contains before Streamlit drops what it cannot use. Call it before the page runs."""
    if st.session_state.get(ENTERED):
        st.session_state[GIVEN], st.session_state[PROBLEMS] = {}, []
    given = st.session_state.setdefault(GIVEN, {})
    for name in st.query_params:
        if name not in given and name not in EVERYWHERE:
            given[name] = st.query_params.get_all(name)[-1]


def add_problem(sentence: str) -> None:
    """Note something in the address that is ignored, once."""
    problems = st.session_state.setdefault(PROBLEMS, [])
    if len(problems) < COUNTED_AT_MOST and sentence not in problems:
        problems.append(sentence)


def report_problems(page: str, place: Any) -> None:
    """Show in `place` which names and values of the address are ignored. Call it after the page has run."""
    for name, value in st.session_state.setdefault(GIVEN, {}).items():
        if value is None:
            continue
        st.session_state[GIVEN][name] = None  # judged
        if not is_known(name, page):
            add_problem(unknown_name(name, page))
        elif name not in st.query_params and name in st.session_state and not means(value, st.session_state[name]):
            add_problem(
                f"{escape_markdown(name)} cannot be {escape_markdown(value[:40])} here, so it is "
                f"{escape_markdown(as_text(st.session_state[name])[:40])}."
            )
    if problems := st.session_state.get(PROBLEMS):
        more = len(problems) - SHOWN_AT_MOST
        text = " ".join(problems[:SHOWN_AT_MOST]) + (f" And {more} more." if more > 0 else "")
        place.warning(f"Part of the address is ignored. {text}", icon=":material/link_off:")


def as_text(value: Any) -> str:
    """Return a widget's value as text."""
    return ", ".join(map(str, value)) or "empty" if isinstance(value, list) else str(value)


def means(text: str, value: Any) -> bool:
    """Return whether a text in an address stands for a widget's value, or for one of several."""
    if isinstance(value, list):
        return any(means(text, each) for each in value)
    with suppress(ValueError):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(text.replace(",", "")) == value
    return text.lower() == str(value).lower()
