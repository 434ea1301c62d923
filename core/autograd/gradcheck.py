"""Gradient checks: finite differences and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from core.autograd.expression import Expression
from core.autograd.tensor import Tensor

STEP = 1e-6
"""About the cube root of float64's precision: there, truncation and rounding errors are of similar size."""

PYTORCH: dict[str, Callable[..., torch.Tensor]] = {
    **{name: getattr(torch, name) for name in ("add", "sub", "mul", "div", "neg", "pow")},
    **{name: getattr(torch, name) for name in ("abs", "cos", "exp", "log", "relu", "sigmoid", "sin", "sqrt", "tanh")},
    "pow_two": torch.square,
    "step": lambda a: (a > 0).double(),
}
"""PyTorch's counterparts of the operations in `core.autograd.functional`."""


def central_differences(expression: Expression, values: Mapping[str, float], step=STEP) -> dict[str, np.ndarray]:
    """Compute (f(x + step) - f(x - step)) / (2 step) for each name x, with the others fixed.

    step: a number or an array; each derivative has its shape, and is NaN where f has no value at x ± step.
    """
    step = np.asarray(step, dtype=np.float64)

    def shifted(name: str, by: np.ndarray) -> np.ndarray:
        nearby = {other: Tensor(np.full(step.shape, values[other])) for other in expression.names}
        nearby[name] = Tensor(values[name] + by)
        return np.broadcast_to(expression.evaluate(nearby).data, step.shape)

    with np.errstate(all="ignore"):  # inf - inf gives the NaN that is wanted
        return {name: (shifted(name, step) - shifted(name, -step)) / (2 * step) for name in expression.names}


def pytorch_gradients(expression: Expression, values: Mapping[str, float]) -> dict[str, float]:
    """Build the formula from PyTorch's operations and differentiate it with PyTorch, in float64."""
    leaves = {
        name: torch.tensor(float(values[name]), dtype=torch.float64, requires_grad=True) for name in expression.names
    }
    result = expression.evaluate(leaves, PYTORCH, lambda number: torch.tensor(number, dtype=torch.float64))
    if result.requires_grad:
        result.backward()
    return {name: 0.0 if leaf.grad is None else leaf.grad.item() for name, leaf in leaves.items()}


def numeric_gradient(loss: Callable[[], float], array: np.ndarray, step: float = STEP) -> np.ndarray:
    """Compute central differences of a loss with respect to every element of an array; same shape as the array.

    loss: reads the array. The elements are changed in place, one after the other, and restored.
    """
    gradient = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + step
        above = loss()
        array[index] = before - step
        below = loss()
        array[index] = before
        gradient[index] = (above - below) / (2 * step)
    return gradient
