"""Presets: four settings that give good results, and eight that each demonstrate one failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from core.classify.config import ClassifyConfig

TEACHING_DATASET = "mnist-5k"  # built in, and trained on in seconds


@dataclass(frozen=True)
class Preset:
    """Settings to start from.

    Attributes:
        title: a few words.
        text: two sentences for a student.
        settings: fields of ClassifyConfig that differ from their defaults.
        digits: further differences for handwritten digits.
        colours: further differences for CIFAR-10.
        whitened: further differences for whitened pixels, besides those for a dataset.
        patches: differences for patch features, instead of those for a dataset.
        dataset: name of the dataset it is meant for; empty if for any.
        features: the network input it is meant for; empty if for any.
    """

    title: str
    text: str
    settings: Mapping[str, Any]
    digits: Mapping[str, Any] = field(default_factory=dict)
    colours: Mapping[str, Any] = field(default_factory=dict)
    whitened: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = ""
    features: str = ""

    def config(self, dataset: str, features: str = "pixels", seed: int = 0) -> ClassifyConfig:
        """Return the preset's config for a dataset and input features (see ClassifyConfig)."""
        settings = dict(self.settings)
        if features == "patches":
            settings.update(self.patches)
        elif dataset.startswith("mnist"):
            settings.update(self.digits)
        elif dataset == "cifar10":
            settings.update(self.colours)
        if features == "whitened":
            settings.update(self.whitened)
        if dataset.startswith("mnist"):  # a mirrored digit is often no digit
            for name, mirroring in (("augment", "flip"), ("average", "mirror")):
                settings[name] = tuple(kind for kind in settings.get(name, ()) if kind != mirroring)
        return ClassifyConfig(dataset, seed=seed, features=features, **settings)


def teaching(title: str, text: str, **settings: Any) -> Preset:
    """Make a preset that demonstrates a failure."""
    return Preset(title, text, settings, dataset=TEACHING_DATASET, features="pixels")


BEST = Preset(
    "Best",
    "A wide network and augmented images: pixels are shifted, rotated, bent or mirrored at random, patch features only "
    "mirrored. Training takes minutes, and with digits the training accuracy stays below the validation accuracy, "
    "because the augmented images are harder.",
    {"hidden": (1024, 512), "epochs": 40, "schedule": "warmup", "dropout": 0.1, "label_smoothing": 0.1}
    | {"augment": ("flip",)},
    digits={"lr": 0.2, "batch_size": 200, "weight_decay": 5e-5, "dropout": 0.0, "epochs": 130}
    | {"augment": ("shift", "rotate", "elastic"), "average": ("shifts",)},
    colours={"lr": 0.02, "weight_decay": 1e-3, "epochs": 100, "augment": ("shift", "flip"), "average": ("mirror",)},
    whitened={"hidden": (1536, 512), "lr": 0.01, "weight_decay": 1.5e-3, "dropout": 0.0, "epochs": 90}
    | {"average": ("mirror", "shifts")},
    patches={"patches": 1600, "grid": 3, "threshold": 1.0, "augment": ("flip",), "average": ("mirror",)}
    | {"hidden": (512,), "epochs": 30, "dropout": 0.3, "label_smoothing": 0.1, "optimizer": "adam"}
    | {"lr": 2e-4, "batch_size": 200, "weight_decay": 0.0},
)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "baseline": Preset(
            "Baseline",
            "A multilayer perceptron with two hidden layers, trained without augmentation. It trains for 20 epochs, or "
            "for 30 on the pixels of CIFAR-10.",
            {},
            colours={"epochs": 30, "lr": 0.02},
            patches={"lr": 0.01, "dropout": 0.3},
        ),
        "fast": Preset(
            "Fast",
            "A small network and five epochs give most of the accuracy in seconds. Good for a first try.",
            {"hidden": (64,), "epochs": 5},
            colours={"lr": 0.02},
            patches={"lr": 0.01, "patches": 100},
        ),
        "best": BEST,
        "long": replace(
            BEST,
            title="Long",
            text="The most accurate network here: patch features of CIFAR-10's images, which are shifted and mirrored "
            "at random. Features are recomputed in each step, so training takes more than an hour; keep the page open.",
            patches={**BEST.patches, "augment": ("shift", "flip")},
            dataset="cifar10",
            features="patches",
        ),
        "rate-too-high": teaching(
            "Learning rate too high",
            "Each step goes beyond the minimum and ends where the loss is higher: the loss jumps about and never "
            "falls. Train again with a tenth of the learning rate, and it does fall.",
            lr=0.5,
            schedule="constant",
            activation="tanh",
            initialisation="glorot",
            epochs=10,
        ),
        "rate-too-low": teaching(
            "Learning rate too low",
            "Each step goes in the right direction but is tiny: the loss falls in a straight line, and after 20 epochs "
            "it is still high. Raise the learning rate during training and watch the line bend.",
            lr=1e-4,
            momentum=0.0,
            schedule="constant",
        ),
        "no-hidden-layer": teaching(
            "No hidden layer",
            "Without a hidden layer, each class is one weighted sum of the pixels: a single template for all its "
            "images. It learns fast, stops at about 90 % accuracy, and its weights can be viewed as images.",
            hidden=(),
        ),
        "twenty-layers": teaching(
            "Twenty layers deep",
            "Each sigmoid passes on at most a quarter of the gradient, so after 20 of them almost nothing reaches the "
            "first layers, and they never learn. Compare the layers' gradients under Diagnostics, then try relu with "
            "he initialisation.",
            hidden=(64,) * 20,
            activation="sigmoid",
            initialisation="glorot",
            epochs=10,
        ),
        "dead-relus": teaching(
            "Dead ReLUs",
            "The initial weights are so large that the first steps push nearly all ReLUs of the second layer below "
            "zero for every image. No gradient passes through a ReLU at zero, so they stay dead, and nothing more is "
            "learned.",
            initialisation="large",
            lr=0.01,
            schedule="constant",
            epochs=10,
        ),
        "overfit": teaching(
            "Overfitting 200 images",
            "With only 200 training images, the network soon memorises every one, and its training loss goes to 0. "
            "The validation loss turns and rises, because the network learned these images and not what a digit is.",
            train_size=200,
            weight_decay=0.0,
            schedule="constant",
            epochs=60,
        ),
        "all-zero": teaching(
            "All weights zero",
            "If all initial weights are zero, all units of a layer compute the same and pass back no gradient, so no "
            "unit can become different from the others. The loss stays at ln 10 = 2.30, that of guessing.",
            initialisation="zero",
            epochs=5,
        ),
        "shuffled-labels": teaching(
            "Shuffled labels",
            "The labels of 500 images are shuffled, so there is nothing to understand, but the network still memorises "
            "them. On new images it does no better than guessing, and its validation loss soars.",
            train_size=500,
            hidden=(512,),
            shuffled_labels=True,
            weight_decay=0.0,
            epochs=60,
        ),
    }
)
