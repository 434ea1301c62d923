"""Settings of a run on points in a plane, and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.autograd import optim
from core.autograd.nn import ACTIVATIONS, INIT_STDS
from core.plane.edits import Edit, checked_edits
from core.plane.features import FEATURES, LIMIT
from core.plane.formula import checked_formula
from core.training import check_name, check_range

TASKS = ("classification", "regression")
MAX_CLASSES = 5
MAX_POINTS = 2_000
MAX_LAYERS = 4
MAX_WIDTH = 32
MAX_EPOCHS = 5_000
MAX_TARGET = 100  # magnitude


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset in the plane is.

    Attributes:
        title: for a menu.
        task: "classification" or "regression".
        classes: largest number of classes; 1 for regression.
        inputs: 2 for points of the plane, 1 for a function of x.
    """

    title: str
    task: str = "classification"
    classes: int = 2
    inputs: int = 2


DATASETS: dict[str, DatasetInfo] = {
    "blobs": DatasetInfo("Blobs", classes=MAX_CLASSES),
    "circles": DatasetInfo("Circles", classes=MAX_CLASSES),
    "xor": DatasetInfo("XOR"),
    "moons": DatasetInfo("Moons"),
    "spiral": DatasetInfo("Spiral", classes=MAX_CLASSES),
    "formula": DatasetInfo("Above or below a formula"),
    "own": DatasetInfo("Own points", classes=MAX_CLASSES),
    "line": DatasetInfo("Line", "regression", 1, inputs=1),
    "sine": DatasetInfo("Sine", "regression", 1, inputs=1),
    "step": DatasetInfo("Step", "regression", 1, inputs=1),
    "plane": DatasetInfo("Tilted plane", "regression", 1),
    "saddle": DatasetInfo("Saddle x·y", "regression", 1),
    "ripples": DatasetInfo("Ripples", "regression", 1),
    "surface": DatasetInfo("Value of a formula", "regression", 1),
    "own-values": DatasetInfo("Own values", "regression", 1),
}
OWN = ("own", "own-values")
WITH_FORMULA = ("formula", "surface")


@dataclass(frozen=True)
class PlaneConfig:
    """Everything that determines a run: the same config gives the same curve on one machine.

    Attributes:
        task: "classification" or "regression".
        dataset: a name in DATASETS, of this task.
        classes: number of classes; with own points, it follows from their labels, and for regression it is 1.
        n_points: number of generated points, validation included.
        noise: how far points are scattered, or how far targets are off, from 0 to 1.
        validation: fraction of the points that is held out for validation.
        formula: of x and y, for the datasets in WITH_FORMULA; see `core.plane.formula`.
        points: own points, (x, y, label) or (x, y, target) each, with coordinates from -6 to 6.
        features: names in `core.plane.features.FEATURES`.
        hidden: units of each hidden layer, input first; () for no hidden layer.
        activation: a name in `core.autograd.nn.ACTIVATIONS`.
        initialisation: a name in `core.autograd.nn.INIT_STDS`.
        optimizer: a name in `core.autograd.optim.OPTIMIZERS`.
        lr: learning rate.
        momentum: of SGD; Adam's first beta.
        weight_decay: how strongly every weight is pulled towards 0.
        batch_size: training points per step; at most all of them are used.
        epochs: passes over the training points.
        seed: seed of all random numbers of the run.
        edits: of the network by hand, see `core.plane.edits`.

    Raises ValueError with a sentence for a student if a field is wrong.
    """

    task: str = "classification"
    dataset: str = "circles"
    classes: int = 2
    n_points: int = 200
    noise: float = 0.1
    validation: float = 0.3
    formula: str = "2*sin(x)"
    points: tuple[tuple[float, float, float], ...] = ()
    features: tuple[str, ...] = ("x", "y")
    hidden: tuple[int, ...] = (4, 4)
    activation: str = "tanh"
    initialisation: str = "glorot"
    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 20
    epochs: int = 200
    seed: int = 0
    edits: tuple[Edit, ...] = ()

    def __post_init__(self):
        for name in ("hidden", "features"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_name("The task", self.task, TASKS)
        names = [name for name, info in DATASETS.items() if info.task == self.task]
        check_name(f"The dataset for {self.task}", self.dataset, names)
        check_range("The number of points", self.n_points, 10, MAX_POINTS, whole=True)
        check_range("The noise", self.noise, 0, 1)
        check_range("The fraction for validation", self.validation, 0, 0.5)
        check_range("The number of hidden layers", len(self.hidden), 0, MAX_LAYERS, whole=True)
        for width in self.hidden:
            check_range("The size of a hidden layer", width, 1, MAX_WIDTH, whole=True)
        check_range("The learning rate", self.lr, 1e-6, 10)
        check_range("The momentum", self.momentum, 0, 0.999)
        check_range("The weight decay", self.weight_decay, 0, 1)
        check_range("The batch size", self.batch_size, 1, MAX_POINTS, whole=True)
        check_range("The number of epochs", self.epochs, 1, MAX_EPOCHS, whole=True)
        check_range("The seed", self.seed, 0, 2**31 - 1, whole=True)
        check_name("The activation", self.activation, ACTIVATIONS)
        check_name("The initialisation", self.initialisation, INIT_STDS)
        check_name("The optimizer", self.optimizer, optim.OPTIMIZERS)
        self._check_features()
        if self.dataset in WITH_FORMULA:
            checked_formula(self.formula, MAX_TARGET, boundary=self.task == "classification")
        elif not isinstance(self.formula, str) or len(self.formula) > 300:
            raise ValueError("The formula must be a text of at most 300 characters.")
        object.__setattr__(self, "points", self._checked_points())
        object.__setattr__(self, "classes", self._checked_classes())
        object.__setattr__(self, "edits", checked_edits(self.edits, self.sizes))

    def _check_features(self) -> None:
        for name in self.features:
            check_name("Each feature", name, FEATURES)
        if not self.features:
            raise ValueError("The network has no input. Choose at least one feature, such as x.")
        known = allowed_features(self.dataset)
        if wrong := [name for name in self.features if name not in known]:
            raise ValueError(
                f"The dataset {self.dataset} is a function of x, so {wrong[0]} cannot be a feature. "
                f"Choose from {', '.join(known)}."
            )
        object.__setattr__(self, "features", tuple(name for name in FEATURES if name in self.features))

    def _checked_points(self) -> tuple[tuple[float, float, float], ...]:
        """Return the points as tuples. Raises ValueError if one cannot be used; only own datasets need any."""
        if not isinstance(self.points, list | tuple) or len(self.points) > MAX_POINTS:
            is_list = isinstance(self.points, list | tuple)
            count = f"there are {len(self.points):,}" if is_list else "this is another kind of value"
            raise ValueError(f"At most {MAX_POINTS:,} points can be used, but {count}. Use fewer points.")
        points: tuple = tuple(tuple(point) for point in self.points)
        if not self._are_points(points):
            for number, point in enumerate(points, start=1):
                self._check_point(number, point)
        if self.dataset not in OWN:
            return points
        if len(points) < 4:
            raise ValueError(
                f"A network needs at least 4 points to learn from, but there {_are(len(points), 'point')}. Draw more."
            )
        if len({point[:2] for point in points}) == 1:
            raise ValueError(f"All {len(points):,} points are at the same place. Draw points at different places.")
        if self.dataset == "own":
            labels = [point[2] for point in points]
            if len(set(labels)) == 1:
                raise ValueError(f"All {len(points):,} points are of one class. Draw points of at least two classes.")
        return points

    def _are_points(self, points: tuple) -> bool:
        """Return whether all points can be used; fast, because a page reads the config of its run often."""
        kinds = {(len(point), *map(type, point)) for point in points}
        numbers = (int,) if self.dataset == "own" else (int, float)
        if not all(len(kind) == 4 and {*kind[1:3]} <= {int, float} and kind[3] in numbers for kind in kinds):
            return False
        table = np.array(points, float).reshape(-1, 3)
        low, high = (0, MAX_CLASSES - 1) if self.dataset == "own" else (-MAX_TARGET, MAX_TARGET)
        third = table[:, 2]
        return bool((np.abs(table[:, :2]) <= LIMIT).all() and (low <= third).all() and (third <= high).all())

    def _check_point(self, number: int, point: tuple) -> None:
        """Raise ValueError with a sentence for a student if this point cannot be used."""
        if len(point) != 3:
            raise ValueError(f"Point {number:,} must be x, y and a label or target, but it is {point!r:.60}.")
        check_range(f"x of point {number:,}", point[0], -LIMIT, LIMIT)
        check_range(f"y of point {number:,}", point[1], -LIMIT, LIMIT)
        if self.dataset == "own":
            check_range(f"The label of point {number:,}", point[2], 0, MAX_CLASSES - 1, whole=True)
        else:
            check_range(f"The target of point {number:,}", point[2], -MAX_TARGET, MAX_TARGET)

    def _checked_classes(self) -> int:
        if self.task == "regression":
            return 1
        if self.dataset == "own":
            return int(max(point[2] for point in self.points)) + 1
        check_range(f"The number of classes of {self.dataset}", self.classes, 2, DATASETS[self.dataset].classes, True)
        return self.classes

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of inputs, the units of each hidden layer, and the number of outputs."""
        return (len(self.features), *self.hidden, self.classes)

    @property
    def parameter_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of all parameters: weights (inputs, units), then biases (units,), of each layer, input first."""
        return tuple(shape for inputs, units in pairwise(self.sizes) for shape in ((inputs, units), (units,)))

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases."""
        return sum(map(math.prod, self.parameter_shapes))


def allowed_features(dataset: str) -> tuple[str, ...]:
    """Return the features that can be computed for a dataset: without y for a function of x."""
    return tuple(name for name, feature in FEATURES.items() if DATASETS[dataset].inputs == 2 or not feature.needs_y)


def _are(count: int, noun: str) -> str:
    return f"is 1 {noun}" if count == 1 else f"are {count:,} {noun}s"
