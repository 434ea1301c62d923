"""Input features: what the network receives for a point of the plane.

Coordinates reach from -6 to 6; they are divided by SCALE, so that no feature is much larger than the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LIMIT = 6  # the plane reaches from -LIMIT to LIMIT in both directions
SCALE = 3.0


class Feature(NamedTuple):
    """An input feature.

    Attributes:
        label: for a diagram.
        formula: in Python.
        compute: from the coordinates x and y to the feature.
        needs_y: whether it depends on y.
    """

    label: str
    formula: str
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]
    needs_y: bool = True


FEATURES: dict[str, Feature] = {
    "x": Feature("x", "x / 3", lambda x, y: x / SCALE, needs_y=False),
    "y": Feature("y", "y / 3", lambda x, y: y / SCALE),
    "x2": Feature("x²", "(x / 3)**2", lambda x, y: (x / SCALE) ** 2, needs_y=False),
    "y2": Feature("y²", "(y / 3)**2", lambda x, y: (y / SCALE) ** 2),
    "xy": Feature("x·y", "(x / 3) * (y / 3)", lambda x, y: (x / SCALE) * (y / SCALE)),
    "sin_x": Feature("sin x", "sin(x)", lambda x, y: np.sin(x), needs_y=False),
    "sin_y": Feature("sin y", "sin(y)", lambda x, y: np.sin(y)),
}


def compute_features(names: tuple[str, ...], points: np.ndarray) -> np.ndarray:
    """Compute the network's inputs. points: (n, 2) -> (n, features) float32."""
    x, y = np.asarray(points, np.float64).T
    return np.stack([FEATURES[name].compute(x, y) for name in names], axis=1).astype(np.float32)
