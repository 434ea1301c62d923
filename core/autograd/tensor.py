"""Tensor: a NumPy array that remembers how it was made, so that gradients can flow back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

BLOCK = 128  # rows

BackwardRule = Callable[[Any], tuple[Any, ...]]
"""From the gradient of a result to the gradients of its parents; None is allowed if a parent requires none."""


def no_parents(grad) -> tuple[Any, ...]:
    """Return no gradients: the backward rule of a Tensor that no operation made."""
    return ()


class Tensor:
    """A NumPy array, the operation that made it, and the gradient of a later result with respect to it.

    value: a number, a nested list, an array or another Tensor. Floating-point arrays keep their
    type (float32 or float64) and share their memory; everything else becomes float64.

    An operation of `core.autograd.functional` returns a Tensor with its `parents` and a `backward_rule`:
    a function from the gradient of the result to the gradients of the parents (the chain rule's
    local step). The rules only *return* gradients; `backward()` alone adds them up.
    """

    __slots__ = ("data", "grad", "requires_grad", "parents", "backward_rule", "operation", "__weakref__")
    __array_ufunc__ = None  # so that `array * tensor` asks the tensor, not NumPy

    def __init__(self, value, requires_grad: bool = False):
        data = np.asarray(value.data if isinstance(value, Tensor) else value)
        self.data: np.ndarray = data if data.dtype in (np.float32, np.float64) else data.astype(np.float64)
        self.grad: np.ndarray | None = None
        self.requires_grad = requires_grad
        self.parents: tuple[Tensor, ...] = ()
        self.backward_rule: BackwardRule = no_parents
        self.operation = ""

    @classmethod
    def result(cls, data, parents: Iterable[Tensor], backward_rule: BackwardRule, operation: str) -> Tensor:
        """Make the result of an operation; the operation is recorded only if a parent requires a gradient."""
        tensor = cls(data, requires_grad=any(parent.requires_grad for parent in parents))
        if tensor.requires_grad:
            tensor.parents, tensor.backward_rule, tensor.operation = tuple(parents), backward_rule, operation
        return tensor

    def backward(self, grad=None) -> None:
        """Add d(self)/d(t) to the `.grad` of every Tensor t that self was made from (chain rule, in reverse).

        grad: gradient that arrives at self, of self's shape; a single number needs none (it is 1).
        Gradients accumulate over every path and over every call, until `zero_grad()`.
        Raises RuntimeError if no Tensor requires a gradient, ValueError if `grad` has another shape.
        """
        if not self.requires_grad:
            raise RuntimeError("backward() needs a Tensor made from one with requires_grad=True; this one was not.")
        if grad is None:
            if self.data.size != 1:
                raise ValueError(
                    f"backward() starts from a single number, but this Tensor has shape {self.shape}: "
                    "sum it up first, or pass the gradient that arrives at it."
                )
            grad = np.ones_like(self.data)
        grad = np.array(grad, dtype=self.dtype)
        if grad.shape != self.shape:
            raise ValueError(f"the gradient must have the Tensor's shape {self.shape}, not {grad.shape}.")

        arriving: dict[Tensor, np.ndarray] = {self: grad}  # not in .grad, which may hold gradients of earlier calls
        for tensor in reversed(self.topological_order()):
            grad = arriving.pop(tensor)
            tensor.grad = np.asarray(grad if tensor.grad is None else tensor.grad + grad, dtype=tensor.dtype)
            for parent, parent_grad in zip(tensor.parents, tensor.backward_rule(grad), strict=True):
                if parent.requires_grad:
                    parent_grad = unbroadcast(parent_grad, parent.shape)
                    if parent in arriving:
                        parent_grad = arriving[parent] + parent_grad
                    elif parent_grad is grad or parent_grad.base is not None:
                        parent_grad = parent_grad.copy()  # changing one gradient in place must change no other
                    arriving[parent] = parent_grad

    def topological_order(self) -> list[Tensor]:
        """Return every Tensor that self was made from and that requires a gradient: parents first, self last.

        Depth-first without recursion, so that a chain of thousands of operations does not exceed Python's limit.
        """
        order: list[Tensor] = []
        seen: set[Tensor] = set()
        stack = [(self, False)]
        while stack:
            tensor, parents_are_done = stack.pop()
            if parents_are_done:
                order.append(tensor)
            elif tensor not in seen:
                seen.add(tensor)
                stack.append((tensor, True))
                stack.extend((parent, False) for parent in tensor.parents if parent.requires_grad)
        return order

    def zero_grad(self) -> None:
        """Reset the gradient to None, so that the next backward() does not add to it."""
        self.grad = None

    def item(self) -> float:
        """Return the value of a Tensor that holds a single number, as a Python float."""
        return self.data.item()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the data; () for a single number."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the elements: float32 or float64."""
        return self.data.dtype

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        value = np.array2string(self.data, separator=", ", precision=4) if self.data.ndim else str(self.data)
        shape = f", shape={self.shape}" if self.data.ndim else ""
        dtype = ", dtype=float32" if self.dtype == np.float32 else ""
        return "Tensor(" + value.replace("\n", "\n" + " " * len("Tensor(")) + shape + dtype + ")"

    # Operators: each calls a function of core.autograd.functional, where its backward rule stands, too.

    def __add__(self, other):
        return functional.add(self, other)

    def __sub__(self, other):
        return functional.sub(self, other)

    def __mul__(self, other):
        return functional.mul(self, other)

    def __truediv__(self, other):
        return functional.div(self, other)

    def __pow__(self, other):
        return functional.pow(self, other)

    def __matmul__(self, other):
        return functional.matmul(self, other)

    def __radd__(self, other):
        return functional.add(other, self)

    def __rsub__(self, other):
        return functional.sub(other, self)

    def __rmul__(self, other):
        return functional.mul(other, self)

    def __rtruediv__(self, other):
        return functional.div(other, self)

    def __rpow__(self, other):
        return functional.pow(other, self)

    def __rmatmul__(self, other):
        return functional.matmul(other, self)

    def __neg__(self):
        return functional.neg(self)

    def sum(self):
        """The sum of all elements."""
        return functional.sum(self)

    def mean(self):
        """The mean of all elements."""
        return functional.mean(self)


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum `grad` over the axes along which NumPy stretched an array of `shape`.

    A value that is used several times gets the sum of the gradients of its uses, and broadcasting is such a use.
    """
    if grad.shape == shape:
        return grad
    sizes = (1,) * (grad.ndim - len(shape)) + shape
    stretched = [axis for axis in range(grad.ndim) if grad.shape[axis] != sizes[axis]]
    kept = [axis for axis in range(grad.ndim) if axis not in stretched]
    uses = math.prod(grad.shape[axis] for axis in stretched)
    return sum_rows(grad.transpose(stretched + kept).reshape(uses, math.prod(shape))).reshape(shape)


def sum_rows(array: np.ndarray) -> np.ndarray:
    """Sum over the first axis.

    Up to 128 rows are added one after the other, more rows in blocks of blocks, so that rounding errors do not add up.
    `array.sum(axis=0)` adds all one after the other: 200,000 times 0.1 is off by 0.2 % in float32.
    """
    if len(array) <= BLOCK:
        return array.sum(axis=0)
    whole = len(array) // BLOCK * BLOCK
    blocks = array[:whole].reshape(BLOCK, whole // BLOCK, *array.shape[1:])
    return sum_rows(blocks.sum(axis=0)) + array[whole:].sum(axis=0)


from core.autograd import functional  # noqa: E402  (the operators need the operations, which are made of Tensors)
