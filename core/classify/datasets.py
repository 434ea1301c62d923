"""Labelled images: built in, from a file in DATA_DIR, or downloaded into it.

DATA_DIR is an environment variable; by default it is this project's folder data/.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import unicodedata
import zipfile
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from weakref import WeakValueDictionary

import numpy as np

from core.archive import READ_ERRORS, ArchiveLimits, open_archive, read_array, read_array_header
from core.paths import PROJECT, data_dir

ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")
MAX_IMAGES = 200_000  # per array; a damaged or hostile file that claims more must not fill the memory
NPZ_LIMITS = ArchiveLimits(members=20, total_bytes=2**30)
MAX_CLASSES, MAX_NAME = 100, 60  # of a custom dataset: classes, and characters of a class name
UNPRINTABLE = {"Cc", "Cs"}  # Unicode's control characters and halves of surrogate pairs
RECENTLY_USED = 2  # datasets that stay in memory although nothing uses them; CIFAR-10 takes 184 MB
DOWNLOAD_TIMEOUT = 60.0  # seconds without a new byte before a download is cancelled
DIGITS_FILE = Path(__file__).with_name("mnist_5k.npz")  # origin and licence: mnist_5k.md

Progress = Callable[[float, str], None]


class DatasetError(ValueError):
    """A dataset is missing or unusable. The message tells a student why, and what to do."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their labels. The arrays are read-only, because everyone who loads them shares them.

    Attributes:
        name: the name under which `load` returns it.
        x_train: training images, (n, height, width) or (n, height, width, 3) uint8.
        y_train: their class indices, (n,) int64.
        x_test: test images.
        y_test: their class indices.
        classes: the names of the classes.
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
    """What is known about a dataset before it is loaded.

    Attributes:
        name: the name under which `load` returns it.
        title: the name for people.
        classes: the names of the classes.
        image_shape: (height, width) or (height, width, 3).
        train_size: number of training images.
        test_size: number of test images.
        download_size: bytes to download.
        torchvision_class: the class that downloads it; None for built-in and custom datasets.
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
        """Whether its images were uploaded (core/classify/custom_data.py)."""
        return is_custom(self.name)

    @property
    def is_builtin(self) -> bool:
        """Whether it comes with this project."""
        return self.torchvision_class is None and not self.is_custom

    @property
    def path(self) -> Path:
        """Its file, which may not exist yet. A built-in dataset has none."""
        return path_of(self.name)

    @property
    def is_available(self) -> bool:
        """Whether it can be loaded without a download."""
        return self.is_builtin or os.path.exists(self.path)

    @property
    def download_megabytes(self) -> int:
        """Size of the download in MB."""
        return round(self.download_size / 1e6)


DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

DATASETS = {
    info.name: info
    for info in (
        DatasetInfo("mnist-5k", "MNIST, 5,000 digits", DIGITS, (28, 28), 4_000, 1_000),
        DatasetInfo("mnist", "MNIST", DIGITS, (28, 28), 60_000, 10_000, 11_594_722, "MNIST"),
        DatasetInfo("fashion-mnist", "Fashion-MNIST", CLOTHES, (28, 28), 60_000, 10_000, 30_878_645, "FashionMNIST"),
        DatasetInfo("cifar10", "CIFAR-10", OBJECTS, (32, 32, 3), 50_000, 10_000, 170_498_071, "CIFAR10"),
    )
}


def path_of(name: str) -> Path:
    """Return the file of a dataset that is not built in."""
    return data_dir() / ("own" if is_custom(name) else "") / f"{name}.npz"


def is_custom(name: str) -> bool:
    """Return whether this is the name of a custom dataset: "own-" and a hash of its content.

    The hash keeps the name from being guessed. Configs of stored runs contain the name.
    """
    return re.fullmatch("own-[0-9a-f]{24}", name) is not None


def get_info(name: str) -> DatasetInfo:
    """Describe a dataset without loading it.

    Raises DatasetError if the name is unknown, or if a custom dataset is missing or damaged.
    """
    if name in DATASETS:
        return DATASETS[name]
    if not is_custom(name):
        raise DatasetError(f"Unknown dataset {name!r:.60}. Choose one of {', '.join(DATASETS)}.")
    path = path_of(name)
    if not path.exists():
        raise DatasetError("This custom dataset has been deleted from the server. Upload its images again.")
    return _read_custom_info(path, name)


@lru_cache(maxsize=64)  # such a file never changes: its name is a hash of its content
def _read_custom_info(path: Path, name: str) -> DatasetInfo:
    try:
        return read_info(path, name)
    except READ_ERRORS as error:
        raise DatasetError(f"This custom dataset is unreadable ({error!s:.200}). Upload its images again.") from error


def read_info(file: Path | BinaryIO, name: str) -> DatasetInfo:
    """Describe an .npz with the arrays ARRAY_NAMES and, optionally, the class names in `classes`.

    Raises one of READ_ERRORS if the file is not such an .npz.
    """
    with _open(file) as archive:
        (train, *shape), _ = read_array_header(archive, "x_train")
        (test, *_), _ = read_array_header(archive, "x_test")
        if "classes.npy" not in archive.namelist():
            return DatasetInfo(name, "Custom dataset", tuple(map(str, range(MAX_CLASSES))), tuple(shape), train, test)
        (*_, count), dtype = read_array_header(archive, "classes")
        if dtype.kind != "U" or not 2 <= count <= MAX_CLASSES or dtype.itemsize > 4 * MAX_NAME:
            raise ValueError(f"classes must be 2 to {MAX_CLASSES} names of at most {MAX_NAME} characters")
        classes = tuple(map(str, read_array(archive, "classes")))
    check_class_names(classes)
    return DatasetInfo(name, "Custom dataset", classes, tuple(shape), train, test)


def check_class_names(names: Iterable[str]) -> None:
    """Raise ValueError unless every name can be shown and differs from the others."""
    names = list(names)
    for name in names:
        if not name.strip():
            raise ValueError("A class has an empty name. Give every class a name")
        if any(unicodedata.category(character) in UNPRINTABLE for character in name):
            raise ValueError(f"The class name {name!a:.80} contains characters that cannot be shown. Rename it")
        if len(name) > MAX_NAME:
            raise ValueError(f"The class name {name:.20}… is longer than {MAX_NAME} characters. Shorten it")
    if equal := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"Two classes have the same name, {equal[0]}. Rename one of them")


def load(name: str, progress: Progress | None = None) -> Dataset:
    """Load a dataset by name; download it first if necessary.

    progress: called repeatedly during a download, with the fraction that is done and a text.

    Raises DatasetError if the name is unknown, the file does not hold the dataset, or the download fails.
    """
    info = get_info(name)
    if info.is_builtin:
        return _load_builtin()
    if not info.is_available:
        _download(info, progress or (lambda fraction, text: None))
    return _load_file(info, info.path, os.stat(info.path).st_mtime_ns)


@cache
def _load_builtin() -> Dataset:
    """Split the built-in 5,000 MNIST digits: of each digit, 400 for training and 100 for testing."""
    with np.load(DIGITS_FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"].astype(np.int64)
    rng = np.random.default_rng(0)
    by_class = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([indices[:400] for indices in by_class]))
    test = rng.permutation(np.concatenate([indices[400:] for indices in by_class]))
    return Dataset("mnist-5k", images[train], labels[train], images[test], labels[test], DIGITS)


_in_memory: WeakValueDictionary[tuple[Path, int], Dataset] = WeakValueDictionary()
_recent: deque[Dataset] = deque(maxlen=RECENTLY_USED)
_reading = threading.Lock()


def _load_file(info: DatasetInfo, path: Path, modified: int) -> Dataset:
    """Return the dataset in an .npz in Keras's layout, which is in memory only once, however many sessions use it.

    `modified`, the file's time, makes a replaced file be read again.
    """
    with _reading:
        dataset = _in_memory.get((path, modified))
        if dataset is None:
            dataset = _in_memory[path, modified] = _read_file(info, path)
        if dataset not in _recent:
            _recent.append(dataset)
        return dataset


def _read_file(info: DatasetInfo, path: Path) -> Dataset:
    try:
        return read_dataset(path, info)
    except READ_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        shape = ", ".join(map(str, info.image_shape))
        raise DatasetError(
            f"{path} cannot be used: {reason:.200}. Expected an .npz file written by np.savez with x_train and x_test, "
            f"uint8 of shape (n, {shape}), and y_train and y_test, n integers from 0 to {len(info.classes) - 1}, where "
            f"n is at most {MAX_IMAGES:,}. Replace the file, or remove it to download the dataset again."
        ) from error


def read_dataset(file: Path | BinaryIO, info: DatasetInfo) -> Dataset:
    """Read an .npz with the arrays ARRAY_NAMES. Raises one of READ_ERRORS if it is not as `info` says."""
    with _open(file) as archive:
        found = [name.removesuffix(".npy") for name in archive.namelist()]
        if not set(ARRAY_NAMES) <= set(found):
            raise ValueError(f"it contains {', '.join(found) or 'nothing':.80}")
        arrays = {key: _read_array(archive, key, info) for key in ARRAY_NAMES}
    for split in ("train", "test"):
        images, labels = len(arrays[f"x_{split}"]), len(arrays[f"y_{split}"])
        if images != labels:
            raise ValueError(f"x_{split} has {images:,} images, but y_{split} has {labels:,} labels")
    return Dataset(info.name, **arrays, classes=info.classes)


def _open(file: Path | BinaryIO) -> AbstractContextManager[zipfile.ZipFile]:
    """Open an .npz with the arrays ARRAY_NAMES and `classes`. Raises one of READ_ERRORS if it breaks a bound."""
    return open_archive(file.read_bytes() if isinstance(file, Path) else file, NPZ_LIMITS)


def _read_array(archive: zipfile.ZipFile, key: str, info: DatasetInfo) -> np.ndarray:
    """Read one array of an .npz, after checking that its header claims a size and type that fit.

    Raises one of READ_ERRORS if the array is not as `info` says.
    """
    shape, dtype = read_array_header(archive, key)
    if key.startswith("x_"):
        fits = dtype == np.uint8 and shape[1:] == info.image_shape
    else:
        fits = dtype.kind in "iu" and shape[1:] in ((), (1,))  # the labels of Keras's CIFAR-10 are a column
    if not (fits and shape and 1 <= shape[0] <= MAX_IMAGES):
        raise ValueError(f"{key} is {dtype!s:.40} of shape {shape!s:.80}")

    array = read_array(archive, key)
    if key.startswith("x_"):
        return np.ascontiguousarray(array)
    if array.min() < 0 or array.max() >= len(info.classes):
        raise ValueError(f"the labels in {key} range from {array.min()} to {array.max()}")
    return array.reshape(-1).astype(np.int64)


def _download(info: DatasetInfo, progress: Progress) -> None:
    """Download into a temporary folder, then rename atomically.

    So a file at `info.path` is always complete, however many processes download it and whatever interrupts them.
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
        "yourself (see data/README.md), or choose mnist-5k, which is built in."
    )


def _run_download(info: DatasetInfo, folder: Path, progress: Progress) -> str | None:
    """Run torchvision in a subprocess, which can be observed and killed. Return why it failed, or None."""
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
                fraction = min(1.0, _size(folder, "*.gz") / info.download_size)
                done = f"{fraction * info.download_megabytes:.0f} of {info.download_megabytes} MB"
                progress(fraction, f"Downloading {info.title}: {done}" if fraction < 1 else f"Unpacking {info.title}")
                time.sleep(0.1)
        finally:
            process.kill()
    if process.returncode == 0:
        return None
    return _last_line(log.read_text("utf-8", errors="replace")) or f"its process ended with {process.returncode}"


def _fetch(torchvision_class: str, folder: str, file: str) -> None:
    """Download both splits into the folder, and write them to `file` there, in Keras's layout.

    Runs in the subprocess of `_run_download`, which reports the last line of output as the reason of a failure.
    """
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that was built for another torch
        sys.exit(
            f"torchvision does not load ({_last_line(str(error))}). `pip install torch torchvision` in an empty "
            "environment installs a matching pair"
        )
    arrays = {}
    try:
        for split in ("train", "test"):
            images = getattr(datasets, torchvision_class)(folder, train=split == "train", download=True)
            arrays[f"x_{split}"] = np.asarray(images.data, np.uint8)
            arrays[f"y_{split}"] = np.asarray(images.targets, np.uint8)
        with open(Path(folder) / file, "wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
            out.flush()
            os.fsync(out.fileno())
    except (OSError, RuntimeError) as error:  # no network, a wrong checksum, a full disk
        sys.exit(f"{_last_line(str(error))}. Check the network and try again")


def _size(folder: Path, pattern: str) -> int:
    """Return the total bytes of all files below the folder that match."""
    return sum(file.stat().st_size for file in folder.rglob(pattern))


def _last_line(text: str) -> str:
    """Return the last line that is not empty, where tracebacks and torchvision's errors state the reason."""
    return next((line.strip(" .<>") for line in reversed(text.splitlines()) if line.strip()), "")
