"""Drawn and uploaded images, decoded safely and prepared like those of the training data."""

from __future__ import annotations

import io
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")  # decoders of rarer formats are less tested
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000  # as of a good camera; an image takes four bytes per pixel while it is decoded
MAX_SIDE = 512  # larger images are scaled down; a network receives far fewer pixels
BOX = 20 / 28  # MNIST's digits were scaled to fit 20 × 20 pixels, then placed in 28 × 28 by their centre of mass
FAINT = 0.1  # fraction of the strongest ink below which a pixel does not belong to the digit


class ImageError(ValueError):
    """An image cannot be used. The message tells a student why, and what to do."""


def read_image(file: bytes | BinaryIO, name: str = "This file") -> Image.Image:
    """Decode an uploaded image: upright, RGB, at most MAX_SIDE high and wide, white where it was transparent.

    The size in its header is checked before anything is decoded.

    Raises ImageError if the file is larger than MAX_BYTES, damaged, or not of one of FORMATS, or if the image has more
    than MAX_PIXELS.
    """
    data = file if isinstance(file, bytes) else file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is larger than {MAX_BYTES // 2**20} MB. Upload a smaller copy of the image.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            opened.thumbnail((MAX_SIDE, MAX_SIDE))
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not a readable image. Upload an image in one of these formats: {', '.join(FORMATS)}."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{name} has more than {MAX_PIXELS // 10**6} million pixels. Upload a smaller copy of the image: the "
            "network receives only about a thousand pixels."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:  # what Pillow raises for damaged files
        raise ImageError(
            f"{name} is a damaged image ({error!s:.100}). Save it again, or upload another one."
        ) from error
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def fit_image(image: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """Crop an image to its middle and scale it to a dataset's shape: (height, width[, 3]) uint8."""
    height, width = shape[:2]
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted if len(shape) == 3 else fitted.convert("L"))


def ink_mask(image: Image.Image) -> np.ndarray:
    """Return the amount of ink per pixel: (height, width) float32 from 0 (paper) to 1.

    Dark on light or light on dark: the paper is the median of the image's border.
    """
    grey = np.asarray(image.convert("L"), np.float32) / 255
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    return ink / ink.max() if ink.max() > 0 else ink


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
