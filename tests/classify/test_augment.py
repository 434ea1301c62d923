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


def test_elastic_moves_neighbouring_pixels_together(discs):
    bent = augment(discs, ("elastic",), rng())
    assert np.abs(bent - discs).mean() > 3, "it moves"
    steps = np.abs(np.diff(AUGMENTATIONS["elastic"](10, 28, 28, rng()), axis=-1))
    moves = np.abs(AUGMENTATIONS["elastic"](10, 28, 28, rng()))
    assert steps.mean() < moves.mean() / 3, "neighbours move together"
    assert 0.3 < moves.mean() < 2, "about a pixel"
