"""Presets: settings to start from, each with two sentences on what to watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from core.plane.config import PlaneConfig


class Preset(NamedTuple):
    """Settings with a name.

    Attributes:
        title: a few words.
        text: two sentences for a student. A test verifies every claim.
        config: the settings.
    """

    title: str
    text: str
    config: PlaneConfig


NOISY = PlaneConfig(
    dataset="moons", n_points=40, validation=0.5, noise=0.5, hidden=(16, 16), lr=0.1, batch_size=20, epochs=1_000
)
WEDGE = PlaneConfig(dataset="formula", formula="3*abs(x) - 5", n_points=300, noise=0.0, hidden=(2,), lr=0.1)
SPIRAL = PlaneConfig(
    dataset="spiral", n_points=400, noise=0.02, hidden=(8, 8, 8), optimizer="adam", lr=0.01, epochs=400
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "no-hidden-layer": Preset(
            "No hidden layer",
            "Without a hidden layer, the boundary is one straight line, and no line separates the two classes of XOR. "
            "Add a hidden layer of eight units and train again: the boundary bends.",
            PlaneConfig(dataset="xor", hidden=()),
        ),
        "two-lines": Preset(
            "Two units draw two lines",
            "Each hidden unit draws one line across the plane, and two lines bound the wedge of one class. Remove one "
            "of the units, and the network finds only one side of the wedge.",
            WEDGE,
        ),
        "width": Preset(
            "Width for circles",
            "Three units draw three lines, which close around the inner class. With two units, the boundary stays open "
            "on one side, and no number of epochs closes it.",
            PlaneConfig(dataset="circles", hidden=(3,), lr=0.1, epochs=300),
        ),
        "depth": Preset(
            "Depth for the spiral",
            "Three layers of 8 units separate the arms of the spiral: each layer bends what the layer before has bent. "
            "One layer of 32 units has almost as many weights, but it does not get nearly as far in as many epochs.",
            SPIRAL,
        ),
        "overfit": Preset(
            "Overfitting 20 noisy points",
            "With only 20 noisy training points, a large network soon gets every one of them right, and its training "
            "loss goes to 0. Its validation loss falls, turns and rises, because the boundary follows the noise.",
            NOISY,
        ),
        "regularisation": Preset(
            "Weight decay smooths",
            "The same 20 points and the same network as in overfitting, but weight decay keeps the weights small. The "
            "probabilities change more gently across the boundary, and the validation loss rises less.",
            replace(NOISY, weight_decay=0.01),
        ),
        "dead-relus": Preset(
            "Dead ReLUs",
            "The steps are so large that they push almost all ReLUs of the second layer below zero for every point. No "
            "gradient passes through a ReLU at zero, so they stay dead, even if you lower the learning rate.",
            PlaneConfig(dataset="moons", hidden=(8, 8), activation="relu", initialisation="he", lr=3.0, epochs=100),
        ),
        "rate-too-high": Preset(
            "Learning rate too high",
            "Each step goes too far past the minimum, to a point with a higher loss, so the loss jumps about and stays "
            "high. Train again with a tenth of the learning rate, and it falls to almost 0.",
            PlaneConfig(dataset="circles", hidden=(8, 8), lr=3.0, epochs=100),
        ),
        "activations": Preset(
            "Sigmoid, tanh or ReLU",
            "ReLUs draw a boundary of straight pieces with corners; with tanh or sigmoid, it is a smooth curve. Change "
            "the activation and train again: sigmoid needs the most epochs, because it passes on the least gradient.",
            PlaneConfig(dataset="circles", hidden=(6,), activation="relu", initialisation="he", lr=0.05, epochs=300),
        ),
        "features": Preset(
            "Features instead of layers",
            "With the inputs x² and y², circles can be separated without a hidden layer, because x² + y² is the "
            "squared distance from the centre. With x and y instead, such a network fails.",
            PlaneConfig(dataset="circles", features=("x2", "y2"), hidden=(), epochs=100),
        ),
    }
)
