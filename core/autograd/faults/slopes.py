"""Derivatives of a single operation, by a backward pass and by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.autograd.gradcheck import numeric_gradient
from core.autograd.tensor import Tensor


def slopes(
    operation: Callable[..., Tensor], at: tuple[float, ...], backward: Callable = Tensor.backward
) -> list[float]:
    """Return the derivative of an operation with respect to each of its inputs, by its backward rule."""
    leaves = [Tensor(value, requires_grad=True) for value in at]
    backward(operation(*leaves))
    return [float(leaf.grad) for leaf in leaves if leaf.grad is not None]


def numeric_slopes(operation: Callable[..., Tensor], at: tuple[float, ...]) -> list[float]:
    """Return the derivative of an operation with respect to each of its inputs, by finite differences."""
    values = np.array(at)
    return numeric_gradient(lambda: operation(*values).item(), values).tolist()
