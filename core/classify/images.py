"""Pictures that somebody draws or uploads, made as alike as can be to those that a network learned from."""

from __future__ import annotations

import io
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")  # others have decoders that are seldom used, and seldom tested
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000  # a good camera's; four bytes each while a picture is decoded
MAX_SIDE = 512  # what is kept of it: a network sees far less
BOX = 20 / 28  # MNIST's digits were scaled to fit 20 × 20 pixels, and then set into 28 × 28 by their centre of mass
FAINT = 0.1  # of the strongest ink: less is no part of the digit


class ImageError(ValueError):
    """A picture cannot be used. Its text tells a student why, and what to do."""


def read_image(file: bytes | BinaryIO, name: str = "This file") -> Image.Image:
    """An uploaded picture, upright, in RGB, at most MAX_SIDE high and wide. What is transparent becomes white.

    Its size is read from its header and checked before anything is decoded.
    Raises ImageError for a file that is larger than MAX_BYTES, is no picture of one of FORMATS, is damaged, or
    has more than MAX_PIXELS.
    """
    data = file if isinstance(file, bytes) else file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is larger than {MAX_BYTES // 2**20} MB: upload a smaller copy of the picture.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            picture.thumbnail((MAX_SIDE, MAX_SIDE))
            picture = ImageOps.exif_transpose(picture).convert("RGBA")
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not a picture, whatever its name says: what came is neither of {', '.join(FORMATS)}."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{name} has more than {MAX_PIXELS // 10**6} million pixels; the network sees about a thousand of them. "
            "Upload a smaller copy of the picture."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:  # what Pillow raises for damaged files
        raise ImageError(f"{name} is a damaged picture ({error!s:.100}): save it again, or take another.") from error
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def fit_image(picture: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """The middle of a picture, as large as fits, scaled to a data set's shape: (height, width[, 3]) uint8."""
    height, width = shape[:2]
    fitted = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted if len(shape) == 3 else fitted.convert("L"))


def ink_mask(picture: Image.Image) -> np.ndarray:
    """How much ink is where: (height, width) float32 from 0, the paper, to 1.

    Dark on light or light on dark: the paper is what most of the picture's border shows.
    """
    grey = np.asarray(picture.convert("L"), np.float32) / 255
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    return ink / ink.max() if ink.max() > 0 else ink


def center_digit(ink: np.ndarray, size: int = 28) -> np.ndarray:
    """A drawing as MNIST's digits are: scaled to fit a box of 20 × 20, its centre of mass in the middle of 28 × 28.

    LeCun et al., "Gradient-based learning applied to document recognition" (1998), and yann.lecun.com/exdb/mnist.
    ink: (height, width), 0 where nothing is drawn -> (size, size) uint8. Raises ImageError where all is empty.
    """
    drawn = ink > FAINT * ink.max()
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        raise ImageError("There is nothing to see yet: draw a digit, large, with the mouse or a finger.")
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    height, width = cropped.shape
    scale = BOX * size / max(height, width)
    fitted = (max(1, round(scale * width)), max(1, round(scale * height)))
    digit = np.asarray(Image.fromarray(cropped).resize(fitted, Image.Resampling.BOX))

    middle = size / 2  # that is where MNIST's own digits have it
    y, x = np.indices(digit.shape)
    top = round(middle - float((y * digit).sum() / digit.sum()))
    left = round(middle - float((x * digit).sum() / digit.sum()))
    top, left = (max(0, min(at, size - extent)) for at, extent in zip((top, left), digit.shape, strict=True))
    canvas = np.zeros((size, size), np.float32)
    canvas[top : top + digit.shape[0], left : left + digit.shape[1]] = digit / digit.max()
    return (255 * canvas).round().astype(np.uint8)
