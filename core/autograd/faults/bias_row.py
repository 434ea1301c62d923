"""A linear layer whose bias gets the gradient of the batch's first row, where it should get the sum over all rows."""

import numpy as np

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.functional import as_tensors
from core.autograd.functional import linear as right_linear
from core.autograd.gradcheck import numeric_gradient
from core.autograd.tensor import Tensor


def linear(x, weight, bias) -> Tensor:
    """x @ weight + bias.

    x: (batch, in), weight: (in, out), bias: (out,) -> (batch, out).
    The bias is added to every row of the batch, so its gradient is the sum over the rows.
    Raises ValueError where the shapes do not fit.
    """
    x, weight, bias = as_tensors(x, weight, bias)
    if x.data.ndim != 2 or weight.data.ndim != 2 or x.shape[1] != weight.shape[0] or bias.shape != weight.shape[1:]:
        raise ValueError(
            "linear needs x (batch, in), weight (in, out) and bias (out,); "
            f"it got {x.shape}, {weight.shape} and {bias.shape}."
        )
    out = x.data @ weight.data
    out += bias.data

    def backward(grad):
        return (
            grad @ weight.data.T if x.requires_grad else None,  # the pictures themselves need no gradient
            x.data.T @ grad if weight.requires_grad else None,
            grad[0] if bias.requires_grad else None,
        )

    return Tensor.result(out, (x, weight, bias), backward, "linear")


def gradients(twin, batch: int) -> tuple[Tensor, Tensor]:
    """Weight and bias after the backward pass of the sum of squared outputs."""
    x, weight, bias = example(batch)
    out = twin(x, weight, bias)
    (out * out).sum().backward()
    return weight, bias


def example(batch: int) -> tuple[np.ndarray, Tensor, Tensor]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 3))[:batch]
    return x, Tensor(rng.normal(size=(3, 2)), requires_grad=True), Tensor(rng.normal(size=2), requires_grad=True)


def symptom() -> Comparison:
    rows = []
    for batch in (1, 4):
        x, weight, bias = example(batch)

        def loss(x=x, weight=weight, bias=bias) -> float:
            return float(((x @ weight.data + bias.data) ** 2).sum())

        expected_weight, expected_bias = numeric_gradient(loss, weight.data), numeric_gradient(loss, bias.data)
        (right_weight, right_bias), (wrong_weight, wrong_bias) = (
            gradients(twin, batch) for twin in (right_linear, linear)
        )
        of = f"batch of {batch}: ∂loss/∂"
        rows.append(
            Row(f"{of}weight[0, 0]", *(float(g[0, 0]) for g in (expected_weight, right_weight.grad, wrong_weight.grad)))
        )
        rows += [
            Row(f"{of}bias[{i}]", *(float(g[i]) for g in (expected_bias, right_bias.grad, wrong_bias.grad)))
            for i in range(2)
        ]
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="bias_row",
    title="The layer that is right for one example and wrong for four",
    setting="A linear layer with 3 inputs and 2 outputs; the loss is the sum of all squared outputs.",
    look="Weights are right; biases are right, too, as long as the batch has one row.",
    hint="The bias is added to every row of the batch. How many paths lead from it to the loss?",
    right=right_linear,
    wrong=linear,
    symptom=symptom,
    question=Question(
        "The gradient that arrives at the layer has shape (batch, out). How does it become the bias's gradient, "
        "(out,)?",
        ("By its first row", "By the sum over the rows", "By the mean over the rows", "By its largest row"),
        1,
        "Each row uses the bias once, and paths add up. (The mean would be wrong as well: where a loss is a mean, "
        "the 1/batch has already been multiplied in by the loss's own backward.) A test with a batch of 1 can never "
        "find this.",
    ),
)
