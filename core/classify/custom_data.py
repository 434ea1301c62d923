"""Custom datasets: uploaded images as a folder or zip with one folder per class, or as an .npz."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
from PIL import Image

from core.archive import READ_ERRORS, ArchiveError, ArchiveLimits, open_archive, read_member
from core.classify.cache import evict_least_recently_used
from core.classify.datasets import (
    ARRAY_NAMES,
    MAX_CLASSES,
    Dataset,
    DatasetError,
    check_class_names,
    path_of,
    read_dataset,
    read_info,
)
from core.classify.images import MAX_BYTES, SUFFIXES, ImageError, fit_image, pixels_to_decode, read_image

MAX_FILES = 20_000  # images in a folder or zip
MAX_UNPACKED = 2**30  # bytes of all files of a zip together
MAX_VALUES = 400_000_000  # bytes of all images in memory: twice CIFAR-10
SIZE_RANGE = (8, 96)  # height and width of the images in an .npz
TEST_FRACTION = 0.2
CACHE_LIMIT = 2 * 10**9  # bytes of all custom datasets; the least recently used are deleted first
MAX_DECODED_PIXELS = 4_000_000_000  # of all images together: about a minute of work
UTF8_FLAG = 0x800  # of a zip's member: its name is UTF-8 (PKWARE, "APPNOTE.TXT", 4.4.4, bit 11)
EXAMPLES = 3  # names in a message
SUFFIXES_SHOWN = (".png", ".jpg", ".gif", ".webp", ".bmp", ".tif", ".avif")  # the best known of SUFFIXES

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Imported:
    """A custom dataset that was saved.

    Attributes:
        name: its name for `datasets.load`.
        notes: sentences about what was left out or looks wrong.
    """

    name: str
    notes: tuple[str, ...] = ()


def import_zip(file: BinaryIO, progress: Progress) -> Imported:
    """Save the images of a zip as a dataset, without unpacking it to disk.

    Raises DatasetError if the file is not a zip, names files outside its folder, or is too large.
    """
    try:
        with open_archive(file, ArchiveLimits(2 * MAX_FILES, MAX_UNPACKED)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            names = [_member_name(member) for member in members]
            files = (
                (name or member.filename, read_member(archive, member, MAX_BYTES))
                for name, member in zip(names, members, strict=True)
            )
            imported = import_files(files, len(members), progress)
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
    if None not in names:
        return imported
    return Imported(
        imported.name,
        (
            *imported.notes,
            "Some names in this zip are in an old encoding, so classes may have wrong names. To correct them, upload "
            "the folder instead of the zip.",
        ),
    )


def _member_name(member: zipfile.ZipInfo) -> str | None:
    """Return the name of a zip's member; None if its encoding is unknown.

    Without the flag for UTF-8, zipfile decodes names as code page 437, but many programs write UTF-8 all the same.
    """
    if member.flag_bits & UTF8_FLAG:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeDecodeError:
        return None


def import_files(files: Iterable[tuple[str, bytes]], count: int, progress: Progress) -> Imported:
    """Save images as a dataset, each labelled with its last folder.

    Hidden files are skipped, and so are files with other suffixes than images, which the notes then list. Images are
    resized to 32 × 32 pixels in colour, or to 28 × 28 pixels in grey if all of them are grey. A fifth of each class is
    held out for testing.

    Args:
        files: path and content of each file.
        count: number of files, for the progress.
        progress: called repeatedly with the fraction that is done and a text.

    Raises DatasetError.
    """
    images: list[np.ndarray] = []
    labels: list[str] = []
    left_out: list[str] = []
    decoded = 0
    for number, (path, data) in enumerate(files):
        parts = _parts(path)
        if parts is None:
            continue
        if not path.lower().endswith(SUFFIXES):
            left_out.append("/".join(parts))
            continue
        label = class_of(parts)
        decoded += pixels_to_decode(data)
        if len(images) == MAX_FILES:
            raise DatasetError(f"There are more than {MAX_FILES:,} images. Upload fewer of them.")
        if decoded > MAX_DECODED_PIXELS:
            raise DatasetError(
                f"These images have more than {MAX_DECODED_PIXELS // 10**6:,} million pixels together. Scale them "
                "down, or upload fewer of them: they are resized to 32 × 32 pixels anyway."
            )
        try:
            images.append(fit_image(read_image(data, path), (32, 32, 3)))
        except ImageError as error:
            raise DatasetError(str(error)) from error
        labels.append(label)
        if number % 20 == 0:
            progress(number / count, f"Reading image {number:,} of {count:,}")
    notes = tuple(_notes_on_files(left_out, labels))
    return Imported(save(_make_dataset(images, labels, notes)), notes)


def _parts(path: str) -> tuple[str, ...] | None:
    """Split a path into its folders and file name; None if the file is hidden.

    Raises DatasetError if the path points outside its folder.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if path.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:[/\\]", path) or "\0" in path:
        raise DatasetError(f"The upload was rejected: {path!r:.80} points outside its folder.")
    return None if any(part.startswith((".", "__")) for part in parts) else parts


def class_of(parts: tuple[str, ...]) -> str:
    """Return the class of an image, which is its folder. Raises DatasetError if it is in no folder.

    Macs write accents as separate characters; the same name from another computer is the same class.
    """
    if len(parts) < 2:
        raise DatasetError(
            f"{parts[-1]:.60} is not in a folder. Put the images of each class into a folder with the name of the "
            "class, for example cats/1.png and dogs/1.png."
        )
    return unicodedata.normalize("NFC", parts[-2])


def _notes_on_files(left_out: list[str], labels: list[str]) -> Iterator[str]:
    """Say which files were left out, and which folders are no classes because of that."""
    if not left_out:
        return
    suffixes = Counter(PurePosixPath(path).suffix.lower() or "no suffix" for path in left_out)
    kinds = ", ".join(f"{suffix} ({count:,})" for suffix, count in suffixes.most_common(10))
    files = "1 file was" if len(left_out) == 1 else f"{len(left_out):,} files were"
    yield (
        f"{files} left out, because only images in the formats of {', '.join(SUFFIXES_SHOWN)} are read: {kinds}. For "
        f"example: {', '.join(left_out[:EXAMPLES])}."
    )
    folders = {parts[-2] for path in left_out if len(parts := path.split("/")) > 1}
    if empty := sorted(folders - set(labels)):
        yield f"These folders have no other images, so they are not classes: {', '.join(empty[:20])}."


def _make_dataset(images: list[np.ndarray], labels: list[str], notes: tuple[str, ...]) -> Dataset:
    classes = tuple(sorted(set(labels)))
    if not 2 <= len(classes) <= MAX_CLASSES:
        found = f"{len(classes)} ({', '.join(classes[:3])})" if classes else "no images"
        raise DatasetError(
            " ".join((f"Expected images in 2 to {MAX_CLASSES} folders, one per class, but found {found}.", *notes))
        )
    try:
        check_class_names(classes)
    except ValueError as error:
        raise DatasetError(f"{error}, and upload the images again.") from error
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


def import_npz(file: BinaryIO) -> Imported:
    """Save the images of an .npz with x_train, y_train, x_test, y_test and, optionally, classes.

    Pickled objects are never opened. Raises DatasetError.
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
    named = Dataset("custom", dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test, classes)
    return Imported(save(named), tuple(_notes_on_labels(named)))


def _notes_on_labels(dataset: Dataset) -> Iterator[str]:
    """Say which classes have no training images, and why that may be."""
    labels = range(len(dataset.classes))
    untrained = [label for label in labels if label not in dataset.y_train]
    for tested, consequence in ((True, "but have test images, which it will get wrong"), (False, "and no test images")):
        found = [label for label in untrained if (label in dataset.y_test) == tested]
        if found:
            names = ", ".join(dataset.classes[label] for label in found[:20])
            yield f"These classes have no training images, {consequence}: {names}."
    if untrained == [0]:
        yield "The labels in y_train begin with 1. Subtract 1 from them if the first class should be number 0."


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
    try:
        os.utime(path)  # just used
    except FileNotFoundError:
        _write(path, classes=np.array(dataset.classes), **arrays)
    evict_least_recently_used(path.parent, "own-*.npz", CACHE_LIMIT)
    return name


def _write(path: Path, **arrays: np.ndarray) -> None:
    """Write into a temporary folder, then rename atomically, so a file at `path` is always complete."""
    with TemporaryDirectory(prefix=".saving-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        np.savez_compressed(temporary, allow_pickle=False, **arrays)
        os.replace(temporary, path)
