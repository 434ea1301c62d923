"""Photographs of handwritten digits: MNIST test digits on paper, in 27 kinds of light and paper.

Run as a module: trains the default network on MNIST, then prints how many digits of each kind it recognises, how many
it gets wrong, and in how many photographs no digit is found.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from core import classify
from core.classify import datasets
from core.classify.handwriting import find_digit
from core.classify.images import ImageError, read_image
from core.classify.inputs import Pixels
from core.training import Checkpoint

WIDTH, HEIGHT = 800, 600  # of a photograph, in pixels
PAPER, PEN, PENCIL = 0.9, 0.2, 0.55  # fraction of the light that is reflected

Photo = np.ndarray  # (HEIGHT, WIDTH) float32, from 0 (black) to 1 (white)
Effect = Callable[[Photo, np.random.Generator], Photo]


def written(digit: np.ndarray, rng: np.random.Generator, ink: float = PEN, paper: float = PAPER) -> Photo:
    """Write a digit, (28, 28) uint8, somewhere near the middle of an evenly lit sheet; it fills a third to two."""
    size = int(rng.uniform(0.45, 0.9) * HEIGHT)  # of the 28 pixels, of which the digit itself takes 20
    strokes = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    strokes = strokes.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC)
    coverage = Image.new("L", (WIDTH, HEIGHT))
    left = int((WIDTH - size) * rng.uniform(0.3, 0.7))
    coverage.paste(strokes, (left, int((HEIGHT - size) * rng.uniform(0.2, 0.8))))
    return paper + (ink - paper) * np.asarray(coverage, np.float32) / 255


def _position() -> tuple[np.ndarray, np.ndarray]:
    """Return y and x of every pixel, relative to the middle, in units of the width."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return (y - HEIGHT / 2) / WIDTH, (x - WIDTH / 2) / WIDTH


def _along(angle: float) -> np.ndarray:
    """Return how far every pixel lies in this direction, from 0 to 1."""
    y, x = _position()
    distance = np.cos(angle) * x + np.sin(angle) * y
    return (distance - distance.min()) / (distance.max() - distance.min())


def falling_light(photo: Photo, rng: np.random.Generator, loss: float) -> Photo:
    """Darken the photograph evenly towards one side, by this fraction at its end."""
    return photo * (1 - loss * _along(rng.uniform(0, 2 * np.pi)))


def dark_corners(photo: Photo, rng: np.random.Generator, loss: float) -> Photo:
    """Darken the photograph towards its corners, as a lens does, by this fraction there."""
    y, x = _position()
    return photo * (1 - loss * (x**2 + y**2) / (x**2 + y**2).max())


def hand_shadow(photo: Photo, rng: np.random.Generator, depth: float, softness: float) -> Photo:
    """Let a shadow with a wavy edge fall on one side. softness: width of its edge, as a fraction of the photograph."""
    y, x = _position()
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    wave = 0.04 * np.sin(14 * (np.cos(angle) * y - np.sin(angle) * x) + phase)
    inside = ((_along(angle) + wave - rng.uniform(0.45, 0.65)) / softness).clip(0, 1)
    return photo * (1 - depth * inside)


def lines(photo: Photo, rng: np.random.Generator, squared: bool, strength: float, tilt: float = 0.0) -> Photo:
    """Print lines on the paper. strength: fraction of the light that they absorb. tilt: at most, in degrees."""
    y, x = _position()
    turn = np.radians(rng.uniform(-tilt, tilt))
    spacing, width = rng.uniform(0.05, 0.1), 3 / WIDTH
    across, down = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    printed = ((down + rng.uniform(0, spacing)) % spacing) < width
    if squared:
        printed |= ((across + rng.uniform(0, spacing)) % spacing) < width
    return np.minimum(photo, np.where(printed, PAPER * (1 - strength), 1))


def table(photo: Photo, rng: np.random.Generator, grey: float, corner: bool = False) -> Photo:
    """Show the table beyond one edge of the paper, or beyond two."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    edge, slope = rng.uniform(0.04, 0.12), rng.uniform(-0.04, 0.04)
    outside = x + slope * y < edge * WIDTH
    if corner:
        outside |= y - slope * x < edge * HEIGHT
    if rng.random() < 0.5:
        outside = outside[:, ::-1]
    return np.where(outside, grey, photo)


def specks(photo: Photo, rng: np.random.Generator, count: int, size: int = 6) -> Photo:
    """Drop dark specks anywhere on the paper."""
    photo = photo.copy()
    for top, left in zip(rng.integers(0, HEIGHT - size, count), rng.integers(0, WIDTH - size, count), strict=True):
        photo[top : top + size, left : left + size] = PEN
    return photo


def noise(photo: Photo, rng: np.random.Generator, deviation: float) -> Photo:
    """Add a sensor's noise. deviation: standard deviation, of 255."""
    return photo + rng.normal(0, deviation / 255, photo.shape).astype(np.float32)


def negative(photo: Photo, rng: np.random.Generator) -> Photo:
    """Turn dark on light into light on dark, as on a blackboard."""
    return 1 - photo


PEN_KINDS: dict[str, list[Effect]] = {
    "even light": [],
    **{f"light falls by {loss} %": [partial(falling_light, loss=loss / 100)] for loss in (10, 12, 15, 20, 25)},
    **{f"corners {loss} % darker": [partial(dark_corners, loss=loss / 100)] for loss in (10, 20, 30)},
    "shadow of a hand, soft": [partial(hand_shadow, depth=0.4, softness=0.15)],
    "shadow of a hand, sharp": [partial(hand_shadow, depth=0.4, softness=0.02)],
    "lined": [partial(lines, squared=False, strength=0.3)],
    "lined, tilted": [partial(lines, squared=False, strength=0.3, tilt=4)],
    "squared": [partial(lines, squared=True, strength=0.3)],
    "squared, tilted, dark lines": [partial(lines, squared=True, strength=0.6, tilt=4)],
    "squared, light falls by 15 %": [
        partial(lines, squared=True, strength=0.3, tilt=2),
        partial(falling_light, loss=0.15),
    ],
    "dark table at an edge": [partial(table, grey=0.25)],
    "pale table at a corner": [partial(table, grey=0.6, corner=True)],
    "one speck": [partial(specks, count=1)],
    "six specks": [partial(specks, count=6)],
    "noise 10": [partial(noise, deviation=10)],
    "noise 20, light falls by 15 %": [partial(falling_light, loss=0.15), partial(noise, deviation=20)],
    "blackboard, corners 20 % darker": [negative, partial(dark_corners, loss=0.2)],
}
PENCIL_KINDS: dict[str, list[Effect]] = {
    "pencil": [],
    "pencil, squared": [partial(lines, squared=True, strength=0.3, tilt=2)],
    "pencil, light falls by 8 %": [partial(falling_light, loss=0.08)],
    "pencil, light falls by 25 %": [partial(falling_light, loss=0.25), partial(noise, deviation=5)],
}
KINDS = {name: (PEN, effects) for name, effects in PEN_KINDS.items()}
KINDS |= {name: (PENCIL, effects) for name, effects in PENCIL_KINDS.items()}


def photograph(digit: np.ndarray, kind: str, rng: np.random.Generator) -> bytes:
    """Return a photograph of a digit, (28, 28) uint8, of a kind in KINDS, as a JPEG file."""
    ink, effects = KINDS[kind]
    photo = written(digit, rng, ink)
    for effect in effects:
        photo = effect(photo, rng)
    file = io.BytesIO()
    Image.fromarray((255 * photo).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def recognised(model: classify.MLP, inputs: Pixels, digits: np.ndarray, labels: np.ndarray, kind: str) -> np.ndarray:
    """Return 1 for each digit that is recognised in its photograph, -1 if none was found in it, and 0 for a mistake."""
    rng = np.random.default_rng(0)
    outcomes = np.empty(len(digits), int)
    for number, (digit, label) in enumerate(zip(digits, labels, strict=True)):
        try:
            image = find_digit(read_image(photograph(digit, kind, rng)))
        except ImageError:
            outcomes[number] = -1
        else:
            outcomes[number] = classify.predict(model, inputs.encode(image[None]))[0].argmax() == label
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photographs", description=__doc__)
    parser.add_argument("--digits", type=int, default=200, metavar="N", help="photographs of each kind (default: 200)")
    parser.add_argument("--epochs", type=int, default=8, metavar="N", help="epochs of training (default: 8)")
    options = parser.parse_args()
    config, dataset = classify.ClassifyConfig(dataset="mnist", epochs=options.epochs), datasets.load("mnist")
    *_, checkpoint = classify.fit(config, dataset)
    assert isinstance(checkpoint, Checkpoint)
    model, inputs = classify.restore_model(config, dataset, checkpoint), Pixels(dataset)
    _, accuracy = classify.evaluate(model, inputs, "test", np.arange(len(dataset.y_test)), dataset.y_test)
    print(f"Test accuracy {accuracy:.2%} on the images themselves")
    digits, labels = dataset.x_test[: options.digits], dataset.y_test[: options.digits]
    print(f"{'Photograph':34} right  wrong  not found")
    for kind in KINDS:
        outcomes = recognised(model, inputs, digits, labels, kind)
        print(f"{kind:34} {(outcomes == 1).mean():5.1%}  {(outcomes == 0).mean():5.1%}  {(outcomes < 0).mean():5.1%}")


if __name__ == "__main__":
    main()
