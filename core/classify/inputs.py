"""Network inputs: pixels or patch features, scaled to mean 0 and standard deviation 1."""

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
    """A dataset as network inputs.

    Attributes:
        size: number of input values per image.
    """

    size: int

    def train_batch(self, indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the training images of these indices, augmented if requested: (n, size) float32."""

    def batch(self, split: Split, indices: np.ndarray) -> np.ndarray:
        """Return the images of these indices, not augmented: (n, size) float32."""

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Encode any images of the dataset's shape: (n, height, width[, 3]) uint8 -> (n, size) float32."""


class Standardizer:
    """Scale images to mean 0 and standard deviation 1 per colour channel, as measured on the training images."""

    def __init__(self, images: np.ndarray):
        channels = images.reshape(-1, 3 if images.ndim == 4 else 1)[::7]  # every seventh pixel is sample enough
        self.mean = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = (1 / (channels.std(axis=0, dtype=np.float64) + 1e-3)).astype(np.float32)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, height, width[, colours]) uint8 or float32 -> (n, height · width · colours) float32."""
        inputs = images.reshape(len(images), -1, len(self.mean)).astype(np.float32)
        inputs -= self.mean
        inputs *= self.scale
        return inputs.reshape(len(images), -1)


class Pixels:
    """Inputs with one value per pixel and colour. augmentations: names in core.classify.augment.AUGMENTATIONS."""

    def __init__(self, dataset: Dataset, augmentations: tuple[str, ...] = ()):
        self.images = {"train": dataset.x_train, "test": dataset.x_test}
        self.augmentations = augmentations
        self.standardize = Standardizer(dataset.x_train)
        self.size = dataset.x_train[0].size

    def train_batch(self, indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return augmented, standardized pixels: (n, size) float32."""
        images = self.images["train"][indices]
        return self.encode(augment(images, self.augmentations, rng) if self.augmentations else images)

    def batch(self, split: Split, indices: np.ndarray) -> np.ndarray:
        """Return standardized pixels: (n, size) float32."""
        return self.encode(self.images[split][indices])

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Standardize images: (n, height, width[, 3]) -> (n, size) float32."""
        return self.standardize(images)


class Patches:
    """Inputs with one value per patch feature. flip: whether half of the training images are mirrored."""

    def __init__(self, features: PatchFeatures, flip: bool = False):
        self.features, self.flip = features, flip
        self.mean, deviations = _mean_and_deviation(features.train[:: max(1, len(features.train) // 5_000)])
        self.scale = 1 / (deviations + 1e-3 * deviations.mean() + 1e-6)
        self.size = features.encoder.settings.features

    def train_batch(self, indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return standardized features, mirrored half of the time with `flip`: (n, size) float32."""
        rows = self.features.train[indices]
        if self.flip:
            mirrored = rng.random(len(indices)) < 0.5
            rows[mirrored] = self.features.encoder.mirror(rows[mirrored])
        return self._scaled(rows)

    def batch(self, split: Split, indices: np.ndarray) -> np.ndarray:
        """Return standardized features: (n, size) float32."""
        return self._scaled(getattr(self.features, split)[indices])

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Compute standardized features: (n, height, width[, 3]) uint8 -> (n, size) float32."""
        return self._scaled(self.features.encoder(images))

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        inputs = normalize_contrast(features)
        inputs -= self.mean
        inputs *= self.scale
        return inputs


def _mean_and_deviation(features: np.ndarray, block_size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each feature, after `normalize_contrast`: (features,) float32 each.

    Block by block, because 5,000 images with 51,200 features would take 1 GB as float32.
    """
    blocks = [features[start : start + block_size] for start in range(0, len(features), block_size)]
    mean = sum(normalize_contrast(block).sum(axis=0, dtype=np.float64) for block in blocks) / len(features)
    squares = sum(np.square(normalize_contrast(block) - mean).sum(axis=0) for block in blocks)
    return mean.astype(np.float32), np.sqrt(squares / len(features)).astype(np.float32)


def normalize_contrast(features: np.ndarray) -> np.ndarray:
    """Take the square root of patch features, then standardize each image's features.

    Most features are small and a few are large; the square root brings the large ones closer. An image's contrast
    scales all its features alike: without removing this one direction, it would outweigh all others and force gradient
    descent into small steps.
    (n, features) float16, not negative -> (n, features) float32.
    """
    features = np.sqrt(features.clip(0).astype(np.float32))
    features -= features.mean(axis=1, keepdims=True)
    features /= features.std(axis=1, keepdims=True) + 1e-3
    return features


def make_inputs(
    dataset: Dataset, features: str, augmentations: tuple[str, ...], settings: PatchSettings
) -> Generator[tuple[float, str], None, Inputs]:
    """Prepare a dataset's inputs. Yields progress (fraction, text) while patch features are computed."""
    if features == "pixels":
        return Pixels(dataset, augmentations)
    return Patches((yield from prepare(dataset, settings)), flip="flip" in augmentations)
