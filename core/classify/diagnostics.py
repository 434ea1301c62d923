"""Diagnostics of a trained network: confusion matrix, worst mistakes, layer health, principal components."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from core.autograd.nn import Linear


@dataclass(frozen=True)
class LayerHealth:
    """A linear layer and the activations that follow it.

    Attributes:
        gradient_ratio: norm of the last step's gradient divided by the norm of the weights.
        dead: fraction of its ReLUs that are 0 for every probe image. No gradient passes through them, so they rarely
            recover. None if no ReLU follows.
    """

    gradient_ratio: float
    dead: float | None


def layer_health(layers: Iterable[Linear], activations: list[np.ndarray], relu: bool) -> tuple[LayerHealth, ...]:
    """Return gradient-to-weight ratio and dead-ReLU fraction of every linear layer, input first.

    Args:
        layers: linear layers after a backward pass.
        activations: (images, units) of each hidden layer.
        relu: whether the activations are those of ReLUs.
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
    """Count how often each true class (row) was predicted as each class (column): (classes, classes) integers."""
    return np.bincount(labels * classes + predictions, minlength=classes**2).reshape(classes, classes)


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray, n: int) -> np.ndarray:
    """Return the indices of at most n misclassified images, the most confident mistake first.

    probabilities: (images, classes).
    """
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    confidence = probabilities[wrong, predictions[wrong]]
    return wrong[np.argsort(-confidence, kind="stable")[:n]]


def principal_components(activations: np.ndarray, n: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Project rows onto their n principal components. Also return the explained fractions of the variance.

    activations: (images, units) -> (images, n), (n,). The sign of each component is chosen so that its largest entry
    is positive; otherwise points would jump between updates. Pearson, "On lines and planes of closest fit" (1901).
    """
    missing = max(0, n - min(activations.shape))  # with fewer units than n, further components are 0
    centered = np.pad(activations - activations.mean(axis=0), ((0, missing), (0, missing)))
    _, deviations, directions = np.linalg.svd(centered, full_matrices=False)
    directions = directions[:n]
    largest = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    variances = deviations**2
    projected = centered @ (directions * np.sign(largest)[:, None]).T
    return projected[: len(activations)], variances[:n] / (variances.sum() or 1.0)


def align(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Turn and mirror points so that they lie as close as possible to the same points in another picture.

    Distances between the points stay as they are. (points, n), (points, n) -> (points, n).
    Schönemann, "A generalized solution of the orthogonal Procrustes problem" (1966).
    """
    left, _, right = np.linalg.svd(points.T @ reference)
    return points @ (left @ right)
