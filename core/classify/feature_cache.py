"""Arrays that are computed once from a dataset's images: kept in DATA_DIR, and read from there as they are needed.

Several processes may want the same array. One of them computes it, into a file that gets its name when it is complete;
the others wait.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from filelock import FileLock, Timeout
from numpy.lib.format import open_memmap
from threadpoolctl import threadpool_limits

from core.classify.cache import evict_least_recently_used
from core.classify.datasets import Dataset
from core.paths import data_dir

BLOCK_SIZE = 200  # images that a thread encodes at a time
LOCK_POLL = 0.5  # seconds between two checks whether another process has finished
TEMPORARY = ".encoding-"  # prefix of the folder in which a file is written, before its key
CACHE_LIMIT = 12e9  # bytes; the least recently used files are deleted first


class Encoder(Protocol):
    """What computes values from images.

    Attributes:
        size: number of values per image.
    """

    size: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Encode images: (n, height, width[, colours]) uint8 -> (n, size) float16."""

    def identity(self) -> tuple[str, tuple[np.ndarray, ...]]:
        """Return everything that determines the result, besides the images: a text and arrays."""


def encode_dataset(
    dataset: Dataset, encoder: Encoder, text: str
) -> Generator[tuple[float, str], None, dict[str, np.ndarray]]:
    """Encode a dataset's images on all cores, or load them: "train" and "test", (n, size) float16 each.

    Yields progress (fraction, text) repeatedly.
    """
    splits = {"train": dataset.x_train, "test": dataset.x_test}
    encoded: dict[str, np.ndarray] = {}
    total, done = sum(map(len, splits.values())), 0
    for split, images in splits.items():
        compute = partial(_encode_in_blocks, images=images, encoder=encoder)
        computing = stored(cache_key(images, encoder), (len(images), encoder.size), np.float16, compute)
        while split not in encoded:
            try:
                yield (done + len(images) * next(computing)) / total, text
            except StopIteration as end:
                encoded[split] = end.value
        done += len(images)
    return encoded


def cache_key(images: np.ndarray, encoder: Encoder) -> str:
    """Return a hash of everything that determines the encoded images."""
    text, arrays = encoder.identity()
    return array_key(text, *arrays, images)


def array_key(text: str, *arrays: np.ndarray) -> str:
    """Return a hash of a text and arrays."""
    key = hashlib.sha256(text.encode())
    for array in arrays:
        key.update(repr((array.shape, array.dtype.str)).encode())
        key.update(np.ascontiguousarray(array).data)
    return key.hexdigest()[:32]


def stored(
    key: str, shape: tuple[int, ...], dtype: type, compute: Callable[[np.ndarray], Iterable[float]]
) -> Generator[float, None, np.ndarray]:
    """Return the array with this key, mapped from its file. It is computed first if there is no such file.

    compute: fills the array that it is given, and yields the fraction that is done, 0 to 1.
    Yields this fraction; 0 while another process computes the array.
    """
    folder = data_dir() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    path = folder / f"{key}.npy"
    array = None
    while array is None:
        yield from _compute_to(path, shape, dtype, compute)
        with suppress(FileNotFoundError):  # another process has just deleted it to make space
            os.utime(path)  # just used
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    evict_least_recently_used(folder, "*.npy", CACHE_LIMIT)
    return array


def _remove_abandoned(folder: Path) -> None:
    """Delete what killed processes left behind: the folders whose lock is free."""
    for temporary in folder.glob(f"{TEMPORARY}*"):
        key = temporary.name.removeprefix(TEMPORARY).partition("-")[0]
        with suppress(Timeout), FileLock(folder / f"{key}.lock", timeout=0):
            rmtree(temporary, ignore_errors=True)


def _compute_to(
    path: Path, shape: tuple[int, ...], dtype: type, compute: Callable[[np.ndarray], Iterable[float]]
) -> Iterator[float]:
    """Write the array to this file unless it exists; yield the fraction that is done."""
    lock = FileLock(path.with_suffix(".lock"))
    while not path.exists():
        try:
            with lock.acquire(timeout=LOCK_POLL):
                if not path.exists():
                    # in a folder of its own, then renamed atomically, so a file at `path` is always complete
                    with TemporaryDirectory(prefix=f"{TEMPORARY}{path.stem}-", dir=path.parent) as folder:
                        out = open_memmap(Path(folder) / path.name, "w+", dtype, shape)
                        yield from compute(out)
                        out.flush()
                        os.replace(Path(folder) / path.name, path)
        except Timeout:
            yield 0.0  # another process is computing this file


def _encode_in_blocks(out: np.ndarray, images: np.ndarray, encoder: Encoder) -> Iterator[float]:
    """Encode all images on all cores; yield the fraction that is done."""

    def encode(start: int) -> float:
        out[start : start + BLOCK_SIZE] = encoder(images[start : start + BLOCK_SIZE])
        return min(start + BLOCK_SIZE, len(images)) / len(images)

    # one BLAS thread per worker thread: more would compete for the same cores
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            yield from pool.map(encode, range(0, len(images), BLOCK_SIZE))
        finally:
            pool.shutdown(cancel_futures=True)
