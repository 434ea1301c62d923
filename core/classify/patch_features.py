"""Patch features: the similarity of image regions to small whitened patches of training images.

Patches cut at random from training images, and their mirror images, are whitened and become filters. Every position of
an image is compared with every filter; positive and negative responses are averaged in each cell of a grid. So the
features of a mirrored image are those of the image in another order. Nothing here is learned by gradient descent.
Coates & Ng, "The importance of encoding versus training with sparse coding and vector quantization" (2011), on the
pipeline of Coates, Lee & Ng, "An analysis of single-layer networks in unsupervised feature learning" (2011).
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np

from core.classify.datasets import Dataset
from core.classify.feature_cache import encode_dataset
from core.jit import jit
from core.training import check_range

VERSION = 3  # part of the cache key: increase it whenever the same settings would give other features
WHITENING_SAMPLES = 100_000  # patches from which the covariance for whitening is estimated
CONTRAST_FLOOR, WHITENING_FLOOR = 10.0, 0.1  # keep noise in flat patches and rare directions from being amplified
MAX_FEATURES = 51_200  # per image: 1,600 patches on a 4 × 4 grid


@dataclass(frozen=True)
class PatchSettings:
    """Settings of patch features.

    Attributes:
        patches: number of filters, half of which are mirror images of the other half.
        size: height and width of a patch, in pixels.
        grid: height and width of the pooling grid, in cells.
        threshold: subtracted from the strength of every filter response; weaker responses count as 0.
        seed: seed for choosing the patches.

    Raises ValueError with a sentence for a student if a field is wrong.
    """

    patches: int = 400
    size: int = 6
    grid: int = 2
    threshold: float = 0.25
    seed: int = 0

    def __post_init__(self):
        check_range("The number of patches", self.patches, 2, 4_000, whole=True)
        if self.patches % 2:
            raise ValueError(
                f"The number of patches must be even, but it is {self.patches:,}. Half of them are mirror images of "
                "the other half."
            )
        check_range("The size of a patch", self.size, 2, 12, whole=True)
        check_range("The pooling grid size", self.grid, 1, 5, whole=True)
        check_range("The threshold", self.threshold, 0, 10)
        if self.features > MAX_FEATURES:
            raise ValueError(
                f"{self.patches:,} patches on a grid of {self.grid} × {self.grid} cells are {self.features:,} features "
                f"per image, more than the limit of {MAX_FEATURES:,}. Choose fewer patches or a coarser grid."
            )

    @property
    def features(self) -> int:
        """Number of features per image: cells · 2 (positive and negative responses) · patches."""
        return self.grid**2 * 2 * self.patches


class PatchEncoder:
    """Computes patch features, with filters made from training images only.

    Attributes:
        size: number of features per image.
        cut: the patches as they were drawn, then their mirror images, (patches, size, size[, colours]) uint8.
        whitened: the same patches whitened, each of norm 1, (patches, size · size · colours) float32.
        filters: whitening and comparison with the whitened patches in one matrix,
            (size · size · colours, patches) float32.
        bias: (patches,) float32, to add after `filters`.
    """

    def __init__(self, images: np.ndarray, settings: PatchSettings):
        """images: (n, height, width[, colours]) uint8. Raises ValueError if they are too small for the settings."""
        if min(images.shape[1:3]) < settings.size + settings.grid - 1:
            raise ValueError(
                f"Images of {images.shape[1]} × {images.shape[2]} pixels are too small for patches of "
                f"{settings.size} × {settings.size} pixels and a pooling grid of {settings.grid} × {settings.grid} "
                "cells. Choose smaller patches or a smaller grid."
            )
        self.settings, self.size = settings, settings.features
        rng = np.random.default_rng(settings.seed)
        self.cut = _with_mirrored(random_patches(images, settings.size, settings.patches // 2, rng))
        sample = _with_mirrored(random_patches(images, settings.size, WHITENING_SAMPLES // 2, rng))
        sample = normalize(_flat(sample))
        mean = sample.mean(axis=0, dtype=np.float64)
        variances, directions = np.linalg.eigh(np.cov(sample, rowvar=False))
        # ZCA whitening: divide by the standard deviation along each principal direction
        whitening = directions / np.sqrt(variances.clip(0) + WHITENING_FLOOR) @ directions.T
        whitened = (normalize(_flat(self.cut)) - mean) @ whitening
        whitened /= np.linalg.norm(whitened, axis=1, keepdims=True) + 1e-8
        # whitening a patch and comparing it with a filter are both linear, so one matrix does both
        self.whitened = whitened.astype(np.float32)
        self.filters = (whitening @ whitened.T).astype(np.float32)
        self.bias = (-mean @ whitening @ whitened.T).astype(np.float32)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Compute the features of images: (n, height, width[, colours]), from 0 to 255 -> (n, features) float16."""
        return np.stack([self.encode(image) for image in images])

    def encode(self, image: np.ndarray) -> np.ndarray:
        """Compute the features of one image: positive, then negative responses of each cell.

        (height, width[, colours]), from 0 to 255 -> (features,) float16.
        """
        windows = _windows(image, self.settings.size)
        patches = windows.reshape(windows.shape[0] * windows.shape[1], -1)
        responses = normalize(patches) @ self.filters  # (positions, patches)
        cells = _cells(*windows.shape[:2], self.settings.grid)
        features = np.zeros((len(cells), 2, self.settings.patches), np.float32)
        _pool(responses, self.bias, cells, np.float32(self.settings.threshold), features)
        return features.reshape(-1).astype(np.float16)

    def identity(self) -> tuple[str, tuple[np.ndarray, ...]]:
        """Return everything that determines the features, besides the images: a text and arrays."""
        return json.dumps([VERSION, asdict(self.settings)]), (self.filters, self.bias)

    def mirror(self, features: np.ndarray) -> np.ndarray:
        """Return the features of the mirrored images, up to rounding. (n, features) -> (n, features)."""
        grid = self.settings.grid
        # rows, columns, positive and negative, patches as they were drawn and their mirror images
        ordered = features.reshape(len(features), grid, grid, 2, 2, self.settings.patches // 2)
        return ordered[:, :, ::-1, :, ::-1].reshape(features.shape)


def normalize(patches: np.ndarray) -> np.ndarray:
    """Remove brightness and contrast from every patch. (n, values) -> (n, values) float32."""
    patches = patches.astype(np.float32)
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(np.square(patches).mean(axis=1, keepdims=True) + CONTRAST_FLOOR)
    return patches


def random_patches(images: np.ndarray, size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Cut n patches from random positions of random images: (n, size, size[, colours]) uint8."""
    which = rng.integers(len(images), size=n)
    top = rng.integers(images.shape[1] - size + 1, size=n)
    left = rng.integers(images.shape[2] - size + 1, size=n)
    y, x = np.mgrid[:size, :size]
    return images[which[:, None, None], top[:, None, None] + y, left[:, None, None] + x]


@jit
def _pool(responses, bias, cells, threshold, features):
    """Add responses (positions, patches) to features (cells, 2, patches), with the weights cells (cells, positions)."""
    for position in range(len(responses)):
        for cell in range(len(cells)):
            weight = cells[cell, position]
            if weight > 0:
                _add(responses[position], bias, weight, threshold, features[cell, 0], features[cell, 1])


@jit
def _add(responses, bias, weight, threshold, positive, negative):
    """Add how far each response, and its negative, is above the threshold. All arrays are (patches,)."""
    for i in range(len(responses)):
        response = responses[i] + bias[i]
        positive[i] += weight * max(response - threshold, np.float32(0))
        negative[i] += weight * max(-response - threshold, np.float32(0))


@cache
def _cells(rows: int, columns: int, grid: int) -> np.ndarray:
    """Return the weight of each of rows · columns positions in each cell's mean: (grid · grid, positions) float32.

    Cells have equal sizes. A position on the border of two cells counts in both, in proportion, which keeps the cells
    symmetric.
    """

    def weights(positions: int) -> np.ndarray:
        edges = np.linspace(0, positions, grid + 1)
        position = np.arange(positions)
        inside = np.minimum(position + 1, edges[1:, None]) - np.maximum(position, edges[:-1, None])
        return inside.clip(0) * grid / positions

    return np.kron(weights(rows), weights(columns)).astype(np.float32)


def _with_mirrored(patches: np.ndarray) -> np.ndarray:
    """Append the mirror image of every patch."""
    return np.concatenate([patches, patches[:, :, ::-1]])


def _windows(image: np.ndarray, size: int) -> np.ndarray:
    """Return every patch of an image: (rows, columns, size, size[, colours])."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
    return windows if windows.ndim == 4 else windows.transpose(0, 1, 3, 4, 2)  # the colours came before y and x


def _flat(patches: np.ndarray) -> np.ndarray:
    return patches.reshape(len(patches), -1)


@dataclass(frozen=True)
class PatchFeatures:
    """The patch features of a dataset, read from disk as they are needed.

    Attributes:
        encoder: the encoder that computed them.
        train: features of the training images, (n, features) float16.
        test: features of the test images, (n, features) float16.
    """

    encoder: PatchEncoder
    train: np.ndarray
    test: np.ndarray


def prepare_patches(dataset: Dataset, settings: PatchSettings) -> Generator[tuple[float, str], None, PatchFeatures]:
    """Compute a dataset's patch features on all cores, or load them from DATA_DIR.

    Yields progress (fraction, text) repeatedly; returns the features.
    """
    encoder = PatchEncoder(dataset.x_train, settings)
    images = len(dataset.x_train) + len(dataset.x_test)
    text = f"Comparing {images:,} images with {settings.patches:,} patches"
    encoded = yield from encode_dataset(dataset, encoder, text)
    return PatchFeatures(encoder, encoded["train"], encoded["test"])
