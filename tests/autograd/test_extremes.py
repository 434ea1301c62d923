"""Every operation against PyTorch at every magnitude, with zeros, infinities and NaN as values and as gradients."""

import itertools

import numpy as np
import pytest
import torch

from core.autograd import functional as F
from core.autograd.tensor import Tensor

VALUES = {
    np.float32: [0.0, 1e-30, 1e-19, 1e-4, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0, 40.0, 85.0, 1e4, 1e19, 1e20, 1e30, np.inf],
    np.float64: [
        0.0,
        1e-200,
        1e-154,
        1e-4,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        10.0,
        40.0,
        700.0,
        1e4,
        1e154,
        1e155,
        1e200,
        np.inf,
    ],
}
GRADIENTS = {
    np.float32: [1.0, -2.5, 0.0, 1e-30, -1e30, 1e19, np.inf, -np.inf, np.nan],
    np.float64: [1.0, -2.5, 0.0, 1e-200, -1e200, 1e154, np.inf, -np.inf, np.nan],
}
ONE_INPUT = {
    "neg": (F.neg, torch.neg),
    "pow_two": (F.pow_two, torch.square),
    "exp": (F.exp, torch.exp),
    "log": (F.log, torch.log),
    "tanh": (F.tanh, torch.tanh),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "relu": (F.relu, torch.relu),
    "sqrt": (F.sqrt, torch.sqrt),
    "sin": (F.sin, torch.sin),
    "cos": (F.cos, torch.cos),
    "abs": (F.abs, torch.abs),
}
TWO_INPUTS = {
    "add": (F.add, torch.add),
    "sub": (F.sub, torch.sub),
    "mul": (F.mul, torch.mul),
    "div": (F.div, torch.div),
    "pow": (F.pow, torch.pow),
}


def both_signs(dtype) -> np.ndarray:
    return np.array([sign * value for value in VALUES[dtype] for sign in (1, -1)] + [np.nan], dtype)


def assert_same(ours: np.ndarray, theirs: torch.Tensor, dtype, slack: float = 0.0) -> None:
    """Assert equality to a few units in the last place, and NaN where PyTorch has NaN.

    Below the smallest normal number, 0 is accepted. slack: further tolerance, in units in the last place of 1.
    """
    assert ours.dtype == dtype
    limits = np.finfo(dtype)
    atol = limits.tiny + slack * limits.eps
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=16 * limits.eps, atol=atol, equal_nan=True)


def compare(ours, theirs, inputs: list[np.ndarray], dtype, slack: float = 0.0) -> None:
    """Compare the result, and the gradients of all inputs for every incoming gradient."""
    for arriving in GRADIENTS[dtype]:
        tensors = [Tensor(values.copy(), requires_grad=True) for values in inputs]
        expected = [torch.tensor(values, requires_grad=True) for values in inputs]
        with np.errstate(all="ignore"):
            result = ours(*tensors)
            result.backward(np.full(result.shape, arriving, dtype))
        their_result = theirs(*expected)
        their_result.backward(torch.full(their_result.shape, arriving, dtype=their_result.dtype))
        assert_same(result.data, their_result, dtype)
        for tensor, other in zip(tensors, expected, strict=True):
            assert_same(tensor.grad, other.grad, dtype, slack * abs(arriving) if np.isfinite(arriving) else 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ONE_INPUT)
def test_operations_with_one_input_are_as_exact_as_pytorch_at_every_magnitude(name, dtype):
    values = both_signs(dtype)
    if name == "abs":  # PyTorch calls the slope at NaN 0; ours is NaN, which hides nothing
        values = values[~np.isnan(values)]
    compare(*ONE_INPUT[name], [values], dtype, slack=4 if name == "tanh" else 0)  # 1 - t² cancels in both


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TWO_INPUTS)
def test_operations_with_two_inputs_are_as_exact_as_pytorch_at_every_magnitude(name, dtype):
    pairs = np.array(list(itertools.product(both_signs(dtype), repeat=2)), dtype)
    compare(*TWO_INPUTS[name], [pairs[:, 0], pairs[:, 1]], dtype)
