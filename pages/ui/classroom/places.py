"""The pages and tabs that a teacher can close, and the controls that a teacher can lock."""

from typing import Any, NamedTuple

from core.classify import ClassifyConfig
from core.classify.presets import TEACHING_DATASET
from core.memorize import EXAMPLE_SENTENCE, MemorizeConfig
from core.plane import PlaneConfig

PAGES = {"memorize": "Memorize", "classify": "Classify", "plane": "Points", "autograd": "Autograd", "runs": "Runs"}
# The first tab of a page cannot be closed, only the page.
TABS = {
    "memorize": [
        *("Cell", "Gates", "Predictions", "Dependencies", "Generate", "Cell comparison", "Memory limit", "Download"),
    ],
    "classify": ["Confusion matrix", "Diagnostics", "Own image", "Compare runs", "Download"],
    "plane": ["Compare runs", "Download"],
    "autograd": ["Gradient check", "Training step", "Network", "Break-it lab", "Exercises"],
}


class Control(NamedTuple):
    """A control that can be locked.

    Attributes:
        page: where it is.
        label: what it is called there.
        default: its value before anybody has changed it.
    """

    page: str
    label: str
    default: Any


CONTROLS = {
    "sentence": Control("memorize", "Sentence to memorise", EXAMPLE_SENTENCE),
    "memorize_lr": Control("memorize", "Learning rate", MemorizeConfig.lr),
    "hidden_size": Control("memorize", "Hidden size", MemorizeConfig.hidden_size),
    "num_layers": Control("memorize", "Layers", MemorizeConfig.num_layers),
    "memorize_epochs": Control("memorize", "Epochs", MemorizeConfig.epochs),
    "memorize_seed": Control("memorize", "Seed", MemorizeConfig.seed),
    "preset": Control("classify", "Preset", "baseline"),
    "dataset": Control("classify", "Dataset", TEACHING_DATASET),
    "hidden": Control("classify", "Hidden layers", ", ".join(map(str, ClassifyConfig.hidden))),
    "classify_lr": Control("classify", "Learning rate", ClassifyConfig.lr),
    "classify_epochs": Control("classify", "Epochs", ClassifyConfig.epochs),
    "momentum": Control("classify", "Momentum", ClassifyConfig.momentum),
    "batch_size": Control("classify", "Batch size", ClassifyConfig.batch_size),
    "dropout": Control("classify", "Dropout", ClassifyConfig.dropout),
    "label_smoothing": Control("classify", "Label smoothing", ClassifyConfig.label_smoothing),
    "optimizer": Control("classify", "Optimizer", ClassifyConfig.optimizer),
    "activation": Control("classify", "Activation", ClassifyConfig.activation),
    "classify_seed": Control("classify", "Seed", ClassifyConfig.seed),
    "plane_preset": Control("plane", "Preset", "own settings"),
    "plane_dataset": Control("plane", "Dataset", PlaneConfig.dataset),
    "plane_hidden": Control("plane", "Hidden layers", ", ".join(map(str, PlaneConfig.hidden))),
    "plane_activation": Control("plane", "Activation", PlaneConfig.activation),
    "plane_lr": Control("plane", "Learning rate", PlaneConfig.lr),
    "plane_epochs": Control("plane", "Epochs", PlaneConfig.epochs),
    "plane_seed": Control("plane", "Seed", PlaneConfig.seed),
}


def place_label(place: str) -> str:
    """Return a page or tab as a teacher reads it: "memorize/Gates" -> "Memorize: Gates"."""
    page, _, tab = place.partition("/")
    return f"{PAGES.get(page, page)}: {tab}" if tab else PAGES.get(page, page)


def all_places() -> list[str]:
    """Return all pages, each followed by its tabs."""
    return [place for page in PAGES for place in (page, *(f"{page}/{tab}" for tab in TABS.get(page, [])))]


def control_label(key: str) -> str:
    """Return a control as a teacher reads it."""
    control = CONTROLS[key]
    return f"{PAGES[control.page]}: {control.label}"
