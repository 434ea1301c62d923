"""Whitened pixels: images whose pixels are decorrelated (ZCA whitening), so that edges stand out.

Neighbouring pixels are nearly equal, so a few directions of the space of all images have most of the variance, and
gradient descent learns little along the others. ZCA whitening divides an image by the standard deviation along each of
these directions. Of all ways to do so, it changes the images least: they stay recognisable.
Bell & Sejnowski, "The 'independent components' of natural scenes are edge filters" (1997); Krizhevsky, "Learning
multiple layers of features from tiny images" (2009), appendix A.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from core.classify.datasets import Dataset
from core.classify.feature_cache import array_key, encode_dataset, stored

VERSION = 1  # part of the cache key: increase it whenever the same images would give other values
EPSILON = 0.1  # added to each variance; keeps noise from being amplified. Pixels have a variance of 1.
MAX_VALUES = 4_096  # per image; the matrix has as many rows and columns
BLOCK_SIZE = 1_000  # images


class Standardizer:
    """Scale images to mean 0 and standard deviation 1 per colour channel, as measured on the training images."""

    def __init__(self, images: np.ndarray):
        channels = images.reshape(-1, 3 if images.ndim == 4 else 1)[::7]  # every seventh pixel: a large enough sample
        self.mean = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = (1 / (channels.std(axis=0, dtype=np.float64) + 1e-3)).astype(np.float32)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Scale images: (n, height, width[, colours]) uint8 or float32 -> (n, height · width · colours) float32."""
        inputs = images.reshape(len(images), -1, len(self.mean)).astype(np.float32)
        inputs -= self.mean
        inputs *= self.scale
        return inputs.reshape(len(images), -1)


class Whitening:
    """ZCA whitening, as measured on the training images.

    Attributes:
        size: number of values per image.
        standardize: applied first.
        mean: of each standardized value, (size,) float32.
        matrix: W = U (Λ + ε)^(-1/2) Uᵀ, where U Λ Uᵀ is the covariance of the standardized values; symmetric,
            (size, size) float32. Its row i is the filter that computes value i.
    """

    def __init__(self, standardize: Standardizer, mean: np.ndarray, matrix: np.ndarray):
        self.standardize, self.mean, self.matrix = standardize, mean, matrix
        self.size = len(mean)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Whiten images: (n, height, width[, colours]) uint8 -> (n, size) float16."""
        return ((self.standardize(images) - self.mean) @ self.matrix).astype(np.float16)

    def identity(self) -> tuple[str, tuple[np.ndarray, ...]]:
        """Return everything that determines the whitened values, besides the images: a text and arrays."""
        standardize = self.standardize
        return json.dumps(["whitened", VERSION]), (standardize.mean, standardize.scale, self.mean, self.matrix)


def prepare_whitened(dataset: Dataset) -> Generator[tuple[float, str], None, tuple[Whitening, dict[str, np.ndarray]]]:
    """Measure the whitening on a dataset's training images and apply it to all, or load both from DATA_DIR.

    Yields progress (fraction, text) repeatedly. Returns the whitening, and the whitened images "train" and "test",
    (n, size) float16 each.
    """
    standardize = Standardizer(dataset.x_train)
    size = dataset.x_train[0].size
    measuring = stored(
        array_key(json.dumps(["whitening", VERSION, EPSILON]), dataset.x_train),
        (size + 1, size),
        np.float32,
        lambda out: _measure(out, dataset.x_train, standardize),
    )
    mean_and_matrix = None
    while mean_and_matrix is None:
        try:
            yield next(measuring), "Measuring how the pixels of the training images vary together"
        except StopIteration as end:
            mean_and_matrix = end.value
    whitening = Whitening(standardize, mean_and_matrix[0], mean_and_matrix[1:])
    images = len(dataset.x_train) + len(dataset.x_test)
    return whitening, (yield from encode_dataset(dataset, whitening, f"Whitening {images:,} images"))


def _measure(out: np.ndarray, images: np.ndarray, standardize: Standardizer) -> Iterator[float]:
    """Write mean and matrix, below each other, to `out`; yield the fraction that is done, about."""
    size = out.shape[1]
    total, products = np.zeros(size), np.zeros((size, size))
    with threadpool_limits(1, "blas"):  # the order of additions, and so the last digits, depend on the threads
        for start in range(0, len(images), BLOCK_SIZE):
            block = standardize(images[start : start + BLOCK_SIZE])
            total += block.sum(axis=0, dtype=np.float64)
            products += block.T @ block
            yield 0.5 * start / len(images)
        out[0] = mean = total / len(images)
        products /= len(images)
        products -= np.outer(mean, mean)
        out[1:] = zca_matrix(products)
    yield 1.0


def zca_matrix(covariance: np.ndarray) -> np.ndarray:
    """Return W = U (Λ + ε)^(-1/2) Uᵀ for a covariance U Λ Uᵀ: (size, size) -> (size, size)."""
    variances, directions = np.linalg.eigh(covariance)
    return directions / np.sqrt(variances.clip(0) + EPSILON) @ directions.T
