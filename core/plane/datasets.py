"""Points in a plane: generated from a config's seed, or a student's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.plane.config import DATASETS, OWN, PlaneConfig
from core.plane.features import LIMIT
from core.plane.formula import parse_formula, sides, values

TEST_POINTS = 500
STREAMS = {"points": 0, "noise": 1, "split": 2, "test points": 3, "test noise": 4, "training": 5}


@dataclass(frozen=True)
class PlaneData:
    """The points of a run.

    Attributes:
        points: (n, 2) float64, with y = 0 for a function of x.
        targets: (n,) labels, or target values as float32.
        training: indices of the training points.
        validation: indices of the validation points; may be empty.
        test_points: (m, 2), generated in the same way; none for own points.
        test_targets: (m,).
    """

    points: np.ndarray
    targets: np.ndarray
    training: np.ndarray
    validation: np.ndarray
    test_points: np.ndarray
    test_targets: np.ndarray


def random_stream(config: PlaneConfig, name: str) -> np.random.Generator:
    """Return the generator of one of the STREAMS. So more noise, for example, moves the same points further."""
    return np.random.default_rng([config.seed, STREAMS[name]])


def make(config: PlaneConfig) -> PlaneData:
    """Generate the points of a config and split them.

    Raises ValueError with a sentence for a student if the network could learn nothing from them.
    """
    if config.dataset in OWN:
        own = np.array(config.points, np.float64)
        points, targets = own[:, :2], _typed(config, own[:, 2])
        test_points, test_targets = points[:0], targets[:0]
    else:
        points, targets = _generate(config, config.n_points, "")
        test_points, test_targets = _generate(config, TEST_POINTS, "test ")
    training, validation = _split(config, targets)
    if config.task == "classification" and len(np.unique(targets[training])) < 2:
        raise ValueError(
            f"All {len(training):,} training points are of one class. Use more points, or another boundary."
        )
    return PlaneData(points, targets, training, validation, test_points, test_targets)


def _generate(config: PlaneConfig, count: int, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    shape, noise = random_stream(config, f"{prefix}points"), random_stream(config, f"{prefix}noise")
    points, targets = GENERATORS[config.dataset](config, count, shape)
    if config.task == "classification":
        points = np.clip(points + NOISE * config.noise * noise.standard_normal(points.shape), -LIMIT, LIMIT)
    else:
        targets = targets + config.noise * noise.standard_normal(targets.shape)
    return points, _typed(config, targets)


def _typed(config: PlaneConfig, targets: np.ndarray) -> np.ndarray:
    return targets.astype(np.int64 if config.task == "classification" else np.float32)


def _split(config: PlaneConfig, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices for training and for validation, the same fraction of every class."""
    rng = random_stream(config, "split")
    groups = targets if config.task == "classification" else np.zeros(len(targets), int)
    validation: list[np.ndarray] = []
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        validation.append(members[: math.floor(config.validation * len(members) + 0.5)][: len(members) - 1])
    chosen = np.sort(np.concatenate(validation))
    return np.setdiff1d(np.arange(len(targets)), chosen), chosen


NOISE = 2.0  # standard deviation, in units of the plane, at noise 1


def _labels(config: PlaneConfig, count: int) -> np.ndarray:
    """Return labels in turn, so that all classes have as many points, up to one."""
    return np.arange(count) % config.classes


def _blobs(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Round clouds whose centres are evenly spaced on a circle."""
    labels = _labels(config, count)
    angles = 2 * np.pi * labels / config.classes + np.pi / 4
    centres = 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return centres + 0.6 * rng.standard_normal((count, 2)), labels


def _circles(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A disc, and rings around it."""
    labels = _labels(config, count)
    width = 5.4 / (2 * config.classes - 1)  # of the disc, of each ring and of each gap
    inner = 2 * width * labels
    radii = np.sqrt(inner**2 + rng.random(count) * ((inner + width) ** 2 - inner**2))  # evenly spread over the area
    angles = 2 * np.pi * rng.random(count)
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1), labels


def _xor(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four squares; those that touch only at a corner are of the same class."""
    labels = _labels(config, count)
    sizes = rng.uniform(0.4, 5, (count, 2))
    right = np.where(np.arange(count) // 2 % 2, 1, -1)
    above = np.where(labels == 1, right, -right)
    return sizes * np.stack([right, above], axis=1), labels


def _moons(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles, one turned into the other."""
    labels = _labels(config, count)
    angles = np.pi * rng.random(count)
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lower = np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], axis=1)
    return 3 * (np.where(labels[:, None] == 0, upper, lower) - [0.5, 0.25]), labels


def _spiral(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Arms that wind around the centre."""
    labels = _labels(config, count)
    along = np.sqrt(rng.random(count))  # 0 at the centre, 1 at the end of the arm
    angles = 2 * np.pi * (4 * along + labels) / config.classes
    return 5.5 * along[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1), labels


def _formula(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    points = rng.uniform(-LIMIT, LIMIT, (count, 2))
    found = sides(parse_formula(config.formula), points)
    _check_defined(config, found)
    return points, (found > 0).astype(int)


def _surface(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    points = rng.uniform(-LIMIT, LIMIT, (count, 2))
    found = values(parse_formula(config.formula), points)
    _check_defined(config, found)
    return points, found


def _check_defined(config: PlaneConfig, found: np.ndarray) -> None:
    if not np.isfinite(found).all():
        raise ValueError(
            f"The formula {config.formula} has no value at {np.count_nonzero(~np.isfinite(found)):,} of the points. "
            "Change it so that it never divides by 0 or takes the root of a negative number."
        )


Generator = Callable[[PlaneConfig, int, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _function(target: Callable[[np.ndarray, np.ndarray], np.ndarray], inputs: int) -> Generator:
    """Make a generator of random points with the values of a function."""

    def generate(config: PlaneConfig, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        points = rng.uniform(-LIMIT, LIMIT, (count, 2))
        if inputs == 1:
            points[:, 1] = 0
        return points, target(points[:, 0], points[:, 1])

    return generate


FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "line": lambda x, y: x / LIMIT,
    "sine": lambda x, y: np.sin(x),
    "step": lambda x, y: np.where(x > 0, 1.0, -1.0),
    "plane": lambda x, y: (x + y) / (2 * LIMIT),
    "saddle": lambda x, y: x * y / LIMIT**2 * 2,
    "ripples": lambda x, y: np.cos(np.hypot(x, y)),
}
"""The true functions of the regression datasets, from x and y to the target without noise."""

GENERATORS: dict[str, Generator] = {
    "blobs": _blobs,
    "circles": _circles,
    "xor": _xor,
    "moons": _moons,
    "spiral": _spiral,
    "formula": _formula,
    "surface": _surface,
    **{name: _function(target, DATASETS[name].inputs) for name, target in FUNCTIONS.items()},
}
