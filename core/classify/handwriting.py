"""A handwritten digit in a drawing or photograph: found, scaled and centred like those of MNIST."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from core.classify.images import ImageError

BOX = 20 / 28  # MNIST's digits were scaled to fit 20 × 20 pixels, then placed in 28 × 28 by their centre of mass
FAINT = 0.1  # fraction of the strongest ink below which a pixel does not belong to the digit

SEARCH_SIDE = 256  # longer side, in pixels, to which a photograph is scaled before the digit is searched
WIDEST_STROKE = 1 / 4  # of the shorter side; darkness that is wider, such as a shadow or a table, is background
FAINTEST_STROKE = 0.06  # fraction of the paper's light that ink must absorb
SMALLEST_DIGIT = 1 / 8  # of the shorter side
SMALLEST_PART = 1 / 20  # of the digit's largest part; smaller ones are specks
MOST_EDGE = 0.15  # of the border may be covered by a digit that was cut off
LONGEST = 20  # times as long as wide: no sheet of paper is longer
NOT_FOUND = "No digit was found in this image. Write one large digit in its middle, dark on light or light on dark."
LINE_WIDTH = 2  # pixels of the scaled photograph; printed lines are not wider, strokes are


def find_digit(image: Image.Image, size: int = 28) -> np.ndarray:
    """Find the digit in a photograph or scan and prepare it like MNIST's: (size, size) uint8.

    Raises ImageError if there is none.
    """
    return center_digit(find_ink(image), size)


def find_ink(image: Image.Image) -> np.ndarray:
    """Return the ink of the digit in a photograph: (height, width) float32 from 0 to 1, at most SEARCH_SIDE each.

    Dark on light, or light on dark. Uneven light, printed lines, specks and the edge of the paper do not count.
    Raises ImageError if there is no digit.
    """
    if max(image.size) > LONGEST * min(image.size):
        raise ImageError(NOT_FOUND)
    ink = _remove_background(np.asarray(ImageOps.contain(image.convert("L"), (SEARCH_SIDE, SEARCH_SIDE)), np.float32))
    strength = np.percentile(ink, 99.5)
    digit = _digit_parts(ink > max(strength / 2, FAINTEST_STROKE))
    if digit.any():  # now without what was darker, such as a table
        strength = np.percentile(ink[digit], 80)
        digit = _digit_parts(ink > 0.6 * strength)
    if not digit.any():
        raise ImageError(NOT_FOUND)
    around = ndimage.binary_dilation(digit, iterations=2)  # the soft edges of the strokes
    return np.where(around, ink / strength, 0).clip(0, 1)


def _remove_background(grey: np.ndarray) -> np.ndarray:
    """Return the fraction of the light that is absorbed at each pixel, compared with the paper around it.

    The paper is what a morphological closing leaves: it fills everything dark that is narrower than its window.
    Serra, "Image Analysis and Mathematical Morphology" (1982); the difference is known as the black top-hat.
    """
    if _is_light_on_dark(grey):
        grey = 255 - grey
    window = round(WIDEST_STROKE * min(grey.shape)) | 1
    paper = ndimage.grey_closing(grey, size=(window, window))
    ink = 1 - grey / np.maximum(paper, 1)
    return ink - np.median(ink)  # the closing sees the lightest grain of the paper


def _is_light_on_dark(grey: np.ndarray) -> bool:
    """Return whether the few pixels that differ most from their surroundings are lighter than these."""
    small = np.asarray(ImageOps.contain(Image.fromarray(grey), (48, 48), Image.Resampling.BOX))
    difference = small - ndimage.median_filter(small, size=24)
    return (difference**3).sum() > 0


def _digit_parts(dark: np.ndarray) -> np.ndarray:
    """Choose, among the dark pixels, those of the digit; none if nothing is large enough. (height, width) bool.

    Whatever touches the border is a line, a table or a finger, unless there is nothing else.
    """
    thick = ndimage.binary_opening(dark, np.ones((LINE_WIDTH + 1, LINE_WIDTH + 1)))
    for candidates, may_touch in ((thick, False), (dark, False), (thick, True)):
        labels, _ = ndimage.label(candidates, np.ones((3, 3)))
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        areas = np.bincount(labels.ravel())
        areas[0] = 0
        if not may_touch:
            areas[edge] = 0
        elif np.count_nonzero(edge) > MOST_EDGE * len(edge):
            break
        extents = [max(part.stop - part.start for part in box) for box in ndimage.find_objects(labels)]
        large = np.array([0, *extents]) > SMALLEST_DIGIT * min(dark.shape)
        if areas[large].any():
            return (areas > SMALLEST_PART * areas[large].max())[labels]
    return np.zeros_like(dark)


def center_digit(ink: np.ndarray, size: int = 28) -> np.ndarray:
    """Prepare a drawing like MNIST's digits: fit it into 20 × 20 pixels, then centre its mass in 28 × 28.

    LeCun et al., "Gradient-based learning applied to document recognition" (1998), and yann.lecun.com/exdb/mnist.
    ink: (height, width), 0 where nothing is drawn -> (size, size) uint8. Raises ImageError if nothing is drawn.
    """
    drawn = ink > FAINT * ink.max()
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        raise ImageError("There is no drawing in this image. Draw one large digit, dark on light or light on dark.")
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    height, width = cropped.shape
    scale = BOX * size / max(height, width)
    fitted = (max(1, round(scale * width)), max(1, round(scale * height)))
    digit = np.asarray(Image.fromarray(cropped).resize(fitted, Image.Resampling.BOX))

    middle = size / 2  # where MNIST's digits have their centre of mass
    y, x = np.indices(digit.shape)
    top = round(middle - float((y * digit).sum() / digit.sum()))
    left = round(middle - float((x * digit).sum() / digit.sum()))
    top, left = (max(0, min(start, size - extent)) for start, extent in zip((top, left), digit.shape, strict=True))
    canvas = np.zeros((size, size), np.float32)
    canvas[top : top + digit.shape[0], left : left + digit.shape[1]] = digit / digit.max()
    return (255 * canvas).round().astype(np.uint8)
