"""What a network sees of patch features: each of them standardised, mirrored where that was asked for."""

import numpy as np
import pytest

from core.classify.inputs import Patches, normalize_contrast
from core.classify.patch_features import PatchEncoder, PatchFeatures, PatchSettings


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(shape=(12, 12))


@pytest.fixture
def patch_features(dataset, monkeypatch):
    monkeypatch.setattr("core.classify.patch_features.WHITENING_SAMPLES", 2_000)
    encoder = PatchEncoder(dataset.x_train, PatchSettings(patches=6))
    return PatchFeatures(encoder, encoder(dataset.x_train), encoder(dataset.x_test))


def test_patch_features_have_mean_0_and_deviation_1(dataset, patch_features):
    inputs = Patches(patch_features)
    everything = np.arange(len(dataset.x_train))
    seen = inputs.batch("train", everything)
    assert seen.dtype == np.float32
    assert seen.shape == (len(everything), inputs.size)
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(seen.std(axis=0), 1, atol=0.01)
    np.testing.assert_array_equal(inputs.train_batch(everything, np.random.default_rng(0)), seen)


def test_with_flip_every_second_picture_is_seen_in_the_mirror(dataset, patch_features):
    inputs, some = Patches(patch_features, flip=True), np.arange(60)
    seen, plain = inputs.train_batch(some, np.random.default_rng(0)), inputs.batch("train", some)
    same = (seen == plain).all(axis=1)
    assert 15 < same.sum() < 45
    mirrored = inputs.encode(dataset.x_train[some][:, :, ::-1])
    assert np.abs(plain - mirrored).max() > 1, "it is another picture"
    np.testing.assert_allclose(seen[~same], mirrored[~same], atol=0.05)


def test_a_pictures_contrast_is_evened_out():
    found = np.random.default_rng(0).random((5, 24), dtype=np.float32)
    np.testing.assert_allclose(normalize_contrast(4 * found), normalize_contrast(found), atol=0.02)
    np.testing.assert_allclose(normalize_contrast(found).mean(axis=1), 0, atol=1e-5)
    assert np.isfinite(normalize_contrast(np.zeros((1, 24), np.float16))).all(), (
        "a picture without any is nothing special"
    )
