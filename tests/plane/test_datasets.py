"""Points in a plane: every dataset is what its name says, and each random stream depends on the seed alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.plane import DATASETS, TEST_POINTS, PlaneConfig, make
from core.plane.config import OWN
from core.plane.datasets import FUNCTIONS
from core.plane.features import FEATURES, LIMIT, compute_features
from tests.plane.test_config import default

GENERATED = [name for name in DATASETS if name not in OWN]


@pytest.mark.parametrize("name", GENERATED)
def test_points_lie_in_the_plane_and_are_split_completely(name):
    config = replace(default(name), n_points=101, noise=0.5, validation=0.3)
    data = make(config)
    assert data.points.shape == (101, 2)
    assert data.test_points.shape == (TEST_POINTS, 2)
    assert np.abs(data.points).max() <= LIMIT
    assert sorted([*data.training, *data.validation]) == list(range(101))
    assert len(data.validation) == pytest.approx(30, abs=3)
    assert not (data.test_points[:50, None] == data.points).all(axis=-1).any(), "test points are new points"
    if DATASETS[name].inputs == 1:
        assert not data.points[:, 1].any()


@pytest.mark.parametrize("name", GENERATED)
def test_the_seed_determines_the_points(name):
    first, again, other = (make(replace(default(name), seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.targets, again.targets)
    np.testing.assert_array_equal(first.validation, again.validation)
    assert (first.points != other.points).any()
    assert list(first.validation) != list(other.validation)


def test_noise_moves_the_same_points_and_changes_no_split():
    calm, noisy = (make(PlaneConfig(dataset="blobs", noise=noise)) for noise in (0.0, 0.1))
    np.testing.assert_array_equal(calm.validation, noisy.validation)
    assert 0.1 < np.std(noisy.points - calm.points) < 0.3


@pytest.mark.parametrize("name", [name for name in GENERATED if DATASETS[name].task == "classification"])
def test_every_class_has_training_and_validation_points(name):
    for classes in range(2, DATASETS[name].classes + 1):
        data = make(replace(default(name), classes=classes, n_points=60))
        for part in (data.training, data.validation):
            assert set(data.targets[part]) == set(range(classes))
        counts = np.bincount(data.targets)
        assert name == "formula" or counts.max() - counts.min() <= 1


def test_shapes_without_noise():
    points, labels = (data := make(PlaneConfig(dataset="circles", classes=3, noise=0))).points, data.targets
    radii = np.hypot(*points.T)
    assert radii[labels == 0].max() < radii[labels == 1].min()
    assert radii[labels == 1].max() < radii[labels == 2].min()
    data = make(PlaneConfig(dataset="xor", noise=0))
    np.testing.assert_array_equal(data.targets == 1, data.points.prod(axis=1) > 0)
    assert {(x > 0, y > 0) for x, y in data.points} == {(a, b) for a in (True, False) for b in (True, False)}
    data = make(PlaneConfig(dataset="formula", formula="2*sin(x)", noise=0))
    np.testing.assert_array_equal(data.targets == 1, data.points[:, 1] > 2 * np.sin(data.points[:, 0]))
    data = make(PlaneConfig(dataset="formula", formula="x*y - 1", noise=0))
    np.testing.assert_array_equal(data.targets == 1, data.points.prod(axis=1) > 1)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_targets_without_noise_are_the_values_of_the_function(name):
    data = make(replace(default(name), noise=0))
    np.testing.assert_allclose(data.targets, FUNCTIONS[name](*data.points.T), rtol=1e-6)
    assert np.abs(data.targets).max() <= 2


def test_a_surface_has_the_values_of_its_formula():
    config = PlaneConfig(task="regression", dataset="surface", formula="sin(x)*y", noise=0)
    data = make(config)
    np.testing.assert_allclose(data.targets, np.sin(data.points[:, 0]) * data.points[:, 1], rtol=1e-6, atol=1e-6)
    assert set(make(replace(config, formula="3")).targets) == {3.0}


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(-6, 6), st.integers(-6, 6), st.integers(0, 3)), min_size=4, max_size=30),
    st.floats(0, 0.5),
)
def test_own_points_are_kept_and_every_class_is_trained_on(points, validation):
    try:
        config = PlaneConfig(dataset="own", points=points, validation=validation)
    except ValueError:
        return  # one class, or one place
    data = make(config)
    assert [(*xy, label) for xy, label in zip(data.points.tolist(), data.targets.tolist(), strict=True)] == points
    assert set(data.targets[data.training]) == {label for *_, label in points}
    assert not len(data.test_points)


def test_a_boundary_that_separates_none_of_the_points_is_explained():
    config = PlaneConfig(dataset="formula", formula="5.7", n_points=10, noise=0)
    sentences = set()
    for seed in range(10):
        try:
            make(replace(config, seed=seed))
        except ValueError as error:
            sentences.add(str(error).partition("training")[2])
    assert sentences == {" points are of one class. Use more points, or another boundary."}


def test_features_are_what_their_formulas_say():
    points = np.random.default_rng(0).uniform(-6, 6, (20, 2))
    inputs = compute_features(tuple(FEATURES), points)
    assert inputs.dtype == np.float32
    for column, feature in zip(inputs.T, FEATURES.values(), strict=True):
        by_formula = eval(feature.formula, {"sin": np.sin, "x": points[:, 0], "y": points[:, 1]})  # noqa: S307
        np.testing.assert_allclose(column, by_formula, rtol=1e-6, atol=1e-6)
        assert feature.needs_y == ("y" in feature.formula)
