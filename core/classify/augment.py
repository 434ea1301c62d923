"""Random image augmentation: shift, flip, rotate, elastic.

Each kind returns a displacement: for every pixel of every image, how far away its new value is read. The displacements
of all chosen kinds are added, and the images are resampled once. A displacement that depends on the position, such as a
rotation's, is that of the mirrored position in a mirrored image. With many possible changes, a network hardly ever sees
exactly the same image twice, so it cannot memorise it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

import numpy as np

from core.jit import jit

Positions = np.ndarray
"""Where pixels are read, down and to the right: (2, n, height, width) float32."""

Displacement = np.ndarray
"""How many pixels further down, and to the right, a pixel is read: (2, n, height, width) float32, or broadcastable."""

SHIFT, ROTATION, SCALING, SLANT = 0.07, 12.0, 0.12, 0.12  # fraction of the height; degrees; fractions
BEND, SMOOTHNESS = 0.07, 0.17  # fractions of the height


def shift(positions: Positions, rng: np.random.Generator) -> Displacement:
    """Shift by whole pixels in both directions, at most 7 % of the height (2 pixels of 28 or 32)."""
    n, height, _ = positions.shape[1:]
    largest = round(SHIFT * height)
    return rng.integers(-largest, largest + 1, (2, n, 1, 1)).astype(np.float32)


def flip(positions: Positions, rng: np.random.Generator) -> Displacement:
    """Mirror half of the images from left to right. A car stays a car; a 2 does not stay a 2."""
    n, _, width = positions.shape[1:]
    mirrored = (width - 1 - 2 * positions[1]) * rng.integers(0, 2, (n, 1, 1)).astype(np.float32)
    return np.stack([np.zeros_like(mirrored), mirrored])


def rotate(positions: Positions, rng: np.random.Generator) -> Displacement:
    """Rotate by at most 12 degrees, scale by at most 12 %, and slant as handwriting is slanted."""
    n, height, width = positions.shape[1:]
    down, right = positions[0] - (height - 1) / 2, positions[1] - (width - 1) / 2  # from the center
    angle = np.deg2rad(rng.uniform(-ROTATION, ROTATION, (n, 1, 1)))
    vertical, horizontal = 1 + rng.uniform(-SCALING, SCALING, (2, n, 1, 1))
    slant = rng.uniform(-SLANT, SLANT, (n, 1, 1))
    sin, cos = np.sin(angle), np.cos(angle)
    move_down = vertical * (cos * down - sin * right) - down
    move_right = horizontal * (sin * down + cos * right + slant * down) - right
    return np.stack([move_down, move_right]).astype(np.float32)


def elastic(positions: Positions, rng: np.random.Generator) -> Displacement:
    """Bend smoothly, like unsteady handwriting: smooth a random displacement of every pixel.

    Simard, Steinkraus & Platt, "Best practices for convolutional neural networks applied to visual document
    analysis" (2003).
    """
    height, width = positions.shape[2:]
    moves = rng.uniform(-1, 1, positions.shape).astype(np.float32)
    return BEND * height * (_smoothing(height) @ moves @ _smoothing(width).T)


AUGMENTATIONS: dict[str, Callable[[Positions, np.random.Generator], Displacement]] = {
    "shift": shift,
    "flip": flip,
    "rotate": rotate,
    "elastic": elastic,
}


def augment(images: np.ndarray, kinds: Collection[str], rng: np.random.Generator) -> np.ndarray:
    """Change every image at random in each of these ways (names in AUGMENTATIONS).

    images: (n, height, width) or (n, height, width, colours), uint8 or float -> the same shape, float32. Values
    between pixels are interpolated bilinearly; outside the image, the nearest edge pixel is repeated.
    """
    n, height, width = images.shape[:3]
    grid = np.mgrid[:height, :width].astype(np.float32)
    y, x = grid
    positions = np.broadcast_to(grid[:, None], (2, n, height, width))
    for kind in (kind for kind in AUGMENTATIONS if kind in kinds):
        down, right = displacement = AUGMENTATIONS[kind](positions, rng)
        y, x = y + down, x + right
        if kind == "flip":
            positions = positions + displacement
    y, x = np.broadcast_to(y, (n, height, width)), np.broadcast_to(x, (n, height, width))
    pixels = (images if images.dtype == np.uint8 else images.astype(np.float32)).reshape(n, height, width, -1)
    resampled = np.empty(pixels.shape, np.float32)
    _resample(pixels, y, x, resampled)
    return resampled.reshape(images.shape)


@jit
def _resample(pixels, y, x, resampled):
    """Read every pixel at its position, in proportion from the four nearest. Compiled: NumPy would take ten passes."""
    n, height, width, colours = pixels.shape
    for i in range(n):
        for row in range(height):
            for column in range(width):
                down = min(max(y[i, row, column], 0), height - 1)
                right = min(max(x[i, row, column], 0), width - 1)
                top, left = min(int(down), height - 2), min(int(right), width - 2)
                down, right = np.float32(down - top), np.float32(right - left)  # from the pixel above and to the left
                for colour in range(colours):
                    a, b = pixels[i, top, left, colour], pixels[i, top, left + 1, colour]
                    c, d = pixels[i, top + 1, left, colour], pixels[i, top + 1, left + 1, colour]
                    above, below = a * (1 - right) + b * right, c * (1 - right) + d * right
                    resampled[i, row, column, colour] = above * (1 - down) + below * down


@cache
def _smoothing(size: int) -> np.ndarray:
    """Return a Gaussian smoothing matrix (size, size) that keeps the variance of independent random numbers."""
    distance = np.subtract.outer(np.arange(size), np.arange(size)) / (SMOOTHNESS * size)
    weights = np.exp(-(distance**2) / 2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
