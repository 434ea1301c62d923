"""Uploaded images, decoded safely and scaled to the size of a dataset's images."""

from __future__ import annotations

import io
import struct
import warnings
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

Image.init()  # so that the two lists below are complete
# Decoders of rarer formats are less tested, and one starts another program. AVIF depends on how Pillow was built.
FORMATS = tuple(
    name for name in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM") if name in Image.OPEN
)
SUFFIXES = tuple(sorted(suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS))
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000  # as of a good camera; an image takes four bytes per pixel while it is decoded
MAX_SIDE = 512  # larger images are scaled down; a network receives far fewer pixels
NEARLY_WHITE = 230  # an image of which only such pixels are visible would vanish on white
DAMAGED = (  # what Pillow raises for damaged files
    *(OSError, EOFError, MemoryError, SyntaxError, ValueError, TypeError, AttributeError, LookupError),
    struct.error,
)
ROTATIONS = {  # by the EXIF orientation: the Exif standard (CIPA DC-008), 4.6.4
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """An image cannot be used. The message tells a student why, and what to do."""


def read_image(file: bytes | BinaryIO, name: str = "This file") -> Image.Image:
    """Decode an uploaded image: upright, RGB, at most MAX_SIDE high and wide; of several frames, the first.

    The size in its header is checked before anything is decoded. Transparent pixels become white, or black if only
    nearly white pixels are visible.

    Raises ImageError if the file is larger than MAX_BYTES, damaged, or not of one of FORMATS, or if the image has more
    than MAX_PIXELS.
    """
    data = file if isinstance(file, bytes) else file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is larger than {MAX_BYTES // 2**20} MB. Upload a smaller copy of the image.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged metadata, which is not used
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = _open(data)
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            rotation = ROTATIONS.get(_orientation(opened))
            opened.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at a fraction of its size
            image = _scalable(opened)
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            image = image.convert("RGBA")
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not a readable image. Upload an image in one of these formats: {', '.join(FORMATS)}."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{name} has more than {MAX_PIXELS // 10**6} million pixels. Upload a smaller copy of the image: the "
            "network receives only about a thousand pixels."
        ) from None
    except DAMAGED as error:
        raise ImageError(
            f"{name} is a damaged image ({error!s:.100}). Save it again, or upload another one."
        ) from error
    if rotation is not None:
        image = image.transpose(rotation)
    return Image.alpha_composite(Image.new("RGBA", image.size, _background(image)), image).convert("RGB")


def pixels_to_decode(data: bytes) -> int:
    """Return how many pixels `read_image` would decode, from the header; 0 if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = _open(data)
            opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
            return opened.size[0] * opened.size[1]
    except (*DAMAGED, Image.DecompressionBombError):  # UnidentifiedImageError is an OSError
        return 0


def _open(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, where 1 is upright; 1 if the metadata is damaged.

    `ImageOps.exif_transpose` would also write the metadata back, which fails for many cameras' files.
    """
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except DAMAGED:
        return 1


def _scalable(image: Image.Image) -> Image.Image:
    """Convert an image whose pixels cannot be averaged, or have more than 8 bits, to one that can be scaled down."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0).clip(0)
        largest = values.max()
        white = next((limit for limit in (1, 255, 65_535) if largest <= limit), largest)
        return Image.fromarray((values * (255 / white)).round().astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    image.load()
    return image


def _background(image: Image.Image) -> str:
    """Return the colour to put behind an RGBA image: white, or black if it would vanish on white."""
    visible = np.asarray(image.getchannel("A")) > 127
    if visible.all() or not visible.any():
        return "white"
    return "black" if np.asarray(image.convert("L"))[visible].min() > NEARLY_WHITE else "white"


def fit_image(image: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """Crop an image to its middle and scale it to a dataset's shape: (height, width[, 3]) uint8."""
    height, width = shape[:2]
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted if len(shape) == 3 else fitted.convert("L"))
