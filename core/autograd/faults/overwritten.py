"""A backward pass overwrites a gradient instead of adding to it: if there are several paths, only one counts."""

import numpy as np

from core.autograd import functional as F
from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.faults.slopes import numeric_slopes, slopes
from core.autograd.tensor import Tensor, unbroadcast


class OverwritingTensor(Tensor):
    """Faulty copy of Tensor."""

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
                    if parent_grad is grad or parent_grad.base is not None:
                        parent_grad = parent_grad.copy()  # changing one gradient in place must change no other
                    arriving[parent] = parent_grad


FORMULAS = {
    "x²": F.pow_two,
    "x + x": lambda x: F.add(x, x),
    "x · x": lambda x: F.mul(x, x),
    "(2x) · (x + 1)": lambda x: F.mul(F.mul(2, x), F.add(x, 1)),
}


def symptom() -> Comparison:
    """Check the derivatives of four formulas."""
    rows = [
        Row(
            f"d/dx of {text} at 3",
            *numeric_slopes(formula, (3.0,)),
            *slopes(formula, (3.0,)),
            *slopes(formula, (3.0,), OverwritingTensor.backward),
        )
        for text, formula in FORMULAS.items()
    ]
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="overwritten",
    title="The gradient that is correct for some formulas and too small for others",
    setting="The engine differentiates four formulas. The operations themselves are correct.",
    observation="One of the derivatives is correct. What do the other formulas have in common?",
    hint="Draw x · x as a graph. How many arrows leave x? How many gradients come back along them?",
    correct=Tensor.backward,
    faulty=OverwritingTensor.backward,
    faulty_lines=(
        "if parent_grad is grad or parent_grad.base is not None:",
        "arriving[parent] = parent_grad",
    ),
    repair=(
        "If a gradient has already arrived at the parent along another path, the new one is added to it instead of "
        "replacing it."
    ),
    symptom=symptom,
    question=Question(
        "A value affects the result along two paths. Its gradient is …",
        {
            "the larger of the two paths' gradients": (
                "Check x + x: each path contributes 1, so the larger one is 1. But if x grows by ε, x + x grows by 2ε."
            ),
            "the mean of the two": (
                "Check x + x: each path contributes 1, so the mean is 1. But if x grows by ε, x + x grows by 2ε."
            ),
            "the sum of the two": (
                "If x moves by ε, both paths move the result, and both movements happen: df/dx = Σ over the paths. "
                "For the same reason, a bias, used by every row of a batch, gets the sum of the rows' gradients."
            ),
            "the one that arrives last": (
                "This is what the faulty code computes. For x + x it gives 1, but if x grows by ε, x + x grows by 2ε."
            ),
        },
        answer="the sum of the two",
    ),
)
