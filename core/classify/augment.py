"""Augmentation: pictures changed a little at random, as a new one of the same thing might look.

Each kind says, for every pixel of every picture, how far away its new value is read; the kinds chosen are added up, and
the pictures are read once. A picture is never the same twice, so a network cannot learn it by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

import numpy as np

Displacement = np.ndarray
"""How many pixels further down, and to the right, a pixel is read: (2, n, height, width) float32, or broadcastable."""

SHIFT, ROTATION, SCALING, SLANT = 0.07, 12.0, 0.12, 0.12  # of the height; degrees; shares
BEND, SMOOTHNESS = 0.07, 0.17  # of the height


def shift(n: int, height: int, width: int, rng: np.random.Generator) -> Displacement:
    """Up, down, left and right by whole pixels, at most a fourteenth of the height (2 for a digit)."""
    most = round(SHIFT * height)
    return rng.integers(-most, most + 1, (2, n, 1, 1)).astype(np.float32)


def flip(n: int, height: int, width: int, rng: np.random.Generator) -> Displacement:
    """Every second picture in the mirror, left to right: a car stays a car (a 2 does not stay a 2)."""
    mirrored = (width - 1 - 2 * np.arange(width, dtype=np.float32)) * rng.integers(0, 2, (n, 1, 1))
    return np.stack([np.zeros_like(mirrored), mirrored])


def rotate(n: int, height: int, width: int, rng: np.random.Generator) -> Displacement:
    """Turned by at most 12 degrees, up to an eighth larger or smaller, and slanted as handwriting is."""
    down, right = _from_the_middle(height, width)
    angle = np.deg2rad(rng.uniform(-ROTATION, ROTATION, (n, 1, 1)))
    tall, wide = 1 + rng.uniform(-SCALING, SCALING, (2, n, 1, 1))
    slant = rng.uniform(-SLANT, SLANT, (n, 1, 1))
    sin, cos = np.sin(angle), np.cos(angle)
    to_down = tall * (cos * down - sin * right) - down
    to_right = wide * (sin * down + cos * right + slant * down) - right
    return np.stack([to_down, to_right]).astype(np.float32)


def elastic(n: int, height: int, width: int, rng: np.random.Generator) -> Displacement:
    """Bent smoothly, as a hand trembles: random moves of every pixel, averaged with their neighbours'.

    Simard, Steinkraus & Platt, "Best practices for convolutional neural networks applied to visual document
    analysis" (2003).
    """
    moves = rng.uniform(-1, 1, (2, n, height, width)).astype(np.float32)
    return BEND * height * (_smoothing(height) @ moves @ _smoothing(width).T)


AUGMENTATIONS: dict[str, Callable[[int, int, int, np.random.Generator], Displacement]] = {
    "shift": shift,
    "flip": flip,
    "rotate": rotate,
    "elastic": elastic,
}


def augment(pictures: np.ndarray, kinds: Collection[str], rng: np.random.Generator) -> np.ndarray:
    """Each picture changed at random in each of these ways (names in AUGMENTATIONS).

    pictures: (n, height, width) or (n, height, width, colours) uint8 -> the same shape, float32 from 0 to 255. Between
    pixels the four around are mixed; what lies outside looks like the nearest edge.
    """
    n, height, width = pictures.shape[:3]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for kind in kinds:
        down, right = AUGMENTATIONS[kind](n, height, width, rng)
        y, x = y + down, x + right
    y = np.broadcast_to(y, (n, height, width)).clip(0, height - 1)
    x = np.broadcast_to(x, (n, height, width)).clip(0, width - 1)

    top, left = np.minimum(y.astype(np.intp), height - 2), np.minimum(x.astype(np.intp), width - 2)
    y, x = y - top, x - left  # how far the point is from the pixel above and to the left of it: 0 to 1
    corner = (np.arange(n)[:, None, None] * height + top) * width + left
    pixels = pictures.reshape(n * height * width, -1).astype(np.float32)
    mixed = 0.0
    for below, beside, share in ((0, 0, (1 - y) * (1 - x)), (0, 1, (1 - y) * x), (1, 0, y * (1 - x)), (1, 1, y * x)):
        mixed += pixels.take(corner + (below * width + beside), axis=0) * share[..., None].astype(np.float32)
    return mixed.reshape(pictures.shape)


def _from_the_middle(height: int, width: int) -> np.ndarray:
    """How far each pixel is from the middle, down and to the right: (2, height, width)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y - (height - 1) / 2, x - (width - 1) / 2])


@cache
def _smoothing(size: int) -> np.ndarray:
    """A matrix whose product with a column of independent random numbers is a smooth curve of the same variance."""
    distance = np.subtract.outer(np.arange(size), np.arange(size)) / (SMOOTHNESS * size)
    weights = np.exp(-(distance**2) / 2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
