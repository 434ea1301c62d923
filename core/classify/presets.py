"""Settings worth starting from: three to get results with, and eight that each show one thing going wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.classify import ClassifyConfig

TEACHING_DATASET = (
    "mnist-5k"  # the pictures that the teaching presets are about: everybody has them, and they take seconds
)


@dataclass(frozen=True)
class Preset:
    """A starting point.

    title: a few words. text: two sentences for a student. settings: fields of ClassifyConfig that are not at their
    defaults. digits, colours, patches: what differs further for handwritten digits, for pictures in colour, and where
    the network sees patch features. teaching: whether it shows something going wrong, on the pictures of TEACHING_DATASET.
    """

    title: str
    text: str
    settings: Mapping[str, Any]
    digits: Mapping[str, Any] = field(default_factory=dict)
    colours: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Any] = field(default_factory=dict)
    teaching: bool = False

    def config(self, dataset: str, features: str = "pixels", seed: int = 0) -> ClassifyConfig:
        """The run that it stands for, with these pictures. dataset, features: see ClassifyConfig."""
        settings = dict(self.settings)
        if features == "patches":
            settings |= self.patches | {"features": features}
        elif dataset.startswith("mnist"):
            settings |= self.digits
        elif dataset == "cifar10":
            settings |= self.colours
        return ClassifyConfig(dataset, seed=seed, **settings)


def teaching(title: str, text: str, **settings: Any) -> Preset:
    return Preset(title, text, settings, teaching=True)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "report": Preset(
            "As in the report",
            "A plain multilayer perceptron with two hidden layers. Every picture is seen as it is, once an epoch: 20 "
            "epochs, or 30 in colour.",
            {},
            colours={"epochs": 30, "lr": 0.02},
            patches={"lr": 0.01, "dropout": 0.3},
        ),
        "fast": Preset(
            "Fast",
            "A small network and five epochs: most of the accuracy in seconds. Good for trying something out.",
            {"hidden": (64,), "epochs": 5},
            colours={"lr": 0.02},
            patches={"lr": 0.01, "patches": 100},
        ),
        "best": Preset(
            "Best",
            "A wide network, and pictures that are changed a little at random: their pixels moved, turned, bent or "
            "mirrored, their patch features only mirrored. It takes minutes, and with digits its training accuracy "
            "stays below its validation accuracy: the practice is harder than the exam.",
            {
                **{"hidden": (1024, 512), "epochs": 40, "schedule": "warmup", "weight_decay": 1e-5},
                **{"augment": ("shift", "flip")},
            },
            digits={"augment": ("shift", "rotate", "elastic"), "epochs": 80},
            colours={"lr": 0.02, "weight_decay": 1e-4, "dropout": 0.1},
            patches={
                **{"patches": 1600, "augment": ("flip",), "hidden": (1024,), "epochs": 30, "dropout": 0.5},
                **{"optimizer": "adam", "lr": 2e-4, "batch_size": 200, "weight_decay": 0.0},
            },
        ),
        "rate-too-high": teaching(
            "Learning rate too high",
            "Each step leaps across the valley and lands higher up on the other side: the loss jumps about and never "
            "falls. Train again with a tenth of the learning rate, and it does.",
            **{"lr": 0.5, "schedule": "constant", "activation": "tanh", "initialisation": "glorot", "epochs": 10},
        ),
        "rate-too-low": teaching(
            "Learning rate too low",
            "Each step goes the right way, but hardly anywhere: the loss falls in a straight line, and after 20 epochs "
            "it is still far up. Move the learning rate up while it runs, and see the line bend.",
            **{"lr": 1e-4, "momentum": 0.0, "schedule": "constant"},
        ),
        "no-hidden-layer": teaching(
            "No hidden layer",
            "Without a hidden layer each class is one weighted sum of the pixels: a single template for all its "
            "pictures. It learns fast, stops at about nine in ten, and its weights can be read as pictures.",
            hidden=(),
        ),
        "twenty-layers": teaching(
            "Twenty layers deep",
            "Each sigmoid passes on at most a quarter of the gradient, so after 20 of them next to nothing reaches the "
            "first layers: they never learn. Compare the layers' gradients below, then try ReLUs with he.",
            **{"hidden": (64,) * 20, "activation": "sigmoid", "initialisation": "glorot", "epochs": 10},
        ),
        "dead-relus": teaching(
            "Dead ReLUs",
            "The first weights are so large that the first steps push nearly all ReLUs of the second layer below zero "
            "for every picture. No gradient passes a ReLU at zero, so they stay dead, and nothing more is learned.",
            **{"initialisation": "large", "lr": 0.01, "schedule": "constant", "epochs": 10},
        ),
        "overfit": teaching(
            "Overfitting 200 pictures",
            "With 200 pictures to learn from, the network soon knows every one by heart: its training loss goes to 0. "
            "The validation loss turns and rises, as it learned these pictures and not what a digit is.",
            **{"train_size": 200, "weight_decay": 0.0, "schedule": "constant", "epochs": 60},
        ),
        "all-zero": teaching(
            "All weights zero",
            "If all first weights are zero, all units of a layer do the same and pass back nothing: no unit can become "
            "different from its neighbour. The loss stays at ln 10 = 2.30, that of guessing.",
            **{"initialisation": "zero", "epochs": 5},
        ),
        "shuffled-labels": teaching(
            "Labels shuffled",
            "The labels of 500 pictures are dealt out at random, so there is nothing to understand: the network learns "
            "them all the same, by heart. On new pictures it is as good as guessing, and its validation loss soars.",
            **{"train_size": 500, "hidden": (512,), "shuffled_labels": True, "weight_decay": 0.0, "epochs": 60},
        ),
    }
)
