"""Patch features: the similarity of image regions to small whitened patches of training images.

Patches cut at random from training images, and their mirror images, are whitened and become filters. Every position of
an image is compared with every filter; positive and negative responses are averaged in each cell of a grid. So the
features of a mirrored image are those of the image in another order. Nothing here is learned by gradient descent.
Coates & Ng, "The importance of encoding versus training with sparse coding and vector quantization" (2011), on the
pipeline of Coates, Lee & Ng, "An analysis of single-layer networks in unsupervised feature learning" (2011).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import numpy as np
from filelock import FileLock, Timeout
from numpy.lib.format import open_memmap
from threadpoolctl import threadpool_limits

from core.classify.cache import evict_least_recently_used
from core.classify.datasets import Dataset
from core.paths import data_dir
from core.training import check_range

VERSION = 2  # part of the cache key: increase it whenever the same settings would give other features
WHITENING_SAMPLES = 100_000  # patches from which the covariance for whitening is estimated
CONTRAST_FLOOR, WHITENING_FLOOR = 10.0, 0.1  # keep noise in flat patches and rare directions from being amplified
MAX_FEATURES = 51_200  # per image: 1,600 patches on a 4 × 4 grid
BLOCK_SIZE = 200  # images that a thread encodes at a time
LOCK_POLL = 0.5  # seconds between two checks whether another process has finished
TEMPORARY = ".encoding-"  # prefix of the folder in which a file is written, before its key
CACHE_LIMIT = 12e9  # bytes; the least recently used files are deleted first


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
        self.settings = settings
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
        """(n, height, width[, colours]) uint8 -> (n, features) float16."""
        return np.stack([self.encode(image) for image in images])

    def encode(self, image: np.ndarray) -> np.ndarray:
        """Compute the features of one image: positive, then negative responses of each cell.

        (height, width[, colours]) uint8 -> (features,) float16.
        """
        threshold = self.settings.threshold
        windows = _windows(image, self.settings.size)
        patches = windows.reshape(windows.shape[0] * windows.shape[1], -1)
        responses = normalize(patches) @ self.filters  # (positions, patches)
        responses += self.bias
        # The mean of max(z - t, 0) is the mean of max(z, t), minus t; and the same for -z.
        cells = _cells(*windows.shape[:2], self.settings.grid)
        negative = -(cells @ np.minimum(responses, -threshold)) - threshold
        positive = cells @ np.maximum(responses, threshold, out=responses) - threshold
        return np.stack([positive, negative], axis=1).reshape(-1).astype(np.float16)

    def mirror(self, features: np.ndarray) -> np.ndarray:
        """Return the features of the mirrored images, up to rounding. (n, features) -> (n, features)."""
        grid = self.settings.grid
        # rows, columns, positive and negative, patches as they were drawn and their mirror images
        ordered = features.reshape(len(features), grid, grid, 2, 2, self.settings.patches // 2)
        return ordered[:, :, ::-1, :, ::-1].reshape(features.shape)


def normalize(patches: np.ndarray) -> np.ndarray:
    """Remove brightness and contrast from every patch. (n, values) uint8 -> (n, values) float32."""
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
        test: features of the test images.
    """

    encoder: PatchEncoder
    train: np.ndarray
    test: np.ndarray


def prepare(dataset: Dataset, settings: PatchSettings) -> Generator[tuple[float, str], None, PatchFeatures]:
    """Compute a dataset's patch features on all cores, or load them from DATA_DIR.

    Yields progress (fraction, text) repeatedly; returns the features. If another process is computing the same
    features, waits for it.
    """
    encoder = PatchEncoder(dataset.x_train, settings)
    splits = {"train": dataset.x_train, "test": dataset.x_test}
    folder = data_dir() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    features: dict[str, np.ndarray] = {}
    total, done = sum(map(len, splits.values())), 0
    for split, images in splits.items():
        path = folder / f"{cache_key(images, encoder)}.npy"
        while split not in features:
            for encoded in _encode_to(path, images, encoder):
                yield (done + encoded) / total, f"Comparing {total:,} images with {settings.patches:,} patches"
            with suppress(FileNotFoundError):  # another process has just deleted it to make space
                os.utime(path)  # just used
                features[split] = np.load(path, mmap_mode="r", allow_pickle=False)
        done += len(images)
    evict_least_recently_used(folder, "*.npy", CACHE_LIMIT)
    return PatchFeatures(encoder, features["train"], features["test"])


def cache_key(images: np.ndarray, encoder: PatchEncoder) -> str:
    """Return a hash of everything that determines the features: images, filters, settings and VERSION."""
    key = hashlib.sha256(json.dumps([VERSION, asdict(encoder.settings)]).encode())
    for array in (encoder.filters, encoder.bias, images):
        key.update(repr((array.shape, array.dtype.str)).encode())
        key.update(np.ascontiguousarray(array).data)
    return key.hexdigest()[:32]


def _remove_abandoned(folder: Path) -> None:
    """Delete what killed processes left behind: the folders whose lock is free."""
    for temporary in folder.glob(f"{TEMPORARY}*"):
        key = temporary.name.removeprefix(TEMPORARY).partition("-")[0]
        with suppress(Timeout), FileLock(folder / f"{key}.lock", timeout=0):
            rmtree(temporary, ignore_errors=True)


def _encode_to(path: Path, images: np.ndarray, encoder: PatchEncoder) -> Iterator[int]:
    """Write the images' features to this file unless it exists; yield how many images are done."""
    lock = FileLock(path.with_suffix(".lock"))
    while not path.exists():
        try:
            with lock.acquire(timeout=LOCK_POLL):
                if not path.exists():
                    yield from _encode_all(path, images, encoder)
        except Timeout:
            yield 0  # another process is computing this file


def _encode_all(path: Path, images: np.ndarray, encoder: PatchEncoder) -> Iterator[int]:
    """Encode into a temporary folder, then rename atomically, so a file at `path` is always complete."""
    starts = range(0, len(images), BLOCK_SIZE)
    with TemporaryDirectory(prefix=f"{TEMPORARY}{path.stem}-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        out = open_memmap(temporary, "w+", np.float16, (len(images), encoder.settings.features))

        def encode(start: int) -> int:
            out[start : start + BLOCK_SIZE] = encoder(images[start : start + BLOCK_SIZE])
            return min(start + BLOCK_SIZE, len(images))

        # one BLAS thread per worker thread: more would compete for the same cores
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                yield from pool.map(encode, starts)
            finally:
                pool.shutdown(cancel_futures=True)
        out.flush()
        os.replace(temporary, path)
