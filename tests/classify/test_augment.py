"""Augmentation: what each kind moves, what it leaves alone, and that it is the generator's doing alone."""

import numpy as np
import pytest

from core.classify.augment import AUGMENTATIONS, augment


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def pictures():
    return rng(1).integers(0, 256, (50, 28, 28), dtype=np.uint8)


@pytest.fixture
def discs():
    """Ten pictures of the same soft disc in the middle."""
    y, x = np.mgrid[:28, :28] - 13.5
    disc = (255 * np.clip(7 - np.hypot(y, x), 0, 1)).astype(np.uint8)
    return np.broadcast_to(disc, (10, 28, 28))


@pytest.mark.parametrize("shape", [(6, 28, 28), (6, 32, 32, 3), (1, 9, 12)])
@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in AUGMENTATIONS), tuple(AUGMENTATIONS)])
def test_the_shape_stays_and_no_pixel_leaves_the_range(shape, kinds):
    before = rng(1).integers(0, 256, shape, dtype=np.uint8)
    after = augment(before, kinds, rng())
    assert after.shape == shape
    assert after.dtype == np.float32
    assert after.min() >= before.min() - 1e-3
    assert after.max() <= before.max() + 1e-3


def test_without_a_kind_nothing_changes(pictures):
    np.testing.assert_array_equal(augment(pictures, (), rng()), pictures)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_the_generator_alone_decides(pictures, kind):
    once, again, other = (augment(pictures, (kind,), rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_a_flip_mirrors_about_half_of_the_pictures_and_leaves_the_others(pictures):
    flipped = augment(pictures, ("flip",), rng())
    mirrored = [(after == before[:, ::-1]).all() for before, after in zip(pictures, flipped, strict=True)]
    same = [(after == before).all() for before, after in zip(pictures, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True)), "each picture is mirrored or as it was"
    assert 10 < sum(mirrored) < 40


def test_a_shift_moves_by_whole_pixels_and_not_beyond_a_fourteenth(pictures):
    moves = set()
    for before, after in zip(pictures, augment(pictures, ("shift",), rng()), strict=True):
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


def test_a_shift_of_a_coloured_picture_keeps_its_colours():
    before = np.zeros((20, 16, 16, 3), np.uint8)
    before[..., 0], before[..., 1] = 200, 100
    np.testing.assert_array_equal(augment(before, ("shift", "flip"), rng()), before)


def test_a_turned_bar_keeps_its_middle_and_loses_its_direction():
    bar = np.zeros((100, 29, 29), np.uint8)
    bar[:, 4:25, 13:16] = 255
    turned = augment(bar, ("rotate",), rng())
    assert (turned[:, 14, 14] == 255).all()
    y, x = np.mgrid[:29, :29] - 14
    lean = [(x * y * picture).sum() / (y * y * picture).sum() for picture in turned]
    assert np.std(lean) > 0.05
    assert abs(np.mean(lean)) < 0.05, "to both sides alike"
    assert np.abs(lean).max() < np.tan(np.deg2rad(12)) + 0.25


def test_elastic_bends_smoothly(discs):
    bent = augment(discs, ("elastic",), rng())
    assert np.abs(bent - discs).mean() > 3, "it moves"
    steps = np.abs(np.diff(AUGMENTATIONS["elastic"](10, 28, 28, rng()), axis=-1))
    moves = np.abs(AUGMENTATIONS["elastic"](10, 28, 28, rng()))
    assert steps.mean() < moves.mean() / 3, "neighbours move together"
    assert 0.3 < moves.mean() < 2, "about a pixel"
