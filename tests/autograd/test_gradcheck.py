"""Finite differences and PyTorch's gradients on formulas with known derivatives."""

import numpy as np
import pytest

from core.autograd.expression import parse
from core.autograd.gradcheck import STEP, central_differences, numeric_gradient, pytorch_gradients

KNOWN = [  # text, values, derivatives worked out by hand
    ("(a**2*b + b)**2", {"a": 2, "b": 3}, {"a": 360, "b": 150}),
    ("relu(w*x + b)", {"w": 0.5, "x": 3, "b": -1}, {"w": 3, "x": 0.5, "b": 1}),
    ("relu(w*x + b)", {"w": 0.5, "x": 3, "b": -2}, {"w": 0, "x": 0, "b": 0}),
    ("log(exp(a) + exp(b))", {"a": 1, "b": 1}, {"a": 0.5, "b": 0.5}),
    ("sin(a)/a", {"a": np.pi}, {"a": -1 / np.pi}),
    ("5*step(a) + 2", {"a": 1}, {"a": 0}),
]


@pytest.mark.parametrize(("text", "values", "expected"), KNOWN)
def test_engine_pytorch_and_finite_differences_give_the_known_derivatives(text, values, expected):
    expression = parse(text)
    assert expression.graph(values).backward() == pytest.approx(expected, rel=1e-12)
    assert pytorch_gradients(expression, values) == pytest.approx(expected, rel=1e-12)
    assert central_differences(expression, values) == pytest.approx(expected, rel=1e-8)


def test_the_error_is_smallest_for_medium_step_sizes():
    """Truncation shrinks with h², rounding grows with 1/h; the page draws this curve."""
    steps = np.array([1e-1, 1e-2, STEP, 1e-12, 1e-14])
    errors = np.abs(central_differences(parse("exp(a)"), {"a": 1}, steps)["a"] - np.e)
    assert errors.shape == steps.shape
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)
    assert errors[2] < 1e-9
    assert errors[3] > 1e5 * errors[2]
    assert errors[4] > errors[3]


def test_the_difference_is_nan_if_a_neighbouring_value_is_undefined():
    differences = central_differences(parse("sqrt(a) + b"), {"a": 0, "b": 1})
    assert np.isnan(differences["a"])
    assert differences["b"] == pytest.approx(1)


def test_a_name_without_influence_has_gradient_0():
    expression = parse("0*a + step(b)")
    assert pytorch_gradients(expression, {"a": 1, "b": 1}) == {"a": 0, "b": 0}
    assert central_differences(expression, {"a": 1, "b": 1}) == {"a": 0, "b": 0}


def test_numeric_gradient_changes_every_element_and_restores_it():
    array = np.arange(6.0).reshape(2, 3)
    before = array.copy()
    gradient = numeric_gradient(lambda: float((array**2).sum()), array)
    np.testing.assert_allclose(gradient, 2 * before, rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(array, before)
