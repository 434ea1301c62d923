"""Augmentation: what each kind changes and what it keeps, and that only the given generator decides."""

import numpy as np
import pytest

from core.classify.augment import AUGMENTATIONS, augment


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def images():
    return rng(1).integers(0, 256, (50, 28, 28), dtype=np.uint8)


@pytest.fixture
def discs():
    """Ten images of the same soft disc in the middle."""
    y, x = np.mgrid[:28, :28] - 13.5
    disc = (255 * np.clip(7 - np.hypot(y, x), 0, 1)).astype(np.uint8)
    return np.broadcast_to(disc, (10, 28, 28))


@pytest.mark.parametrize("shape", [(6, 28, 28), (6, 32, 32, 3), (1, 9, 12)])
@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in AUGMENTATIONS), tuple(AUGMENTATIONS)])
def test_shape_and_value_range_are_kept(shape, kinds):
    before = rng(1).integers(0, 256, shape, dtype=np.uint8)
    after = augment(before, kinds, rng())
    assert after.shape == shape
    assert after.dtype == np.float32
    assert after.min() >= before.min() - 1e-3
    assert after.max() <= before.max() + 1e-3


def test_images_stay_the_same_without_augmentation(images):
    np.testing.assert_array_equal(augment(images, (), rng()), images)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_augmentation_depends_only_on_the_generator(images, kind):
    first, second, other = (augment(images, (kind,), rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_flip_mirrors_about_half_of_the_images(images):
    flipped = augment(images, ("flip",), rng())
    mirrored = [(after == before[:, ::-1]).all() for before, after in zip(images, flipped, strict=True)]
    same = [(after == before).all() for before, after in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True)), "each image is mirrored or unchanged"
    assert 10 < sum(mirrored) < 40


def test_shift_moves_by_whole_pixels_up_to_1_14_of_the_height(images):
    moves = set()
    for before, after in zip(images, augment(images, ("shift",), rng()), strict=True):
        inside = after[2:-2, 2:-2]
        fits = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if (inside == before[2 + down : 26 + down, 2 + right : 26 + right]).all()
        ]
        assert len(fits) == 1
        moves.update(fits)
    assert len(moves) > 10


def test_shift_and_flip_keep_colours():
    before = np.zeros((20, 16, 16, 3), np.uint8)
    before[..., 0], before[..., 1] = 200, 100
    np.testing.assert_array_equal(augment(before, ("shift", "flip"), rng()), before)


def test_rotate_keeps_the_center_and_changes_the_direction():
    bar = np.zeros((100, 29, 29), np.uint8)
    bar[:, 4:25, 13:16] = 255
    rotated = augment(bar, ("rotate",), rng())
    assert (rotated[:, 14, 14] == 255).all()
    y, x = np.mgrid[:29, :29] - 14
    lean = [(x * y * image).sum() / (y * y * image).sum() for image in rotated]
    assert np.std(lean) > 0.05
    assert abs(np.mean(lean)) < 0.05, "to both sides equally"
    assert np.abs(lean).max() < np.tan(np.deg2rad(12)) + 0.25


def linear_parts(kinds: tuple[str, ...], n: int) -> np.ndarray:
    """Fit a linear map to where the pixels in the middle of n augmented images are read: (n, 2, 2)."""
    y, x = np.mgrid[:29, :29]
    coordinates = np.stack([4 * y, 4 * x, 0 * x], axis=-1).astype(np.uint8)  # the values say where they come from
    after = augment(np.broadcast_to(coordinates, (n, 29, 29, 3)), kinds, rng())
    inside = (slice(None), slice(10, 19), slice(10, 19))
    design = np.stack([y[inside[1:]].ravel(), x[inside[1:]].ravel(), np.ones(81)], axis=1)
    return np.stack([np.linalg.lstsq(design, image.reshape(81, 3)[:, :2] / 4)[0][:2].T for image in after[inside]])


@pytest.mark.parametrize("kinds", [("flip",), ("flip", "rotate"), ("rotate", "flip", "shift")])
def test_a_mirrored_image_is_rotated_and_not_sheared(monkeypatch, kinds):
    monkeypatch.setattr("core.classify.augment.SCALING", 0.0)
    monkeypatch.setattr("core.classify.augment.SLANT", 0.0)
    maps = linear_parts(kinds, 60)
    np.testing.assert_allclose(np.linalg.svd(maps, compute_uv=False), 1, atol=0.01)
    determinants = np.linalg.det(maps)
    assert 15 < (determinants < 0).sum() < 45, "about half are mirrored"
    for mirrored in (determinants < 0, determinants > 0):
        angles = np.rad2deg(np.arctan2(maps[mirrored, 1, 0], maps[mirrored, 0, 0]))
        assert ("rotate" in kinds) == (angles.min() < -5 and angles.max() > 5)
        assert np.abs(angles).max() < 12.5


def test_mirrored_images_are_scaled_and_slanted_like_the_others():
    maps = linear_parts(("flip", "rotate"), 400)
    mirrored = np.linalg.det(maps) < 0
    stretch = np.linalg.svd(maps, compute_uv=False)
    np.testing.assert_allclose(stretch[mirrored].mean(axis=0), stretch[~mirrored].mean(axis=0), atol=0.02)


def test_elastic_moves_neighbouring_pixels_together(discs):
    bent = augment(discs, ("elastic",), rng())
    assert np.abs(bent - discs).mean() > 3, "it moves"
    moves = AUGMENTATIONS["elastic"](np.zeros((2, 10, 28, 28), np.float32), rng())
    steps, moves = np.abs(np.diff(moves, axis=-1)), np.abs(moves)
    assert steps.mean() < moves.mean() / 3, "neighbours move together"
    assert 0.3 < moves.mean() < 2, "about a pixel"
