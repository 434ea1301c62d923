"""Patch features: a picture described by how much it looks, here and there, like small patches of other pictures.

Nothing here is learned by gradient descent. Patches cut at random from training pictures, and their mirror images, are
whitened and become filters; every place of a picture is compared with each of them; what a filter finds, and what it
finds inverted, is added up in each cell of a grid. So a picture in the mirror has the same features in another order.
Coates & Ng, "The importance of encoding versus training with sparse coding and vector
quantization" (2011), on the pipeline of Coates, Lee & Ng, "An analysis of single-layer networks in unsupervised feature
learning" (2011).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from filelock import FileLock, Timeout
from numpy.lib.format import open_memmap
from threadpoolctl import threadpool_limits

from core.classify.datasets import Dataset, data_dir
from core.training import check_range

VERSION = 2  # part of the cache's key: grows whenever the same settings would give other features
WHITENING_SAMPLES = 100_000  # how many patches tell which directions are common; whitening makes all equally common
CONTRAST_FLOOR, WHITENING_FLOOR = 10.0, 0.1  # keep noise in flat patches, and in rare directions, from being blown up
BLOCK_SIZE = 200  # pictures that a thread encodes at a time
LOCK_POLL = 0.5  # seconds between two looks whether somebody else is done
CACHE_LIMIT = 12e9  # bytes; what has not been used for longest goes first


@dataclass(frozen=True)
class PatchSettings:
    """patches: how many filters, half of them the others' mirror images. size: height and width of a patch, in pixels.
    grid: cells a side. threshold: how much of a likeness does not count yet. seed: which patches are drawn.

    Raises ValueError with a sentence for a student where a field is wrong.
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
                f"The number of patches must be even, as half of them are the others in the mirror, but it is "
                f"{self.patches:,}."
            )
        check_range("The size of a patch", self.size, 2, 12, whole=True)
        check_range("The cells of the grid, a side,", self.grid, 1, 5, whole=True)
        check_range("The threshold", self.threshold, 0, 10)

    @property
    def features(self) -> int:
        """How many features describe a picture: cells · (likenesses and opposites) · patches."""
        return self.grid**2 * 2 * self.patches


class PatchEncoder:
    """Pictures to patch features, with filters made of training pictures alone.

    cut: (patches, size, size[, colours]) uint8, the patches as they were drawn, then their mirror images.
    filters: (size · size · colours, patches) float32, the same patches whitened, each of length 1.
    bias: (patches,) float32.
    """

    def __init__(self, pictures: np.ndarray, settings: PatchSettings):
        """pictures: (n, height, width[, colours]) uint8. Raises ValueError where they are smaller than a patch."""
        if min(pictures.shape[1:3]) < settings.size + settings.grid - 1:
            raise ValueError(
                f"Pictures of {pictures.shape[1]} × {pictures.shape[2]} pixels are too small for a grid of "
                f"{settings.grid} × {settings.grid} cells of patches of {settings.size} × {settings.size} pixels: "
                "take smaller patches or fewer cells."
            )
        self.settings = settings
        rng = np.random.default_rng(settings.seed)
        self.cut = _with_mirrored(random_patches(pictures, settings.size, settings.patches // 2, rng))
        measured = _with_mirrored(random_patches(pictures, settings.size, WHITENING_SAMPLES // 2, rng))
        measured = normalize(_flat(measured))
        mean = measured.mean(axis=0, dtype=np.float64)
        variances, directions = np.linalg.eigh(np.cov(measured, rowvar=False))
        # ZCA whitening: along each principal direction, divide by the deviation there
        whitening = directions / np.sqrt(variances.clip(0) + WHITENING_FLOOR) @ directions.T
        whitened = (normalize(_flat(self.cut)) - mean) @ whitening
        whitened /= np.linalg.norm(whitened, axis=1, keepdims=True) + 1e-8
        # whitening a patch and comparing it with a filter are both linear, so one matrix does both
        self.whitened = whitened.astype(np.float32)
        self.filters = (whitening @ whitened.T).astype(np.float32)
        self.bias = (-mean @ whitening @ whitened.T).astype(np.float32)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(n, height, width[, colours]) uint8 -> (n, features) float16: for each cell, likenesses, then opposites."""
        return np.stack([self.encode(picture) for picture in pictures])

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """(height, width[, colours]) uint8 -> (features,) float16."""
        threshold = self.settings.threshold
        windows = _windows(picture, self.settings.size)
        patches = windows.reshape(windows.shape[0] * windows.shape[1], -1)
        likeness = normalize(patches) @ self.filters  # (places, patches)
        likeness += self.bias
        # The mean of max(z - t, 0) is the mean of max(z, t), minus t; and the same for -z.
        cells = _cells(*windows.shape[:2], self.settings.grid)
        opposite = -(cells @ np.minimum(likeness, -threshold)) - threshold
        like = cells @ np.maximum(likeness, threshold, out=likeness) - threshold
        return np.stack([like, opposite], axis=1).reshape(-1).astype(np.float16)

    def mirror(self, features: np.ndarray) -> np.ndarray:
        """The features (n, features) of the same pictures in the mirror: (n, features), but for rounding."""
        grid = self.settings.grid
        # rows, columns, likenesses and opposites, patches as they were drawn and mirror images of these
        ordered = features.reshape(len(features), grid, grid, 2, 2, -1)
        return ordered[:, :, ::-1, :, ::-1].reshape(features.shape)


def normalize(patches: np.ndarray) -> np.ndarray:
    """Brightness and contrast taken out of every patch. (n, numbers) uint8 -> (n, numbers) float32."""
    patches = patches.astype(np.float32)
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(np.square(patches).mean(axis=1, keepdims=True) + CONTRAST_FLOOR)
    return patches


def random_patches(pictures: np.ndarray, size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n patches from random places of random pictures: (n, size, size[, colours]) uint8."""
    which = rng.integers(len(pictures), size=n)
    top = rng.integers(pictures.shape[1] - size + 1, size=n)
    left = rng.integers(pictures.shape[2] - size + 1, size=n)
    y, x = np.mgrid[:size, :size]
    return pictures[which[:, None, None], top[:, None, None] + y, left[:, None, None] + x]


@cache
def _cells(rows: int, columns: int, grid: int) -> np.ndarray:
    """How much each of rows · columns places counts in each cell's mean: (grid · grid, places) float32.

    Cells are equally large; a place that an edge runs through counts in both, by its share. So they are symmetric.
    """

    def shares(places: int) -> np.ndarray:
        edges = np.linspace(0, places, grid + 1)
        place = np.arange(places)
        inside = np.minimum(place + 1, edges[1:, None]) - np.maximum(place, edges[:-1, None])
        return inside.clip(0) * grid / places

    return np.kron(shares(rows), shares(columns)).astype(np.float32)


def _with_mirrored(patches: np.ndarray) -> np.ndarray:
    """The patches, then the same left to right."""
    return np.concatenate([patches, patches[:, :, ::-1]])


def _windows(picture: np.ndarray, size: int) -> np.ndarray:
    """Every patch of a picture: (rows, columns, size, size[, colours])."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (size, size), axis=(0, 1))
    return windows if windows.ndim == 4 else windows.transpose(0, 1, 3, 4, 2)  # the colours came before y and x


def _flat(patches: np.ndarray) -> np.ndarray:
    return patches.reshape(len(patches), -1)


@dataclass(frozen=True)
class PatchFeatures:
    """A data set's pictures as patch features, read from the disk as they are needed, and who made them.

    train, test: (n, features) float16.
    """

    encoder: PatchEncoder
    train: np.ndarray
    test: np.ndarray


def prepare(dataset: Dataset, settings: PatchSettings) -> Generator[tuple[float, str], None, PatchFeatures]:
    """Compute a data set's features with all cores, or find them in DATA_DIR.

    Yields how much is done, from 0 to 1, and a text, again and again; returns the features. The filters are
    made of the training pictures alone. Where somebody else is computing the same, this waits for them.
    """
    encoder = PatchEncoder(dataset.x_train, settings)
    splits = {"train": dataset.x_train, "test": dataset.x_test}
    folder = data_dir() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    pictures, done = sum(map(len, splits.values())), 0
    for split, wanted in splits.items():
        path = folder / f"{cache_key(wanted, encoder)}.npy"
        for encoded in _encode_to(path, wanted, encoder):
            text = f"Comparing {pictures:,} pictures with {settings.patches:,} patches"
            yield (done + encoded) / pictures, text
        done += len(wanted)
        found[split] = np.load(path, mmap_mode="r", allow_pickle=False)
        os.utime(path)  # it was used just now
    _evict_oldest(folder)
    return PatchFeatures(encoder, found["train"], found["test"])


def cache_key(pictures: np.ndarray, encoder: PatchEncoder) -> str:
    """A name for the features of these pictures: another picture, filter, setting or program gives another one."""
    made_by = hashlib.sha256(json.dumps([VERSION, asdict(encoder.settings)]).encode())
    for array in (encoder.filters, encoder.bias, pictures):
        made_by.update(repr((array.shape, array.dtype.str)).encode())
        made_by.update(np.ascontiguousarray(array))
    return made_by.hexdigest()[:32]


def _encode_to(path: Path, pictures: np.ndarray, encoder: PatchEncoder) -> Iterator[int]:
    """Write the pictures' features to this file unless it is there; yields how many pictures are done."""
    lock = FileLock(path.with_suffix(".lock"))
    while not path.exists():
        try:
            with lock.acquire(timeout=LOCK_POLL):
                if not path.exists():
                    yield from _encode_all(path, pictures, encoder)
        except Timeout:
            yield 0  # somebody else is at it


def _encode_all(path: Path, pictures: np.ndarray, encoder: PatchEncoder) -> Iterator[int]:
    """Encode in a folder of its own, then give the finished file its name at one stroke: a file there is whole."""
    starts = range(0, len(pictures), BLOCK_SIZE)
    with TemporaryDirectory(prefix=".encoding-", dir=path.parent) as folder:
        half = Path(folder) / path.name
        out = open_memmap(half, "w+", np.float16, (len(pictures), encoder.settings.features))

        def encode(start: int) -> int:
            out[start : start + BLOCK_SIZE] = encoder(pictures[start : start + BLOCK_SIZE])
            return min(start + BLOCK_SIZE, len(pictures))

        # one BLAS thread for each of ours: more would only get in one another's way
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                yield from pool.map(encode, starts)
            finally:
                pool.shutdown(cancel_futures=True)
        out.flush()
        os.replace(half, path)


def _evict_oldest(folder: Path) -> None:
    """Delete what was used longest ago, until the rest is not larger than CACHE_LIMIT."""
    files = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > CACHE_LIMIT and file != files[0]:
            file.unlink(missing_ok=True)
