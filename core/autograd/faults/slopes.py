"""What the faults inside single operations are tried on: slopes, by a backward pass and by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.autograd.gradcheck import numeric_gradient
from core.autograd.tensor import Tensor


def slopes(
    operation: Callable[..., Tensor], at: tuple[float, ...], backward: Callable = Tensor.backward
) -> list[float]:
    """The derivative of an operation with respect to each of its numbers, as its backward pass says."""
    leaves = [Tensor(value, requires_grad=True) for value in at]
    backward(operation(*leaves))
    return [float(leaf.grad) for leaf in leaves]


def numeric_slopes(operation: Callable[..., Tensor], at: tuple[float, ...]) -> list[float]:
    """The same by finite differences."""
    values = np.array(at)
    return numeric_gradient(lambda: operation(*values).item(), values).tolist()
