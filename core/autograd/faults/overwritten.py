"""A backward pass that overwrites a gradient where it should add to it: of several paths, only one counts."""

import numpy as np

from core.autograd import functional as F
from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.faults.slopes import numeric_slopes, slopes
from core.autograd.tensor import Tensor, unbroadcast


class OverwritingTensor(Tensor):
    """The wrong twin of Tensor."""

    def backward(self, grad=None) -> None:
        """Add d(self)/d(t) to the `.grad` of every Tensor t that self was made from (chain rule, in reverse).

        grad: gradient that arrives at self, of self's shape; a single number needs none (it is 1).
        Gradients accumulate over every path and over every call, until `zero_grad()`.
        Raises RuntimeError where nothing asked for a gradient, ValueError where `grad` does not fit.
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

        arriving = {self: grad}  # apart from .grad, which may hold an earlier call's gradients
        for tensor in reversed(self.topological_order()):
            grad = arriving.pop(tensor)
            tensor.grad = np.asarray(grad if tensor.grad is None else tensor.grad + grad, dtype=tensor.dtype)
            if tensor.backward_rule is None:
                continue
            for parent, parent_grad in zip(tensor.parents, tensor.backward_rule(grad), strict=True):
                if parent.requires_grad:
                    parent_grad = unbroadcast(parent_grad, parent.shape)
                    if parent_grad is grad or parent_grad.base is not None:
                        parent_grad = parent_grad.copy()  # whoever changes one gradient in place changes no other
                    arriving[parent] = parent_grad


FORMULAS = {
    "x²": F.pow_two,
    "x + x": lambda x: F.add(x, x),
    "x · x": lambda x: F.mul(x, x),
    "(2x) · (x + 1)": lambda x: F.mul(F.mul(2, x), F.add(x, 1)),
}


def symptom() -> Comparison:
    rows = [
        Row(
            f"d/dx of {what} at 3",
            *numeric_slopes(formula, (3.0,)),
            *slopes(formula, (3.0,)),
            *slopes(formula, (3.0,), OverwritingTensor.backward),
        )
        for what, formula in FORMULAS.items()
    ]
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="overwritten",
    title="The gradient that is right for some formulas and too small for others",
    setting="Four formulas are differentiated by the engine; the operations themselves are right.",
    look="One of the formulas is right. What do the others have in common?",
    hint="Draw x · x as a graph. How many arrows leave x? How many gradients come back along them?",
    right=Tensor.backward,
    wrong=OverwritingTensor.backward,
    symptom=symptom,
    question=Question(
        "A value reaches the result along two paths. Its gradient is …",
        (
            "the larger of the two paths' gradients",
            "the mean of the two",
            "the sum of the two",
            "the one that arrives last",
        ),
        2,
        "If x moves by ε, both paths move the result, and both movements happen: df/dx = Σ over the paths. It is the "
        "same reason for which a bias, used by every row of a batch, gets the sum of the rows' gradients.",
    ),
)
