"""Forward and backward pass, one operation at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.autograd.tensor import Tensor


@dataclass(frozen=True)
class Contribution:
    """What one use of a Tensor adds to its gradient.

    Attributes:
        parent: The Tensor.
        local: Derivative of the operation's result with respect to it.
        amount: Incoming gradient · local derivative.
        before: Its gradient from its other uses so far; None if this is the first.
        after: Its gradient with this contribution.
    """

    parent: Tensor
    local: float
    amount: float
    before: float | None
    after: float


@dataclass(frozen=True)
class BackwardStep:
    """One step of the backward pass: an operation passes the gradient of its result to its parents.

    Attributes:
        tensor: The operation's result.
        incoming: Gradient of the result, complete.
        contributions: What each parent that requires a gradient receives.
    """

    tensor: Tensor
    incoming: float
    contributions: tuple[Contribution, ...]


def forward_steps(result: Tensor) -> list[Tensor]:
    """Return the results of all operations that lead to `result`, in an order in which they can be computed."""
    return [tensor for tensor in result.topological_order() if tensor.operation]


def backward_steps(result: Tensor) -> list[BackwardStep]:
    """Return what `result.backward()` does, operation by operation, without changing any `.grad`.

    All Tensors must hold single numbers. Each operation's rule is called twice: with the incoming gradient, and with
    1, which gives the local derivative.
    """
    steps: list[BackwardStep] = []
    arrived = {result: 1.0}
    with np.errstate(all="ignore"):
        for tensor in reversed(forward_steps(result)):
            incoming = arrived[tensor]
            contributions: list[Contribution] = []
            amounts = tensor.backward_rule(np.float64(incoming))
            locals_ = tensor.backward_rule(np.float64(1))
            for parent, amount, local in zip(tensor.parents, amounts, locals_, strict=True):
                if parent.requires_grad:
                    before = arrived.get(parent)
                    arrived[parent] = float(amount) if before is None else before + float(amount)
                    contributions.append(Contribution(parent, float(local), float(amount), before, arrived[parent]))
            steps.append(BackwardStep(tensor, incoming, tuple(contributions)))
    return steps
