"""Uploaded images: decoded safely, whatever they contain."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageOps

from core.classify import images
from core.classify.images import ImageError, fit_image, pixels_to_decode, read_image


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


def test_white_on_transparent_stays_visible():
    image = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (5, 5, 15, 15))
    read = read_image(encoded(image))
    assert read.getpixel((10, 10)) == (255, 255, 255)
    assert read.getpixel((1, 1)) == (0, 0, 0)


@pytest.mark.parametrize(("value", "grey"), [(40_000, 156), (300, 1), (65_535, 255), (0, 0)])
def test_16_bits_are_scaled_to_8(value, grey):
    for kind in ("PNG", "TIFF"):
        image = read_image(encoded(Image.fromarray(np.full((40, 40), value, np.uint16)), kind))
        assert image.getpixel((20, 20)) == (grey,) * 3


@pytest.mark.parametrize("values", [np.int32([[0, 65_535]]), np.float32([[0, 1]]), np.float32([[0, 1e6]])])
def test_larger_values_are_scaled_to_8_bits(values):
    image = read_image(encoded(Image.fromarray(values.repeat(20, 0).repeat(20, 1)), "TIFF"))
    assert image.getpixel((5, 5)) == (0, 0, 0)
    assert image.getpixel((35, 5)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "P", "L"])
@pytest.mark.parametrize("side", [1_024, 1_536, 2_048])
def test_fine_patterns_are_averaged(mode, side):
    board = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = np.asarray(read_image(encoded(Image.fromarray(board).convert(mode))))
    assert np.abs(image[8:-8, 8:-8].astype(int) - 128).max() < 20


def exif(**entries) -> bytes:
    """EXIF data of an image that lies on its side. entries: name: (tag, type, count, bytes of the value)."""
    rows = [(0x0112, 3, 1, struct.pack("<HH", 6, 0)), *entries.values()]
    directory = struct.pack("<H", len(rows))
    extra = b""
    start = 8 + 2 + 12 * len(rows) + 4
    for tag, kind, count, value in sorted(rows):
        if len(value) > 4:
            value, extra = struct.pack("<L", start + len(extra)), extra + value
        directory += struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<L", 8) + directory + bytes(4) + extra


@pytest.mark.parametrize(
    "entry",
    [
        (0x9203, 10, 1, struct.pack("<ll", -1, 0)),  # BrightnessValue -1/0
        (0x0128, 2, 2, b"2\0"),  # ResolutionUnit as ASCII
        (0x0213, 7, 1, b"\1"),  # YCbCrPositioning as UNDEFINED
        (0x011A, 2, 3, b"72\0"),  # XResolution as ASCII
        (0x011A, 1, 1, b"\1"),
        (0x011A, 7, 1, b"\1"),
        (0x8769, 4, 1, b"\xff\xff\xff\x7f"),  # a directory outside the file
    ],
)
def test_only_the_orientation_of_a_photo_s_metadata_matters(entry):
    photo = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif(entry=entry))
    assert read_image(photo).size == (20, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_does(orientation):
    sideways = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    file = encoded(sideways, "PNG", exif=metadata)
    np.testing.assert_array_equal(read_image(file), ImageOps.exif_transpose(Image.open(io.BytesIO(file))))


def test_a_damaged_photo_is_read_or_explained():
    rng = np.random.default_rng(0)
    good = bytearray(encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif(entry=(0x9203, 10, 1, bytes(8)))))
    for _ in range(500):
        damaged = bytearray(good)
        for at in rng.integers(2, 200, 4):
            damaged[at] = rng.integers(256)
        with suppress(ImageError):
            assert read_image(bytes(damaged)).mode == "RGB"


def test_pixels_are_counted_from_the_header():
    assert pixels_to_decode(png_that_claims(3_000, 1_000)) == 3_000_000
    assert pixels_to_decode(b"no image") == 0
    assert pixels_to_decode(encoded(Image.new("RGB", (4_096, 4_096)), "JPEG")) <= 1_024**2, "JPEGs are decoded smaller"


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
