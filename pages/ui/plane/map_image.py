"""A network's map of the plane as a small image, for runs side by side."""

import numpy as np

from core.plane import DATASETS, PlaneConfig, activations
from core.plane.features import LIMIT
from pages.ui.plane.network import largest_target, points_of
from pages.ui.theme import Colors

SIZE = 120  # pixels


def map_image(config: PlaneConfig, weights: str, theme: Colors) -> np.ndarray:
    """Draw what a network computes over the plane, with the points: (SIZE, SIZE, 3) uint8, the largest y first."""
    axis = np.linspace(-LIMIT, LIMIT, SIZE)
    data, ground = points_of(config), rgb(theme.background)
    palette = np.array([rgb(color) for color in theme.palette])
    if DATASETS[config.dataset].inputs == 1:
        return curve_image(config, weights, theme)
    x, y = (each.ravel() for each in np.meshgrid(axis, axis[::-1]))
    output = activations(config, weights, np.stack([x, y], axis=1)).output
    if config.task == "regression":
        limit = largest_target(data)
        image = diverging(output[:, 0] / limit, palette, ground)
        inks = diverging(data.targets / limit, palette, ground)
    else:
        guessing = 1 / config.classes
        certainty = 0.1 + 0.5 * (output.max(axis=1, keepdims=True) - guessing) / (1 - guessing)
        image = ground + (palette[output.argmax(axis=1)] - ground) * certainty
        inks = palette[data.targets]
    image = image.reshape(SIZE, SIZE, 3)
    for (px, py), ink in zip(data.points, inks, strict=True):
        put_dot(image, px, py, ink)
    return image.astype(np.uint8)


def curve_image(config: PlaneConfig, weights: str, theme: Colors) -> np.ndarray:
    """Draw a function of x, with the points."""
    data = points_of(config)
    image = np.full((SIZE, SIZE, 3), rgb(theme.background))
    x = np.linspace(-LIMIT, LIMIT, 4 * SIZE)
    scale = LIMIT / (1.15 * largest_target(data))
    for px, target in zip(data.points[:, 0], data.targets, strict=True):
        put_dot(image, px, target * scale, rgb(theme.palette[0]))
    for px, value in zip(x, activations(config, weights, np.stack([x, 0 * x], axis=1)).output[:, 0], strict=True):
        put_dot(image, px, value * scale, rgb(theme.palette[1]))
    return image.astype(np.uint8)


def diverging(values: np.ndarray, palette: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Return colours from negative over 0, the background, to positive. (n,), from -1 to 1 -> (n, 3)."""
    strength = np.clip(np.abs(values), 0, 1)[:, None]
    return ground + (np.where(values[:, None] < 0, palette[1], palette[0]) - ground) * strength


def put_dot(image: np.ndarray, x: float, y: float, ink: np.ndarray) -> None:
    """Draw a square of 3 x 3 pixels around a point of the plane; none outside."""
    if abs(y) <= LIMIT:
        row, column = (round((LIMIT - y) / (2 * LIMIT) * (SIZE - 1)), round((x + LIMIT) / (2 * LIMIT) * (SIZE - 1)))
        image[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = ink


def rgb(color: str) -> np.ndarray:
    """Return a colour such as "#0072b2" as three numbers from 0 to 255."""
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)], dtype=float)
