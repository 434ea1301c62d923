"""Network inputs: pixels, whitened pixels or patch features, each scaled to a mean of about 0."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from typing import Literal, Protocol

import numpy as np

from core.classify.augment import augment
from core.classify.copies import copies
from core.classify.datasets import Dataset
from core.classify.patch_features import PatchFeatures, PatchSettings, prepare_patches
from core.classify.whitening import Standardizer, Whitening, prepare_whitened
from core.jit import jit

Split = Literal["train", "test"]
FEATURES = {"pixels": "pixels", "whitened": "whitened pixels", "patches": "patch features"}  # name: in words
PATCH_AUGMENTATIONS = ("shift", "flip")  # those that patch features can be augmented with


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

    def copies(self, split: Split, indices: np.ndarray, kinds: Collection[str]) -> Iterator[np.ndarray]:
        """Yield `batch`, then the same for copies of the images, see `core.classify.copies`."""

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Encode any images of the dataset's shape: (n, height, width[, 3]) uint8 -> (n, size) float32."""


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

    def copies(self, split: Split, indices: np.ndarray, kinds: Collection[str]) -> Iterator[np.ndarray]:
        """Yield standardized pixels of the images, then of each copy: (n, size) float32."""
        return map(self.encode, copies(self.images[split][indices], kinds))

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Standardize images: (n, height, width[, 3]) -> (n, size) float32."""
        return self.standardize(images)


class Whitened:
    """Inputs with one value per pixel and colour, whitened. Augmentation and copies change the whitened images.

    Whitening after augmentation would take as long as training. It makes little difference: the whitening of a shifted
    image is the shifted whitened image, except near the edges.

    Args:
        whitening: the whitening.
        values: the whitened images, "train" and "test", (n, size) float16.
        shape: (height, width[, colours]).
        augmentations: names in core.classify.augment.AUGMENTATIONS.
    """

    def __init__(
        self,
        whitening: Whitening,
        values: dict[str, np.ndarray],
        shape: tuple[int, ...],
        augmentations: tuple[str, ...] = (),
    ):
        self.whitening, self.size, self.augmentations = whitening, whitening.size, augmentations
        self.images = {split: whitened.reshape(-1, *shape) for split, whitened in values.items()}

    def train_batch(self, indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return augmented whitened pixels: (n, size) float32."""
        images = self.images["train"][indices]
        return self._flat(augment(images, self.augmentations, rng) if self.augmentations else images)

    def batch(self, split: Split, indices: np.ndarray) -> np.ndarray:
        """Return whitened pixels: (n, size) float32."""
        return self._flat(self.images[split][indices])

    def copies(self, split: Split, indices: np.ndarray, kinds: Collection[str]) -> Iterator[np.ndarray]:
        """Yield whitened pixels of the images, then of each copy: (n, size) float32."""
        return map(self._flat, copies(self.images[split][indices], kinds))

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Whiten images: (n, height, width[, 3]) uint8 -> (n, size) float32."""
        return self.whitening(images).astype(np.float32)

    def _flat(self, images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1).astype(np.float32, copy=False)


class Patches:
    """Inputs with one value per patch feature, standardized as measured on about 5,000 training images.

    Args:
        features: the features of all images.
        images: the training images, (n, height, width[, 3]) uint8.
        augmentations: names in PATCH_AUGMENTATIONS.
    """

    def __init__(self, features: PatchFeatures, images: np.ndarray, augmentations: Collection[str] = ()):
        self.features, self.images, self.augmentations = features, images, augmentations
        self.mean, deviations = _mean_and_deviation(features.train[:: max(1, len(features.train) // 5_000)])
        self.scale = 1 / (deviations + 1e-3 * deviations.mean() + 1e-6)
        self.size = features.encoder.settings.features

    def train_batch(self, indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return standardized features of augmented images: (n, size) float32.

        Those of mirrored images are the same in another order; those of shifted images are recomputed.
        """
        if "shift" in self.augmentations:
            rows = self.features.encoder(augment(self.images[indices], ("shift",), rng))
        else:
            rows = self.features.train[indices]
        if "flip" in self.augmentations:
            mirrored = rng.random(len(indices)) < 0.5
            rows[mirrored] = self.features.encoder.mirror(rows[mirrored])
        return self._scaled(rows)

    def batch(self, split: Split, indices: np.ndarray) -> np.ndarray:
        """Return standardized features: (n, size) float32."""
        return self._scaled(getattr(self.features, split)[indices])

    def copies(self, split: Split, indices: np.ndarray, kinds: Collection[str]) -> Iterator[np.ndarray]:
        """Yield standardized features of the images, then with "mirror" of their mirror images: (n, size) float32."""
        features = getattr(self.features, split)[indices]
        yield self._scaled(features)
        if "mirror" in kinds:
            yield self._scaled(self.features.encoder.mirror(features))

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Compute standardized features: (n, height, width[, 3]) uint8 -> (n, size) float32."""
        return self._scaled(self.features.encoder(images))

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return normalize_contrast(features, self.mean, self.scale)


def _mean_and_deviation(features: np.ndarray, block_size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each feature, after `normalize_contrast`: (features,) float32 each.

    Block by block, because 5,000 images with 51,200 features would take 1 GB as float32.
    """
    blocks = [features[start : start + block_size] for start in range(0, len(features), block_size)]
    mean = sum(normalize_contrast(block).sum(axis=0, dtype=np.float64) for block in blocks) / len(features)
    squares = sum(np.square(normalize_contrast(block) - mean).sum(axis=0) for block in blocks)
    return mean.astype(np.float32), np.sqrt(squares / len(features)).astype(np.float32)


# A float16 has one of 65,536 values, so looking up its square root in a table is faster than computing it.
SQUARE_ROOTS = np.sqrt(np.nan_to_num(np.arange(2**16, dtype=np.uint16).view(np.float16)).clip(0).astype(np.float32))


def normalize_contrast(
    features: np.ndarray, mean: np.ndarray | None = None, scale: np.ndarray | None = None
) -> np.ndarray:
    """Take the square root of patch features, then standardize each image's features.

    Most features are small and a few are large; the square root brings the large ones closer. An image's contrast
    scales all its features alike: without removing this one direction, it would outweigh all others and force gradient
    descent into small steps.
    mean, scale: subtracted from each feature afterwards, and multiplied with it; (features,) float32 each.
    (n, features) float16, not negative -> (n, features) float32.
    """
    size = features.shape[1]
    mean = np.zeros(size, np.float32) if mean is None else mean
    scale = np.ones(size, np.float32) if scale is None else scale
    normalized = np.empty(features.shape, np.float32)
    _normalize(SQUARE_ROOTS, np.ascontiguousarray(features, np.float16).view(np.uint16), mean, scale, normalized)
    return normalized


@jit
def _normalize(roots, features, mean, scale, normalized):
    """Write the result of `normalize_contrast`, image by image, as long as its features are in the cache."""
    images, size = features.shape
    for image in range(images):
        row, total, squares = normalized[image], 0.0, 0.0
        for i in range(size):
            row[i] = roots[features[image, i]]
            total += row[i]
        center = np.float32(total / size)
        for i in range(size):
            row[i] -= center
            squares += row[i] * row[i]
        contrast = np.float32(np.sqrt(squares / size) + 1e-3)
        for i in range(size):
            row[i] = (row[i] / contrast - mean[i]) * scale[i]


def make_inputs(
    dataset: Dataset, features: str, augmentations: tuple[str, ...], settings: PatchSettings
) -> Generator[tuple[float, str], None, Inputs]:
    """Prepare a dataset's inputs. Yields progress (fraction, text) while anything is computed from all images.

    features: a name in FEATURES. settings: of patch features.
    """
    if features == "pixels":
        return Pixels(dataset, augmentations)
    if features == "whitened":
        return Whitened(*(yield from prepare_whitened(dataset)), dataset.x_train.shape[1:], augmentations)
    return Patches((yield from prepare_patches(dataset, settings)), dataset.x_train, augmentations)
