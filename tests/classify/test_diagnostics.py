"""Diagnostics, against counts by hand, formulas and constructed cases."""

import numpy as np
import pytest

from core.autograd.functional import cross_entropy
from core.autograd.nn import Linear, ReLU
from core.classify.diagnostics import align, confusion, layer_health, principal_components, worst_mistakes


def test_confusion_counts_true_classes_in_rows_and_predictions_in_columns():
    labels, predictions = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    assert confusion(labels, predictions, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert confusion(labels, predictions, 4).shape == (4, 4)


def test_the_worst_mistakes_are_the_most_confident_wrong_predictions():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.0, 1.0]])
    assert worst_mistakes(np.array([1, 0, 0, 1]), probabilities, 10).tolist() == [0, 1, 2]
    assert worst_mistakes(np.array([1, 0, 0, 1]), probabilities, 2).tolist() == [0, 1]
    assert worst_mistakes(np.array([0, 1, 1, 1]), probabilities, 10).tolist() == []


def test_principal_components_are_those_of_the_covariance():
    rng = np.random.default_rng(0)
    stretched = rng.normal(size=(500, 6)) * [9, 1, 4, 1, 1, 0.1] @ np.linalg.qr(rng.normal(size=(6, 6)))[0] + 7
    points, explained = principal_components(stretched)
    assert points.shape == (500, 2)
    variances = np.linalg.eigvalsh(np.cov(stretched.T))[::-1]
    np.testing.assert_allclose(points.var(axis=0, ddof=1), variances[:2])
    np.testing.assert_allclose(explained, variances[:2] / variances.sum())
    assert abs(np.corrcoef(points.T)[0, 1]) < 1e-6
    np.testing.assert_allclose(principal_components(stretched * 1.0)[0], points)


def test_aligned_points_lie_where_they_were_however_they_had_been_turned_and_mirrored():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(40, 2)) * [5, 2]
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    for change in (turn, turn * [1, -1]):
        np.testing.assert_allclose(align(before @ change, before), before, atol=1e-9)
    moved = before + rng.normal(size=before.shape)
    assert np.linalg.norm(align(moved @ turn, before) - before) <= np.linalg.norm(moved - before)


def test_principal_components_of_constant_units_are_zero():
    points, explained = principal_components(np.ones((5, 3)))
    assert np.all(points == 0)
    assert np.all(explained == 0)


@pytest.mark.parametrize("relu", [True, False])
def test_layer_health_is_gradient_over_weights_and_dead_units(relu):
    rng = np.random.default_rng(0)
    first, second = Linear(5, 4, rng), Linear(4, 3, rng)
    first.bias.data[:2] = -1e6  # two of four units are always 0
    x = rng.normal(size=(50, 5)).astype(np.float32)
    hidden = ReLU()(first(x))
    cross_entropy(second(hidden), rng.integers(0, 3, 50)).backward()
    one, two = layer_health([first, second], [hidden.data], relu)
    assert one.dead == (0.5 if relu else None)
    assert two.dead is None
    for health, layer in ((one, first), (two, second)):
        expected = np.sqrt((layer.weight.grad**2).sum() / (layer.weight.data**2).sum())
        assert health.gradient_ratio == pytest.approx(expected, rel=1e-5)


def test_a_layer_of_zeros_without_a_gradient_has_ratio_0():
    layer = Linear(2, 2, initialisation="zero")
    assert layer_health([layer], [], True)[0].gradient_ratio == 0


@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (1, 1)])
def test_fewer_units_or_images_than_components_are_accepted(shape):
    activations = np.arange(np.prod(shape), dtype=float).reshape(shape)
    points, explained = principal_components(activations)
    assert (points.shape, explained.shape) == ((shape[0], 2), (2,))
    np.testing.assert_allclose(np.abs(points[:, 0]), np.abs(activations - activations.mean(axis=0)).sum(axis=1))
