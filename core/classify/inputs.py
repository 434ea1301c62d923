"""What a network sees of pictures, pixels or patch features, scaled to mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal, Protocol

import numpy as np

from core.classify.augment import augment
from core.classify.datasets import Dataset
from core.classify.patch_features import PatchFeatures, PatchSettings, prepare

Split = Literal["train", "test"]
FEATURES = ("pixels", "patches")


class Inputs(Protocol):
    """A data set as a network sees it. size: how many numbers stand for a picture."""

    size: int

    def train_batch(self, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Training pictures of these numbers, changed at random where that was asked for: (n, size) float32."""

    def batch(self, split: Split, numbers: np.ndarray) -> np.ndarray:
        """Pictures as they are: (n, size) float32."""

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Any pictures of the data set's shape, (n, height, width[, 3]) uint8 -> (n, size) float32."""


class Standardizer:
    """Pictures to network inputs of mean 0 and deviation 1 in each colour, measured on the training pictures."""

    def __init__(self, pictures: np.ndarray):
        channels = pictures.reshape(-1, 3 if pictures.ndim == 4 else 1)[::7]  # every seventh pixel tells enough
        self.mean = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = (1 / (channels.std(axis=0, dtype=np.float64) + 1e-3)).astype(np.float32)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(n, height, width[, colours]) uint8 or float32 -> (n, height · width · colours) float32."""
        inputs = pictures.reshape(len(pictures), -1, len(self.mean)).astype(np.float32)
        inputs -= self.mean
        inputs *= self.scale
        return inputs.reshape(len(pictures), -1)


class Pixels:
    """Every pixel is an input. augmentations: names in core.augment.AUGMENTATIONS."""

    def __init__(self, dataset: Dataset, augmentations: tuple[str, ...] = ()):
        self.pictures = {"train": dataset.x_train, "test": dataset.x_test}
        self.augmentations = augmentations
        self.encode = Standardizer(dataset.x_train)
        self.size = dataset.x_train[0].size

    def train_batch(self, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        pictures = self.pictures["train"][numbers]
        return self.encode(augment(pictures, self.augmentations, rng) if self.augmentations else pictures)

    def batch(self, split: Split, numbers: np.ndarray) -> np.ndarray:
        return self.encode(self.pictures[split][numbers])


class Patches:
    """Every patch feature is an input. flip: every second training picture is seen in the mirror."""

    def __init__(self, features: PatchFeatures, flip: bool = False):
        self.features, self.flip = features, flip
        measured = normalize_contrast(features.train[:: max(1, len(features.train) // 5_000)])
        deviations = measured.std(axis=0)
        self.mean, self.scale = measured.mean(axis=0), 1 / (deviations + 1e-3 * deviations.mean() + 1e-6)
        self.size = features.encoder.settings.features

    def train_batch(self, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = self.features.train[numbers]
        if self.flip:
            mirrored = rng.random(len(numbers)) < 0.5
            rows[mirrored] = self.features.encoder.mirror(rows[mirrored])
        return self._scaled(rows)

    def batch(self, split: Split, numbers: np.ndarray) -> np.ndarray:
        return self._scaled(getattr(self.features, split)[numbers])

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        return self._scaled(self.features.encoder(pictures))

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        inputs = normalize_contrast(features)
        inputs -= self.mean
        inputs *= self.scale
        return inputs


def normalize_contrast(features: np.ndarray) -> np.ndarray:
    """Patch features, most of them small and a few large, without what all have in common: a picture's contrast.

    The square root brings large ones closer; then each picture's mean and deviation are taken out. Otherwise that one
    direction would outweigh all others, and gradient descent could take small steps only.
    (n, features) float16, none below 0 -> (n, features) float32.
    """
    features = np.sqrt(features.clip(0).astype(np.float32))
    features -= features.mean(axis=1, keepdims=True)
    features /= features.std(axis=1, keepdims=True) + 1e-3
    return features


def make_inputs(
    dataset: Dataset, features: str, augmentations: tuple[str, ...], settings: PatchSettings
) -> Generator[tuple[float, str], None, Inputs]:
    """The data set as a network sees it. Patch features may take a while: yields how much is done, and a text."""
    if features == "pixels":
        return Pixels(dataset, augmentations)
    return Patches((yield from prepare(dataset, settings)), flip="flip" in augmentations)
