"""Settings of a classify run, and what they ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from core.autograd import optim
from core.autograd.nn import ACTIVATIONS, INIT_STDS
from core.classify.augment import AUGMENTATIONS
from core.classify.inputs import FEATURES
from core.classify.patch_features import PatchSettings
from core.training import check_name, check_range

VALIDATION_SHARE = 0.1


MAX_PARAMETERS = 30_000_000  # with gradients and momentum, four times as many numbers: half a gigabyte


@dataclass(frozen=True)
class ClassifyConfig:
    """All that, with the data, determines a run; the same config gives the same curve on one machine.

    dataset: a name that `core.datasets.load` knows. hidden: units of each hidden layer, from the pictures on; () for
    none. lr: learning rate before the schedule. momentum: of Adam, its first beta. dropout: share of the hidden units
    dropped while training. schedule: a name in `core.optim.SCHEDULES`. epochs: how often every training picture is
    seen. activation, initialisation, optimizer: names in `core.nn.ACTIVATIONS`, `core.nn.INIT_STDS` and
    `core.optim.OPTIMIZERS`. features: what the network sees, pixels or patches; patches, grid: see
    `core.features.PatchSettings`. augment: names in `core.augment.AUGMENTATIONS`. train_size: how many pictures it
    learns from; 0 for all. shuffled_labels: whether the training pictures' labels are dealt out at random.
    Raises ValueError with a sentence for a student where a field is wrong.
    """

    dataset: str = "mnist-5k"
    hidden: tuple[int, ...] = (256, 128)
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    dropout: float = 0.0
    schedule: str = "cosine"
    batch_size: int = 100
    epochs: int = 20
    seed: int = 0
    activation: str = "relu"
    initialisation: str = "he"
    optimizer: str = "sgd"
    features: str = "pixels"
    patches: int = 400
    grid: int = 2
    augment: tuple[str, ...] = ()
    train_size: int = 0
    shuffled_labels: bool = False

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if not isinstance(self.dataset, str):
            raise ValueError(f"The data set must be a name, but it is {self.dataset!r:.60}.")
        check_range("The number of hidden layers", len(self.hidden), 0, 20, whole=True)
        for width in self.hidden:
            check_range("The size of a hidden layer", width, 1, 4_096, whole=True)
        check_range("The learning rate", self.lr, 1e-6, 10)
        check_range("The momentum", self.momentum, 0, 0.999)
        check_range("The weight decay", self.weight_decay, 0, 1)
        check_range("The dropout", self.dropout, 0, 0.9)
        check_range("The batch size", self.batch_size, 1, 10_000, whole=True)
        check_range("The number of epochs", self.epochs, 1, 500, whole=True)
        check_range("The seed", self.seed, 0, 2**31 - 1, whole=True)
        check_range("The number of pictures to learn from", self.train_size, 0, 1_000_000, whole=True)
        check_name("The schedule", self.schedule, optim.SCHEDULES)
        check_name("The activation", self.activation, ACTIVATIONS)
        check_name("The initialisation", self.initialisation, INIT_STDS)
        check_name("The optimiser", self.optimizer, optim.OPTIMIZERS)
        check_name("What the network sees", self.features, FEATURES)
        for kind in self.augment:
            check_name("Each augmentation", kind, AUGMENTATIONS)
        object.__setattr__(self, "augment", tuple(kind for kind in AUGMENTATIONS if kind in self.augment))
        if self.features == "patches" and set(self.augment) - {"flip"}:
            raise ValueError(
                "Patch features are computed once, before the training: of augmentation, only flip can be had with "
                "them, as a picture in the mirror has the same ones in another order."
            )

    @property
    def patch_settings(self) -> PatchSettings:
        return PatchSettings(self.patches, grid=self.grid)

    def input_size(self, image_shape: tuple[int, ...]) -> int:
        """How many numbers the network sees of a picture of this shape."""
        return math.prod(image_shape) if self.features == "pixels" else self.patch_settings.features


def validation_size(pictures: int) -> int:
    """How many of so many training pictures are set aside for validation."""
    return max(1, round(VALIDATION_SHARE * pictures))


def parameter_counts(config: ClassifyConfig, image_shape: tuple[int, ...], classes: int) -> list[int]:
    """How many weights and biases each linear layer has, from the pictures on."""
    sizes = [config.input_size(image_shape), *config.hidden, classes]
    return [(inputs + 1) * outputs for inputs, outputs in pairwise(sizes)]


def check_fits_dataset(config: ClassifyConfig, pictures: int, image_shape: tuple[int, ...], classes: int) -> None:
    """Raise ValueError with a sentence unless the config can learn from so many training pictures of these."""
    parameters = sum(parameter_counts(config, image_shape, classes))
    if parameters > MAX_PARAMETERS:
        raise ValueError(
            f"This network would have {parameters:,} parameters; at most {MAX_PARAMETERS:,} fit here. Take fewer or "
            "smaller hidden layers."
        )
    validation = validation_size(pictures)
    left = pictures - validation
    if config.train_size > left:
        raise ValueError(
            f"{config.dataset} has {left:,} pictures to learn from, as {validation:,} are set aside for validation; "
            f"{config.train_size:,} were asked for."
        )
    if config.batch_size > (config.train_size or left):
        raise ValueError(
            f"The batch size must be at most {config.train_size or left:,}, the number of pictures to learn from, "
            f"but it is {config.batch_size:,}."
        )
