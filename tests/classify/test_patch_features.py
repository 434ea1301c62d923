"""Patch features, against a plain implementation of the formulas; and their cache."""

import os

import numpy as np
import pytest
from filelock import FileLock

from core.classify import ClassifyConfig, Result, feature_cache, fit, patch_features
from core.classify.feature_cache import cache_key
from core.classify.patch_features import PatchEncoder, PatchSettings, normalize, prepare_patches, random_patches

SETTINGS = PatchSettings(patches=8, size=4)


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(patch_features, "WHITENING_SAMPLES", 2_000)
    return tmp_path


@pytest.fixture(params=[(12, 11), (12, 11, 3)])
def dataset(request, make_dataset):
    return make_dataset(train=60, test=20, shape=request.param)


def run(generator):
    """Return the items that a generator yielded, and its result."""
    yielded = []
    while True:
        try:
            yielded.append(next(generator))
        except StopIteration as stop:
            return yielded, stop.value


def reference_features(encoder: PatchEncoder, image: np.ndarray) -> np.ndarray:
    """Compute the features step by step: whiten each patch, compare, rectify both signs, average in each cell."""
    size, grid, threshold = encoder.settings.size, encoder.settings.grid, encoder.settings.threshold
    rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
    both = np.zeros((rows, columns, 2, encoder.settings.patches))
    for y in range(rows):
        for x in range(columns):
            patch = normalize(image[y : y + size, x : x + size].reshape(1, -1))[0]
            response = patch @ encoder.filters + encoder.bias
            both[y, x] = np.maximum(response - threshold, 0), np.maximum(-response - threshold, 0)
    # divide every position into grid · grid equal parts, each of which lies in one cell
    fine = both.repeat(grid, axis=0).repeat(grid, axis=1)
    cells = [np.split(part, grid, axis=1) for part in np.split(fine, grid, axis=0)]
    return np.concatenate([cell.mean(axis=(0, 1)).reshape(-1) for row in cells for cell in row])


@pytest.mark.parametrize("grid", [1, 2, 3])
def test_features_match_the_formula(dataset, grid):
    encoder = PatchEncoder(dataset.x_train, PatchSettings(patches=8, size=4, grid=grid))
    fast = encoder(dataset.x_test[:3])
    assert fast.shape == (3, encoder.settings.features) == (3, grid * grid * 2 * 8)
    for features_, image in zip(fast, dataset.x_test, strict=False):
        np.testing.assert_allclose(features_, reference_features(encoder, image), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("grid", [1, 2, 3])
def test_a_mirrored_image_has_the_same_features_in_another_order(dataset, grid):
    encoder = PatchEncoder(dataset.x_train, PatchSettings(patches=8, size=4, grid=grid))
    original, mirrored = encoder(dataset.x_test), encoder(dataset.x_test[:, :, ::-1])
    assert not np.allclose(original, mirrored, atol=0.05), "the mirrored image differs"
    np.testing.assert_allclose(encoder.mirror(original), mirrored, rtol=2e-3, atol=2e-3)


def test_whitening_equalizes_the_variances(dataset, monkeypatch):
    monkeypatch.setattr(patch_features, "WHITENING_SAMPLES", 20_000)
    encoder = PatchEncoder(dataset.x_train, PatchSettings(patches=400, size=4))
    assert np.allclose(np.linalg.norm(encoder.whitened, axis=1), 1, atol=1e-4)
    whitening = encoder.filters @ np.linalg.pinv(encoder.whitened.T.astype(float))
    fresh = random_patches(dataset.x_train, 4, 20_000, np.random.default_rng(5))
    fresh = np.concatenate([fresh, fresh[:, :, ::-1]]).reshape(40_000, -1)
    before = np.linalg.eigvalsh(np.cov(normalize(fresh), rowvar=False))
    after = np.linalg.eigvalsh(np.cov(normalize(fresh) @ whitening, rowvar=False))
    # a direction of variance v is divided by √(v + floor)
    np.testing.assert_allclose(after, before / (before + patch_features.WHITENING_FLOOR), atol=0.15)


def test_a_patch_ignores_brightness_and_contrast():
    patch = np.random.default_rng(0).integers(50, 90, (1, 48))
    np.testing.assert_allclose(normalize(patch), normalize(2 * patch + 30), atol=0.05)


def test_a_flat_image_has_finite_features(dataset):
    encoder = PatchEncoder(dataset.x_train, SETTINGS)
    assert np.isfinite(encoder(np.full_like(dataset.x_test[:1], 77))).all()


def test_filters_are_cut_from_training_images_only(dataset, make_dataset):
    images = dataset.x_train
    encoder = PatchEncoder(images, SETTINGS)
    windows = patch_features._windows
    drawn, mirrored = np.split(encoder.cut, 2)
    np.testing.assert_array_equal(mirrored, drawn[:, :, ::-1])
    for patch in drawn:
        assert any((windows(image, 4) == patch).all(axis=tuple(range(2, patch.ndim + 2))).any() for image in images)


def test_features_are_computed_once_and_then_loaded(dataset):
    progress, made = run(prepare_patches(dataset, SETTINGS))
    assert [fraction for fraction, _ in progress] == sorted(fraction for fraction, _ in progress)
    assert progress[-1][0] == 1.0
    encoder = made.encoder
    np.testing.assert_array_equal(made.train, encoder(dataset.x_train))
    np.testing.assert_array_equal(made.test, encoder(dataset.x_test))

    progress, again = run(prepare_patches(dataset, SETTINGS))
    assert progress == [], "nothing is computed twice"
    np.testing.assert_array_equal(again.train, made.train)


@pytest.mark.parametrize("change", [{"patches": 10}, {"grid": 3}, {"threshold": 0.5}, {"seed": 1}, {"size": 5}])
def test_the_cache_key_depends_on_every_setting(dataset, change):
    other = PatchSettings(**{"patches": 8, "size": 4} | change)
    keys = {cache_key(dataset.x_test, PatchEncoder(dataset.x_train, settings)) for settings in (SETTINGS, other)}
    assert len(keys) == 2


def test_the_cache_key_depends_on_every_image(dataset, make_dataset):
    encoder = PatchEncoder(dataset.x_train, SETTINGS)
    changed = dataset.x_test.copy()
    changed[-1, -1, -1] ^= 1
    others = PatchEncoder(dataset.x_train[:-10], SETTINGS)
    assert cache_key(dataset.x_test, encoder) != cache_key(changed, encoder)
    assert cache_key(dataset.x_test, encoder) != cache_key(dataset.x_test, others)
    assert cache_key(dataset.x_test, encoder) == cache_key(dataset.x_test.copy(), encoder)


def test_an_interrupted_computation_leaves_no_file(dataset, data_dir, monkeypatch):
    monkeypatch.setattr(feature_cache, "BLOCK_SIZE", 10)
    computing = prepare_patches(dataset, SETTINGS)
    next(computing)
    computing.close()
    assert not list((data_dir / "features").glob("*.npy"))
    assert not list((data_dir / "features").glob(".encoding-*"))
    _, made = run(prepare_patches(dataset, SETTINGS))
    np.testing.assert_array_equal(made.train, made.encoder(dataset.x_train))


def test_the_least_recently_used_features_are_deleted_first(dataset, data_dir, monkeypatch):
    _, first = run(prepare_patches(dataset, SETTINGS))
    old = set((data_dir / "features").glob("*.npy"))
    for file in old:
        os.utime(file, (1, 1))
    monkeypatch.setattr(feature_cache, "CACHE_LIMIT", 1)
    _, second = run(prepare_patches(dataset, PatchSettings(patches=6, size=4)))
    assert not old & set((data_dir / "features").glob("*.npy"))
    assert np.isfinite(first.train).all(), "a deleted file that is still open can be read"
    assert len(second.train) == 60


def test_images_smaller_than_a_patch_are_rejected(make_dataset):
    with pytest.raises(ValueError, match="5 × 4 pixels are too small"):
        PatchEncoder(make_dataset().x_train, PatchSettings())


@pytest.mark.parametrize(
    "wrong", [{"patches": 0}, {"patches": 9}, {"patches": 10**6}, {"size": 1}, {"grid": 0}, {"threshold": -1}]
)
def test_invalid_settings_are_rejected(wrong):
    with pytest.raises(ValueError, match="must be "):
        PatchSettings(**wrong)


def test_a_batch_without_a_mirrored_image_is_mirrored_to_nothing(make_dataset):
    encoder = PatchEncoder(make_dataset(shape=(12, 12)).x_train, PatchSettings(patches=6))
    assert encoder.mirror(np.zeros((0, encoder.settings.features), np.float16)).shape == (0, encoder.settings.features)


def test_training_on_patches_with_flip_works_with_a_batch_size_of_1(make_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = {"features": "patches", "patches": 6, "augment": ("flip",), "batch_size": 1}
    config = ClassifyConfig(hidden=(4,), epochs=1, lr=0.01, **settings)
    *_, result, _ = fit(config, make_dataset(train=60, shape=(12, 12)))
    assert isinstance(result, Result)


def test_too_many_features_per_image_are_rejected():
    with pytest.raises(ValueError, match="51,200"):
        PatchSettings(patches=4_000, grid=5)


def test_what_a_killed_process_left_behind_is_deleted_but_not_what_is_being_written(dataset, data_dir):
    folder = data_dir / "features"
    abandoned, in_progress = folder / ".encoding-aaa-1", folder / ".encoding-bbb-2"
    for path in (abandoned, in_progress):
        path.mkdir(parents=True)
        (path / "large.npy").write_bytes(bytes(99))
    with FileLock(folder / "bbb.lock"):
        run(prepare_patches(dataset, SETTINGS))
    assert not abandoned.exists()
    assert in_progress.exists()


def test_features_that_another_process_deletes_at_once_are_computed_again(dataset, data_dir, monkeypatch):
    run(prepare_patches(dataset, SETTINGS))
    utime = os.utime

    def deleted_first(path):
        monkeypatch.setattr(os, "utime", utime)
        path.unlink()
        utime(path)

    monkeypatch.setattr(os, "utime", deleted_first)
    progress, made = run(prepare_patches(dataset, SETTINGS))
    assert progress
    np.testing.assert_array_equal(made.train, made.encoder(dataset.x_train))
