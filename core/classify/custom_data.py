"""Custom datasets: uploaded images as a folder or zip with one folder per class, or as an .npz."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import numpy as np
from PIL import Image

from core.archive import ArchiveError, ArchiveLimits, open_archive, read_member
from core.classify.cache import evict_least_recently_used
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

MAX_FILES = 20_000  # images in a folder or zip
MAX_UNPACKED = 2**30  # bytes of all files of a zip together
MAX_VALUES = 400_000_000  # bytes of all images in memory: twice CIFAR-10
SIZE_RANGE = (8, 96)  # height and width of the images in an .npz
TEST_FRACTION = 0.2
CACHE_LIMIT = 2 * 10**9  # bytes of all custom datasets; the least recently used are deleted first
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")

Progress = Callable[[float, str], None]


def import_zip(file: BinaryIO, progress: Progress) -> str:
    """Save the images of a zip as a dataset, without unpacking it to disk. Return the name for `datasets.load`.

    Raises DatasetError if the file is not a zip, names files outside its folder, or is too large.
    """
    try:
        with open_archive(file, ArchiveLimits(2 * MAX_FILES, MAX_UNPACKED)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            files = ((member.filename, read_member(archive, member, MAX_BYTES)) for member in members)
            return import_files(files, len(members), progress)
    except DatasetError:
        raise
    except ArchiveError as error:
        raise DatasetError(
            f"This zip was not opened. {error}. Save fewer or smaller images as an ordinary zip: they are resized to "
            "32 × 32 pixels anyway."
        ) from error
    except READ_ERRORS as error:
        raise DatasetError(
            f"This zip cannot be read ({error!s:.120}). Upload a zip with one folder per class that contains the "
            "images of the class."
        ) from error


def import_files(files: Iterable[tuple[str, bytes]], count: int, progress: Progress) -> str:
    """Save images as a dataset, each labelled with its last folder. Return the name for `datasets.load`.

    Hidden files and files with other suffixes than images are skipped. Images are resized to 32 × 32 pixels in colour,
    or to 28 × 28 pixels in grey if all of them are grey. A fifth of each class is held out for testing.

    Args:
        files: path and content of each file.
        count: number of files, for the progress.
        progress: called repeatedly with the fraction that is done and a text.

    Raises DatasetError.
    """
    images: list[np.ndarray] = []
    labels: list[str] = []
    for number, (path, data) in enumerate(files):
        label = class_of(path)
        if label is None:
            continue
        if len(images) == MAX_FILES:
            raise DatasetError(f"There are more than {MAX_FILES:,} images. Upload fewer of them.")
        try:
            images.append(fit_image(read_image(data, path), (32, 32, 3)))
        except ImageError as error:
            raise DatasetError(str(error)) from error
        labels.append(label)
        if number % 20 == 0:
            progress(number / count, f"Reading image {number:,} of {count:,}")
    return save(_make_dataset(images, labels))


def class_of(path: str) -> str | None:
    """Return the name of an image's folder, its class; None if the file is hidden or not an image.

    Raises DatasetError if the path points outside its folder, or the image is in no folder.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if path.startswith(("/", "\\")) or ".." in parts or ":" in path or "\0" in path:
        raise DatasetError(f"The upload was rejected: {path!r:.80} points outside its folder.")
    if any(part.startswith((".", "__")) for part in parts) or not path.lower().endswith(SUFFIXES):
        return None
    if len(parts) < 2:
        raise DatasetError(
            f"{parts[-1]:.60} is not in a folder. Put the images of each class into a folder with the name of the "
            "class, for example cats/1.png and dogs/1.png."
        )
    return parts[-2][:MAX_NAME]


def _make_dataset(images: list[np.ndarray], labels: list[str]) -> Dataset:
    classes = tuple(sorted(set(labels)))
    if not 2 <= len(classes) <= MAX_CLASSES:
        found = f"{len(classes)} ({', '.join(classes[:3])})" if classes else "no images"
        raise DatasetError(
            f"Expected images in 2 to {MAX_CLASSES} folders, one per class, but found {found}. "
            f"Image files end in {', '.join(SUFFIXES)}."
        )
    x = np.stack(images)
    if (x == x[..., :1]).all():
        x = np.stack([np.asarray(Image.fromarray(one[..., 0]).resize((28, 28), Image.Resampling.BOX)) for one in x])
    y = np.searchsorted(classes, labels)
    test = np.concatenate(list(_test_indices(y, classes)))
    train = np.setdiff1d(np.arange(len(y)), test)
    return Dataset("custom", x[train], y[train], x[test], y[test], classes)


def _test_indices(y: np.ndarray, classes: tuple[str, ...]) -> Iterator[np.ndarray]:
    """Choose the test images of each class: a fifth of them at random, and at least one."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(classes):
        indices = np.flatnonzero(y == label)
        if len(indices) < 2:
            raise DatasetError(
                f"{name} has only one image. Each class needs at least two: one for training and one for testing."
            )
        yield rng.permutation(indices)[: max(1, round(TEST_FRACTION * len(indices)))]


def import_npz(file: BinaryIO) -> str:
    """Save the images of an .npz with x_train, y_train, x_test, y_test and, optionally, classes.

    Pickled objects are never opened. Returns the name for `datasets.load`; raises DatasetError.
    """
    try:
        info = read_info(file, "custom")
        height, width, *colours = (*info.image_shape, 0, 0)[: max(2, len(info.image_shape))]
        values = (info.train_size + info.test_size) * int(np.prod(info.image_shape, dtype=object))
        if colours not in ([], [3]) or not all(SIZE_RANGE[0] <= side <= SIZE_RANGE[1] for side in (height, width)):
            raise ValueError(f"its images have the shape {info.image_shape!s:.60}")
        if values > MAX_VALUES:
            raise ValueError(f"its images would take {values / 1e6:,.0f} MB; the limit is {MAX_VALUES / 1e6:,.0f} MB")
        dataset = read_dataset(file, info)
    except READ_ERRORS as error:
        low, high = SIZE_RANGE
        raise DatasetError(
            f"This .npz cannot be used: {' '.join(str(error).split()) or type(error).__name__:.200}. Expected the "
            f"arrays x_train and x_test, uint8 of shape (n, height, width) or (n, height, width, 3) with height and "
            f"width from {low} to {high}, y_train and y_test, n integers from 0, and optionally classes, at most "
            f"{MAX_CLASSES} names. np.savez_compressed writes such a file."
        ) from error
    present = np.unique(dataset.y_train)
    if len(present) < 2:
        raise DatasetError("All images in y_train belong to one class. Upload images of at least two classes.")
    classes = dataset.classes[: max(int(present.max()), int(dataset.y_test.max())) + 1]
    return save(Dataset("custom", dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test, classes))


def save(dataset: Dataset) -> str:
    """Write a custom dataset into DATA_DIR. Return its name, a hash of its classes, images and labels."""
    content = hashlib.sha256(repr(dataset.classes).encode())
    arrays = {key: np.ascontiguousarray(getattr(dataset, key)) for key in ARRAY_NAMES}
    for array in arrays.values():
        content.update(repr(array.shape).encode())
        content.update(array.data)
    name = f"own-{content.hexdigest()[:24]}"
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile(dir=path.parent, prefix=".saving-", delete=False) as file:
            np.savez_compressed(file, allow_pickle=False, classes=np.array(dataset.classes), **arrays)
        os.replace(file.name, path)
    os.utime(path)  # just used
    evict_least_recently_used(path.parent, "own-*.npz", CACHE_LIMIT)
    return name
