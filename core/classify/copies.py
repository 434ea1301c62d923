"""Copies of an image over which predictions can be averaged: a mirror image, and shifts by one pixel.

This is test-time augmentation. Errors on the copies are only partly correlated, so their mean is right more often. It
takes as many times longer as there are copies. The result describes network and procedure together: do not compare it
with the accuracy of a network that predicts each image once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

COPIES = ("mirror", "shifts")


def copies(images: np.ndarray, kinds: Collection[str]) -> Iterator[np.ndarray]:
    """Yield the images, then their copies of these kinds (names in COPIES).

    mirror: from left to right. shifts: by one pixel up, down, left and right, where the edge is repeated. Both: these
    five and their mirror images.
    images: (n, height, width[, colours]), any type -> each of the same shape and type.
    """
    for shifted in _shifted(images) if "shifts" in kinds else [images]:
        yield shifted
        if "mirror" in kinds:
            yield shifted[:, :, ::-1]


def _shifted(images: np.ndarray) -> Iterator[np.ndarray]:
    yield images
    for axis in (1, 2):
        positions = np.arange(images.shape[axis])
        for step in (-1, 1):
            yield images.take((positions + step).clip(0, positions[-1]), axis)
