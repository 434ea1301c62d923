"""Settings of a classify run, their checks, and the size of the network they describe."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from core.autograd import optim
from core.autograd.nn import ACTIVATIONS, INIT_STDS
from core.classify.augment import AUGMENTATIONS
from core.classify.copies import COPIES
from core.classify.inputs import FEATURES, PATCH_AUGMENTATIONS
from core.classify.patch_features import PatchSettings
from core.classify.whitening import MAX_VALUES
from core.training import check_name, check_range

MAX_LAYERS = 20  # hidden ones
VALIDATION_FRACTION = 0.1
STEPS_PER_EPOCH = 4  # at least, where the batch size follows a small dataset
MAX_PARAMETERS = 30_000_000  # gradients, momentum and Adam's averages make it up to four times as many numbers: 0.5 GB


@dataclass(frozen=True)
class ClassifyConfig:
    """Everything that determines a run: the same config gives the same curve on one machine.

    Attributes:
        dataset: a name that `core.classify.datasets.load` knows.
        hidden: units of each hidden layer, input first; () for no hidden layer.
        lr: learning rate before the schedule scales it.
        momentum: of SGD; Adam's first beta.
        weight_decay: how strongly every weight is pulled towards 0.
        dropout: fraction of the hidden units switched off in each training step.
        label_smoothing: probability taken from the target class and spread evenly over all classes, in training.
        schedule: a name in `core.autograd.optim.SCHEDULES`.
        batch_size: training images per step.
        epochs: passes over the training images.
        seed: seed of all random numbers of the run.
        activation: a name in `core.autograd.nn.ACTIVATIONS`.
        initialisation: a name in `core.autograd.nn.INIT_STDS`.
        optimizer: a name in `core.autograd.optim.OPTIMIZERS`.
        features: what the network receives, a name in `core.classify.inputs.FEATURES`.
        patches: number of patch filters, see `core.classify.patch_features.PatchSettings`.
        grid: size of the pooling grid of patch features, see there.
        threshold: subtracted from the strength of every filter response, see there.
        augment: names in `core.classify.augment.AUGMENTATIONS`.
        average: names in `core.classify.copies.COPIES`. The final accuracy is measured a second time, with predictions
            averaged over these copies of each image.
        train_size: number of training images; 0 for all.
        shuffled_labels: whether the labels of the training images are shuffled.

    Raises ValueError with a sentence for a student if a field is wrong.
    """

    dataset: str = "mnist-5k"
    hidden: tuple[int, ...] = (256, 128)
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    dropout: float = 0.0
    label_smoothing: float = 0.0
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
    threshold: float = 0.25
    augment: tuple[str, ...] = ()
    average: tuple[str, ...] = ()
    train_size: int = 0
    shuffled_labels: bool = False

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if not isinstance(self.dataset, str):
            raise ValueError(f"The dataset must be a name, but it is {self.dataset!r:.60}.")
        check_range("The number of hidden layers", len(self.hidden), 0, MAX_LAYERS, whole=True)
        for width in self.hidden:
            check_range("The size of a hidden layer", width, 1, 4_096, whole=True)
        check_range("The learning rate", self.lr, 1e-6, 10)
        check_range("The momentum", self.momentum, 0, 0.999)
        check_range("The weight decay", self.weight_decay, 0, 1)
        check_range("The dropout", self.dropout, 0, 0.9)
        check_range("The label smoothing", self.label_smoothing, 0, 0.9)
        check_range("The batch size", self.batch_size, 1, 10_000, whole=True)
        check_range("The number of epochs", self.epochs, 1, 500, whole=True)
        check_range("The seed", self.seed, 0, 2**31 - 1, whole=True)
        check_range("The number of training images", self.train_size, 0, 1_000_000, whole=True)
        check_name("The schedule", self.schedule, optim.SCHEDULES)
        check_name("The activation", self.activation, ACTIVATIONS)
        check_name("The initialisation", self.initialisation, INIT_STDS)
        check_name("The optimizer", self.optimizer, optim.OPTIMIZERS)
        check_name("The input features", self.features, FEATURES)
        for kind in self.augment:
            check_name("Each augmentation", kind, AUGMENTATIONS)
        object.__setattr__(self, "augment", tuple(kind for kind in AUGMENTATIONS if kind in self.augment))
        if self.features == "patches" and (others := [k for k in self.augment if k not in PATCH_AUGMENTATIONS]):
            raise ValueError(
                f"Patch features can be augmented with {' and '.join(PATCH_AUGMENTATIONS)} only, but not with "
                f"{' and '.join(others)}. Choose other augmentations, or pixels as input features."
            )
        for kind in self.average:
            check_name("Each kind of copy to average over", kind, COPIES)
        object.__setattr__(self, "average", tuple(kind for kind in COPIES if kind in self.average))
        if self.features == "patches" and "shifts" in self.average:
            raise ValueError(
                "Computing the patch features of shifted images takes long, so predictions can only be averaged over "
                "mirror images, not over shifts. Choose only mirror, or choose pixels as input features."
            )

    @property
    def patch_settings(self) -> PatchSettings:
        """The settings of the patch features, which only matter if `features` is "patches"."""
        return PatchSettings(self.patches, grid=self.grid, threshold=self.threshold)

    def input_size(self, image_shape: tuple[int, ...]) -> int:
        """Return how many input values the network receives for an image of this shape."""
        return self.patch_settings.features if self.features == "patches" else math.prod(image_shape)


def validation_size(n_images: int) -> int:
    """Return how many of `n_images` training images are held out for validation."""
    return max(1, round(VALIDATION_FRACTION * n_images))


def steps_per_epoch(config: ClassifyConfig, n_images: int) -> int:
    """Return the number of batches per epoch for a dataset with `n_images` training images, validation included."""
    return math.ceil((config.train_size or n_images - validation_size(n_images)) / config.batch_size)


def parameter_counts(config: ClassifyConfig, image_shape: tuple[int, ...], classes: int) -> list[int]:
    """Return the number of weights and biases of each linear layer, input first."""
    sizes = [config.input_size(image_shape), *config.hidden, classes]
    return [(inputs + 1) * outputs for inputs, outputs in pairwise(sizes)]


def check_parameter_count(config: ClassifyConfig, image_shape: tuple[int, ...], classes: int) -> None:
    """Raise ValueError if the network would have more than MAX_PARAMETERS parameters."""
    parameters = sum(parameter_counts(config, image_shape, classes))
    if parameters > MAX_PARAMETERS:
        raise ValueError(
            f"This network would have {parameters:,} parameters, more than the limit of {MAX_PARAMETERS:,}. "
            "Choose fewer or smaller hidden layers."
        )


def check_fits_dataset(config: ClassifyConfig, n_images: int, image_shape: tuple[int, ...], classes: int) -> None:
    """Raise ValueError unless the config can train on `n_images` images of this shape, validation included."""
    check_parameter_count(config, image_shape, classes)
    values = math.prod(image_shape)
    if config.features == "whitened" and values > MAX_VALUES:
        raise ValueError(
            f"Whitening is for images of at most {MAX_VALUES:,} values, but those of {config.dataset} have {values:,}. "
            "Choose pixels or patch features as input features."
        )
    validation = validation_size(n_images)
    available = n_images - validation
    if config.train_size > available:
        raise ValueError(
            f"{config.dataset} has {available:,} training images, besides {validation:,} for validation, but "
            f"{config.train_size:,} were requested. Choose fewer training images."
        )
    train_size = config.train_size or available
    if config.batch_size > train_size:
        raise ValueError(
            f"The batch size must be at most {train_size:,}, the number of training images, but it is "
            f"{config.batch_size:,}. Choose a smaller batch size."
        )


def fit_batch_size(config: ClassifyConfig, n_images: int) -> tuple[ClassifyConfig, str]:
    """Return a config whose batch size suits `n_images` images, and a sentence about it; "" if nothing was changed.

    A batch size larger than the number of training images becomes one with STEPS_PER_EPOCH steps per epoch.
    """
    train_size = config.train_size or n_images - validation_size(n_images)
    if config.batch_size <= train_size:
        return config, ""
    batch_size = max(1, train_size // STEPS_PER_EPOCH)
    images = "1 training image" if train_size == 1 else f"{train_size:,} training images"
    return (
        replace(config, batch_size=batch_size),
        f"The batch size is {batch_size:,} instead of {config.batch_size:,}, because there are only {images}.",
    )
