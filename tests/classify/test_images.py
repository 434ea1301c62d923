"""Drawn and uploaded images: centred like MNIST's, and decoded safely."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.classify import images
from core.classify.datasets import load
from core.classify.images import ImageError, center_digit, fit_image, ink_mask, read_image


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    y, x = np.indices(image.shape)
    return float((y * image).sum() / image.sum()), float((x * image).sum() / image.sum())


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims to be this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("place", [(0, 0), (150, 20), (180, 199)])
@pytest.mark.parametrize("extent", [(100, 30), (20, 90), (60, 60), (5, 5)])
def test_a_drawing_is_scaled_to_the_box_and_centred_by_its_mass(place, extent):
    ink = np.zeros((300, 300), np.float32)
    ink[place[0] : place[0] + extent[0], place[1] : place[1] + extent[1]] = 1
    digit = center_digit(ink)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == 20
    assert digit.max() == 255
    assert np.allclose(centre_of_mass(digit), 14, atol=0.51)


def test_the_centre_of_mass_is_centred_and_not_the_bounding_box():
    ink = np.zeros((100, 100), np.float32)
    ink[10:90, 45:55] = 1
    ink[10:20, 35:65] = 1  # a bar at the top, as in a 7
    assert np.allclose(centre_of_mass(center_digit(ink)), 14, atol=0.51)


def test_digits_of_mnist_hardly_change():
    overlaps = []
    for digit in load("mnist-5k").x_test[:200]:
        again = center_digit(digit.astype(np.float32) / 255)
        overlaps.append(np.minimum(digit, again).sum() / np.maximum(digit, again).sum())
        assert np.allclose(centre_of_mass(digit), centre_of_mass(again), atol=1.1)
    assert np.median(overlaps) > 0.99


def test_an_empty_drawing_is_explained():
    with pytest.raises(ImageError, match="no drawing"):
        center_digit(np.zeros((280, 280)))


@pytest.mark.parametrize("paper", [0, 255, 180])
def test_ink_differs_from_the_paper(paper):
    page = Image.new("RGB", (60, 60), (paper,) * 3)
    page.paste((255 - paper if paper != 180 else 20,) * 3, (25, 10, 35, 50))
    ink = ink_mask(page)
    assert ink[30, 30] == 1
    assert ink[0, 0] == 0


@pytest.mark.parametrize("kind", images.FORMATS)
def test_every_format_is_read_as_rgb(kind):
    image = read_image(encoded(Image.new("RGB", (40, 30), (200, 30, 60)), kind))
    assert image.mode == "RGB"
    assert image.size == (40, 30)
    assert np.abs(np.asarray(image).mean(axis=(0, 1)) - (200, 30, 60)).max() < 12


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_is_read(mode):
    assert read_image(encoded(Image.new(mode, (20, 20)))).mode == "RGB"


def test_transparent_pixels_become_white():
    assert read_image(encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)))).getpixel((4, 4)) == (255, 255, 255)


def test_a_rotated_photo_is_read_upright():
    sideways = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_image(encoded(sideways, "JPEG", exif=exif)).size == (20, 40)


def test_large_images_are_scaled_down():
    assert max(read_image(encoded(Image.new("RGB", (3000, 1000)))).size) == images.MAX_SIDE


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"just some text", "not a readable image"),
        (b"", "not a readable image"),
        (b"%PDF-1.4 ...", "not a readable image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a readable image"),
        (png_that_claims(20_000, 10_000), "million pixels"),
        (encoded(Image.new("1", (5_001, 5_000))), "more than 25 million pixels"),  # valid, and Pillow would open it
        (png_that_claims(2**31 - 1, 2**31 - 1), "million pixels"),
        (png_that_claims(100, 100), "damaged"),
        (encoded(Image.effect_noise((99, 99), 50))[:3000], "damaged"),
        (bytes(images.MAX_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_unusable_images_are_explained(data, says):
    with pytest.raises(ImageError, match=says) as error:
        read_image(io.BytesIO(data), "holiday.png")
    assert "holiday.png" in str(error.value)


@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3), (20, 30)])
def test_a_photo_is_cropped_to_its_middle(shape):
    wide = Image.new("RGB", (200, 100), "white")
    wide.paste((0, 0, 255), (50, 0, 150, 100))
    small = fit_image(wide, shape)
    assert small.shape == shape
    assert small.dtype == np.uint8
    if shape == (32, 32, 3):
        assert (small[:, 3:-3] == (0, 0, 255)).all(), "the left and right of the middle square are cropped"
