"""The engine's two passes, taken apart: one operation at a time, with what flowed where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.autograd.tensor import Tensor


@dataclass(frozen=True)
class Contribution:
    """What one use of a parent adds to its gradient: amount = incoming gradient · local derivative."""

    parent: Tensor
    local: float
    amount: float
    before: float | None
    """The parent's gradient from its other uses so far; None if this is the first."""
    after: float


@dataclass(frozen=True)
class BackwardStep:
    """An operation's turn in the backward pass: the gradient that has arrived at its result goes to its parents."""

    tensor: Tensor
    incoming: float
    contributions: tuple[Contribution, ...]


def forward_steps(result: Tensor) -> list[Tensor]:
    """The results of the operations that lead to `result`, in the order in which they can be calculated."""
    return [tensor for tensor in result.topological_order() if tensor.operation]


def backward_steps(result: Tensor) -> list[BackwardStep]:
    """What `result.backward()` does, operation by operation; all Tensors hold single numbers. No `.grad` is touched.

    The operations' own rules are asked, each twice: with the gradient that arrives, and with 1, which gives the
    local derivative.
    """
    steps, arrived = [], {result: 1.0}
    with np.errstate(all="ignore"):
        for tensor in reversed(forward_steps(result)):
            incoming, contributions = arrived[tensor], []
            amounts = tensor.backward_rule(np.float64(incoming))
            locals_ = tensor.backward_rule(np.float64(1))
            for parent, amount, local in zip(tensor.parents, amounts, locals_, strict=True):
                if parent.requires_grad:
                    before = arrived.get(parent)
                    arrived[parent] = float(amount) if before is None else before + float(amount)
                    contributions.append(Contribution(parent, float(local), float(amount), before, arrived[parent]))
            steps.append(BackwardStep(tensor, incoming, tuple(contributions)))
    return steps
