"""Looking into a network: which classes it takes for which, what it gets most wrong, and how its layers are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from core.autograd.nn import Linear


@dataclass(frozen=True)
class LayerHealth:
    """A linear layer and the activations that follow it.

    gradient_ratio: length of the last step's gradient over length of the weights: how large a share of itself the layer
    would move at a learning rate of 1. dead: share of its ReLUs that are 0 for every picture looked at: no gradient
    passes them, so they cannot come back; None where no ReLU follows.
    """

    gradient_ratio: float
    dead: float | None


def layer_health(layers: Iterable[Linear], activations: list[np.ndarray], relu: bool) -> tuple[LayerHealth, ...]:
    """How each linear layer is, from the pictures on.

    layers: after a backward pass. activations: of each hidden layer (pictures, units). relu: whether they are ReLUs'.
    """
    health = []
    for number, layer in enumerate(layers):
        weight = float(np.linalg.norm(layer.weight.data))
        gradient = 0.0 if layer.weight.grad is None else float(np.linalg.norm(layer.weight.grad))
        hidden = relu and number < len(activations)
        dead = float((activations[number] <= 0).all(axis=0).mean()) if hidden else None
        health.append(LayerHealth(gradient / weight if weight else 0.0, dead))
    return tuple(health)


def confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """How many pictures of each class (row) were taken for each class (column): (classes, classes) whole numbers."""
    return np.bincount(labels * classes + predictions, minlength=classes**2).reshape(classes, classes)


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray, n: int) -> np.ndarray:
    """The numbers of the pictures that were got wrong, the most confident mistake first; at most n.

    probabilities: (pictures, classes).
    """
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    confidence = probabilities[wrong, predictions[wrong]]
    return wrong[np.argsort(-confidence, kind="stable")[:n]]


def principal_components(activations: np.ndarray, n: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """The n directions along which the rows differ most: each row's place along them, and their shares of the variance.

    activations: (pictures, units) -> (pictures, n), (n,). Of the two signs of a direction, the one is taken in which
    its largest part is positive, so that pictures do not jump. Pearson, "On lines and planes of closest fit" (1901).
    """
    missing = max(0, n - min(activations.shape))  # fewer units than n: they do not differ in further directions
    centered = np.pad(activations - activations.mean(axis=0), ((0, missing), (0, missing)))
    _, deviations, directions = np.linalg.svd(centered, full_matrices=False)
    directions = directions[:n]
    largest = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    variances = deviations**2
    places = centered @ (directions * np.sign(largest)[:, None]).T
    return places[: len(activations)], variances[:n] / (variances.sum() or 1.0)
