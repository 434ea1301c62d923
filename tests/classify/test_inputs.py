"""Network inputs of patch features: standardized, and augmented if requested."""

import tracemalloc

import numpy as np
import pytest

from core.classify.augment import augment
from core.classify.inputs import Patches, _mean_and_deviation, normalize_contrast
from core.classify.patch_features import MAX_FEATURES, PatchEncoder, PatchFeatures, PatchSettings


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(shape=(12, 12))


@pytest.fixture
def patch_features(dataset, monkeypatch):
    monkeypatch.setattr("core.classify.patch_features.WHITENING_SAMPLES", 2_000)
    encoder = PatchEncoder(dataset.x_train, PatchSettings(patches=6))
    return PatchFeatures(encoder, encoder(dataset.x_train), encoder(dataset.x_test))


def test_patch_features_have_mean_0_and_standard_deviation_1(dataset, patch_features):
    inputs = Patches(patch_features, dataset.x_train)
    indices = np.arange(len(dataset.x_train))
    encoded = inputs.batch("train", indices)
    assert encoded.dtype == np.float32
    assert encoded.shape == (len(indices), inputs.size)
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(encoded.std(axis=0), 1, atol=0.01)
    np.testing.assert_array_equal(inputs.train_batch(indices, np.random.default_rng(0)), encoded)


def test_statistics_in_blocks_are_those_of_all_images(patch_features):
    mean, deviation = _mean_and_deviation(patch_features.train, block_size=7)
    features = normalize_contrast(patch_features.train)
    np.testing.assert_allclose(mean, features.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(deviation, features.std(axis=0), atol=1e-5)


@pytest.mark.slow
def test_statistics_of_the_most_features_take_little_memory(dataset):
    encoder = PatchEncoder(dataset.x_train, PatchSettings(patches=6))
    train = np.zeros((1_500, MAX_FEATURES), np.float16)
    tracemalloc.start()
    Patches(PatchFeatures(encoder, train, train), dataset.x_train)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6, "as float32 all features would take 300 MB"


def test_flip_mirrors_about_half_of_the_images(dataset, patch_features):
    inputs, some = Patches(patch_features, dataset.x_train, ("flip",)), np.arange(60)
    encoded, plain = inputs.train_batch(some, np.random.default_rng(0)), inputs.batch("train", some)
    same = (encoded == plain).all(axis=1)
    assert 15 < same.sum() < 45
    mirrored = inputs.encode(dataset.x_train[some][:, :, ::-1])
    assert np.abs(plain - mirrored).max() > 1, "the mirrored image differs"
    np.testing.assert_allclose(encoded[~same], mirrored[~same], atol=0.05)


def test_patch_features_of_shifted_images_are_those_of_the_augmented_images(dataset, patch_features):
    some = np.arange(60)
    encoded = Patches(patch_features, dataset.x_train, ("shift",)).train_batch(some, np.random.default_rng(0))
    plain = Patches(patch_features, dataset.x_train)
    shifted = augment(dataset.x_train[some], ("shift",), np.random.default_rng(0))
    np.testing.assert_array_equal(encoded, plain.encode(shifted.astype(np.uint8)))
    assert (encoded != plain.batch("train", some)).any(axis=1).sum() > 30


def test_contrast_is_normalized():
    features = np.random.default_rng(0).random((5, 24), dtype=np.float32)
    np.testing.assert_allclose(normalize_contrast(4 * features), normalize_contrast(features), atol=0.02)
    np.testing.assert_allclose(normalize_contrast(features).mean(axis=1), 0, atol=1e-5)
    assert np.isfinite(normalize_contrast(np.zeros((1, 24), np.float16))).all(), "an image without contrast"
