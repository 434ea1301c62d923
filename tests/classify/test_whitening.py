"""Whitened pixels, against the definition; and that test images have no part in them."""

import numpy as np
import pytest

from core.classify import ClassifyConfig, Result, check_fits_dataset, fit
from core.classify.inputs import Whitened, make_inputs
from core.classify.patch_features import PatchSettings
from core.classify.whitening import EPSILON, Standardizer, prepare_whitened, zca_matrix


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(params=[(6, 5), (6, 5, 3)])
def dataset(request, make_dataset):
    return make_dataset(train=300, test=20, shape=request.param)


def finish(generator):
    """Return what a generator yielded, and its result."""
    yielded = []
    while True:
        try:
            yielded.append(next(generator))
        except StopIteration as end:
            return yielded, end.value


def test_the_matrix_is_the_inverse_root_of_the_covariance():
    factor = np.random.default_rng(0).standard_normal((7, 7))
    covariance = factor @ factor.T
    matrix = zca_matrix(covariance)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    np.testing.assert_allclose(matrix @ matrix @ (covariance + EPSILON * np.eye(7)), np.eye(7), atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0, "of the two roots, the one that changes the images least"


def test_whitened_training_images_have_the_variances_of_the_definition(dataset):
    whitening, values = finish(prepare_whitened(dataset))[1]
    standardized = Standardizer(dataset.x_train)(dataset.x_train)
    before = np.linalg.eigvalsh(np.cov(standardized, rowvar=False, bias=True))
    after = np.linalg.eigvalsh(np.cov(values["train"].astype(float), rowvar=False, bias=True))
    np.testing.assert_allclose(after, before / (before + EPSILON), atol=5e-3)
    np.testing.assert_allclose(values["train"].mean(axis=0, dtype=float), 0, atol=1e-3)
    np.testing.assert_array_equal(whitening(dataset.x_test), values["test"])


def test_whitening_is_measured_once_and_then_loaded(dataset):
    progress, (first, _) = finish(prepare_whitened(dataset))
    fractions = [fraction for fraction, text in progress if text.startswith("Whitening")]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    progress, (again, _) = finish(prepare_whitened(dataset))
    assert progress == []
    np.testing.assert_array_equal(again.matrix, first.matrix)


def test_test_images_have_no_part_in_the_whitening(dataset):
    other = type(dataset)(**{**vars(dataset), "x_test": 255 - dataset.x_test})
    whitenings = [finish(prepare_whitened(each))[1][0] for each in (dataset, other)]
    np.testing.assert_array_equal(whitenings[0].matrix, whitenings[1].matrix)


def test_inputs_are_the_whitened_images_and_augmentation_moves_them(dataset):
    _, inputs = finish(make_inputs(dataset, "whitened", ("flip",), PatchSettings()))
    assert isinstance(inputs, Whitened)
    some = np.arange(60)
    plain, encoded = inputs.batch("train", some), inputs.encode(dataset.x_train[some])
    np.testing.assert_array_equal(plain, encoded)
    assert plain.dtype == np.float32
    shape = (len(some), *dataset.x_train.shape[1:])
    mirrored = plain.reshape(shape)[:, :, ::-1].reshape(plain.shape)
    augmented = inputs.train_batch(some, np.random.default_rng(0))
    as_is, flipped = (np.isclose(augmented, other, atol=1e-6).all(axis=1) for other in (plain, mirrored))
    assert (as_is | flipped).all()
    assert 15 < flipped.sum() < 45


def test_a_network_learns_from_whitened_pixels(dataset):
    config = ClassifyConfig(hidden=(16,), epochs=4, features="whitened", batch_size=20, average=("mirror", "shifts"))
    events = list(fit(config, dataset))
    result = next(event for event in events if isinstance(event, Result))
    assert result.accuracy > 0.8


def test_too_large_images_are_rejected_before_anything_is_computed():
    config = ClassifyConfig(hidden=(4,), features="whitened")
    check_fits_dataset(config, 1_000, (32, 32, 3), 10)
    with pytest.raises(ValueError, match="at most 4,096 values, but those of mnist-5k have 12,288"):
        check_fits_dataset(config, 1_000, (64, 64, 3), 10)
