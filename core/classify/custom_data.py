"""Pictures that somebody brings along: a folder or zip of them, one folder a class, or an .npz."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import numpy as np
from PIL import Image

from core.classify.datasets import (
    ARRAY_NAMES,
    MAX_CLASSES,
    MAX_NAME,
    READ_ERRORS,
    Dataset,
    DatasetError,
    path_of,
    read_dataset,
    read_info,
)
from core.classify.images import MAX_BYTES, ImageError, fit_image, read_image

MAX_FILES = 20_000  # pictures in a folder or zip
MAX_UNPACKED = 2**30  # bytes of all files of a zip together
MAX_VALUES = 400_000_000  # bytes that all pictures together take in memory: twice CIFAR-10
SIZE_RANGE = (8, 96)  # height and width of the pictures in an .npz
TEST_SHARE = 0.2
CACHE_LIMIT = 2 * 10**9  # bytes of everybody's own pictures; what has not been used for longest goes first
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")

Progress = Callable[[float, str], None]


def import_zip(file: BinaryIO, progress: Progress) -> str:
    """Keep the pictures of a zip; returns the name under which `datasets.load` gives them. Nothing is unpacked to disk.

    Raises DatasetError with a sentence for a student where it is no zip, names files outside itself, or is too large.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            unpacked = sum(member.file_size for member in members)
            if len(members) > 2 * MAX_FILES or unpacked > MAX_UNPACKED:
                raise DatasetError(
                    f"This zip would unpack to {len(members):,} files of {unpacked / 2**20:,.0f} MB together; at most "
                    f"{MAX_FILES:,} pictures and {MAX_UNPACKED // 2**20:,} MB can be used. Make the pictures smaller: "
                    "32 × 32 pixels are what the network sees."
                )
            return import_files(
                ((member.filename, _read(archive, member)) for member in members), len(members), progress
            )
    except DatasetError:
        raise
    except READ_ERRORS as error:
        raise DatasetError(
            f"This zip cannot be read ({error!s:.120}). Expected is a zip with a folder for each class, and the "
            "pictures of the class in it."
        ) from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A file of the zip, but never more than a picture may have, whatever its header says."""
    with archive.open(member) as file:
        return file.read(MAX_BYTES + 1)


def import_files(files: Iterable[tuple[str, bytes]], count: int, progress: Progress) -> str:
    """Keep pictures, each given with its path, whose last folder is its class; returns their name for `datasets.load`.

    count: how many files there are, for the progress. Hidden files, and those whose names are no pictures', are left
    out. Pictures become 32 × 32 pixels in colour, or 28 × 28 in grey where all are grey. A fifth of each class is kept
    for the test. Raises DatasetError.
    """
    pictures, paths = [], []
    for number, (path, data) in enumerate(files):
        folders = class_of(path)
        if folders is None:
            continue
        if len(pictures) == MAX_FILES:
            raise DatasetError(f"There are more than {MAX_FILES:,} pictures: take some of them.")
        try:
            pictures.append(fit_image(read_image(data, path), (32, 32, 3)))
        except ImageError as error:
            raise DatasetError(str(error)) from error
        paths.append(folders)
        if number % 20 == 0:
            progress(number / count, f"Reading picture {number:,} of {count:,}")
    return keep(_labelled(pictures, paths))


def class_of(path: str) -> str | None:
    """The name of the folder that a picture lies in; None for what is no picture. Raises DatasetError for a trick."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if path.startswith(("/", "\\")) or ".." in parts or ":" in path or "\0" in path:
        raise DatasetError(f"A file calls itself {path!r:.80}, which points out of its folder: it was not opened.")
    if any(part.startswith((".", "__")) for part in parts) or not path.lower().endswith(SUFFIXES):
        return None
    if len(parts) < 2:
        raise DatasetError(
            f"{parts[-1]:.60} lies in no folder. Put the pictures of each class into a folder with the class's name, "
            "for example cats/1.png and dogs/1.png."
        )
    return parts[-2][:MAX_NAME]


def _labelled(pictures: list[np.ndarray], folders: list[str]) -> Dataset:
    classes = tuple(sorted(set(folders)))
    if not 2 <= len(classes) <= MAX_CLASSES:
        found = ", ".join(classes[:3]) or "no picture at all"
        raise DatasetError(
            f"Expected were pictures in 2 to {MAX_CLASSES} folders, one a class; what came is in {len(classes)}: "
            f"{found}. Pictures are files that end with {', '.join(SUFFIXES)}."
        )
    x = np.stack(pictures)
    if (x == x[..., :1]).all():
        x = np.stack([np.asarray(Image.fromarray(one[..., 0]).resize((28, 28), Image.Resampling.BOX)) for one in x])
    y = np.searchsorted(classes, folders)
    test = np.concatenate(list(_test_numbers(y, classes)))
    train = np.setdiff1d(np.arange(len(y)), test)
    return Dataset("own", x[train], y[train], x[test], y[test], classes)


def _test_numbers(y: np.ndarray, classes: tuple[str, ...]) -> Iterator[np.ndarray]:
    """Of each class, which pictures are kept for the test: a fifth, at random, and at least one."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(classes):
        numbers = np.flatnonzero(y == label)
        if len(numbers) < 2:
            raise DatasetError(f"{name} has one picture only: each class needs two, one to learn from and one to test.")
        yield rng.permutation(numbers)[: max(1, round(TEST_SHARE * len(numbers)))]


def import_npz(file: BinaryIO) -> str:
    """Keep the pictures of an .npz with x_train, y_train, x_test, y_test and perhaps classes, their names.

    Returns the name under which `datasets.load` gives them. Raises DatasetError. Pickled objects are never opened.
    """
    try:
        info = read_info(file, "own")
        height, width, *colours = (*info.image_shape, 0, 0)[: max(2, len(info.image_shape))]
        values = (info.train_size + info.test_size) * int(np.prod(info.image_shape, dtype=object))
        if colours not in ([], [3]) or not all(SIZE_RANGE[0] <= side <= SIZE_RANGE[1] for side in (height, width)):
            raise ValueError(f"its pictures have the shape {info.image_shape!s:.60}")
        if values > MAX_VALUES:
            raise ValueError(f"its pictures would take {values / 1e6:,.0f} MB, and {MAX_VALUES / 1e6:,.0f} are allowed")
        dataset = read_dataset(file, info)
    except READ_ERRORS as error:
        raise DatasetError(
            f"This .npz cannot be used: {' '.join(str(error).split()) or type(error).__name__:.200}. Expected are the "
            "arrays x_train and x_test, uint8 of shape (n, height, width) or (n, height, width, 3), height and width "
            f"from {SIZE_RANGE[0]} to {SIZE_RANGE[1]}, y_train and y_test, n whole numbers from 0 on, at most {MAX_CLASSES} "
            "classes, and perhaps classes, their names; np.savez_compressed writes such a file."
        ) from error
    present = np.unique(dataset.y_train)
    if len(present) < 2:
        raise DatasetError("All pictures in y_train are of one class: there is nothing to tell apart.")
    classes = dataset.classes[: max(int(present.max()), int(dataset.y_test.max())) + 1]
    return keep(Dataset("own", *(getattr(dataset, key) for key in ARRAY_NAMES), classes=classes))


def keep(dataset: Dataset) -> str:
    """Write somebody's own data set into DATA_DIR; returns its name, which depends on every picture in it."""
    content = hashlib.sha256(repr(dataset.classes).encode())
    for key in ARRAY_NAMES:
        content.update(repr(getattr(dataset, key).shape).encode())
        content.update(np.ascontiguousarray(getattr(dataset, key)))
    name = f"own-{content.hexdigest()[:24]}"
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile(dir=path.parent, prefix=".keeping-", delete=False) as file:
            np.savez_compressed(
                file, classes=np.array(dataset.classes), **{k: getattr(dataset, k) for k in ARRAY_NAMES}
            )
        os.replace(file.name, path)
    os.utime(path)
    kept = 0
    for file in sorted(path.parent.glob("own-*.npz"), key=lambda file: file.stat().st_mtime, reverse=True):
        kept += file.stat().st_size
        if kept > CACHE_LIMIT and file != path:
            file.unlink(missing_ok=True)
    return name
