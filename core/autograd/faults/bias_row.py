"""The bias of a linear layer gets the gradient of the batch's first row instead of the sum over all rows."""

from collections.abc import Callable

import numpy as np

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.functional import check_linear
from core.autograd.functional import linear as correct_linear
from core.autograd.gradcheck import numeric_gradient
from core.autograd.tensor import Tensor


def linear(x, weight, bias) -> Tensor:
    """Compute x @ weight + bias.

    x: (batch, in), weight: (in, out), bias: (out,) -> (batch, out).
    The bias is added to every row of the batch, so its gradient is the sum over the rows.
    Raises ValueError if the shapes do not match.
    """
    x, weight, bias = check_linear(x, weight, bias)
    out = x.data @ weight.data
    out += bias.data

    def backward(grad):
        return (
            grad @ weight.data.T if x.requires_grad else None,  # the input images need no gradient
            x.data.T @ grad if weight.requires_grad else None,
            grad[0] if bias.requires_grad else None,
        )

    return Tensor.result(out, (x, weight, bias), backward, "linear")


def gradients(layer: Callable[..., Tensor], batch: int) -> list[np.ndarray]:
    """Return the gradients of weight and bias for the sum of squared outputs."""
    x, weight, bias = example(batch)
    out = layer(x, weight, bias)
    (out * out).sum().backward()
    return [parameter.grad for parameter in (weight, bias) if parameter.grad is not None]


def example(batch: int) -> tuple[np.ndarray, Tensor, Tensor]:
    """Make an input (batch, 3), a weight (3, 2) and a bias (2,); the same each time."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 3))[:batch]
    return x, Tensor(rng.normal(size=(3, 2)), requires_grad=True), Tensor(rng.normal(size=2), requires_grad=True)


def symptom() -> Comparison:
    """Check the gradients of weight and bias for batches of one and of four examples."""
    rows = []
    for batch in (1, 4):
        x, weight, bias = example(batch)

        def loss(x=x, weight=weight, bias=bias) -> float:
            return float(((x @ weight.data + bias.data) ** 2).sum())

        expected = [numeric_gradient(loss, weight.data), numeric_gradient(loss, bias.data)]
        weights, biases = zip(expected, gradients(correct_linear, batch), gradients(linear, batch), strict=True)
        name = f"batch of {batch}: ∂loss/∂"
        rows.append(Row(f"{name}weight[0, 0]", *(float(gradient[0, 0]) for gradient in weights)))
        rows += [Row(f"{name}bias[{i}]", *(float(gradient[i]) for gradient in biases)) for i in range(2)]
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="bias_row",
    title="The layer that is correct for one example and wrong for four",
    setting="A linear layer with 3 inputs and 2 outputs; the loss is the sum of all squared outputs.",
    observation="The gradient of the weight is correct. That of the bias is, too, as long as the batch has one row.",
    hint="The bias is added to every row of the batch. How many paths lead from it to the loss?",
    correct=correct_linear,
    faulty=linear,
    faulty_lines=("grad[0] if bias.requires_grad else None,",),
    repair=(
        "The bias is added to every row, so every row contributes to its gradient: the contributions are summed "
        "over the batch."
    ),
    symptom=symptom,
    question=Question(
        "The gradient that arrives at the layer has shape (batch, out). How does it become the bias's gradient, "
        "(out,)?",
        {
            "Take its first row": (
                "This is what the faulty code does. It ignores that the bias affects the outputs of the other "
                "rows, too."
            ),
            "Sum over the rows": (
                "Each row uses the bias once, and paths add up. (The mean would be wrong as well: if the loss is a "
                "mean, the loss's own backward has already multiplied by 1/batch.) A test with a batch of 1 can "
                "never find this."
            ),
            "Average over the rows": (
                "If the bias grows by ε, all outputs grow by ε, and their effects add up. If the loss is a mean "
                "over the batch, its own backward pass has already multiplied by 1/batch."
            ),
            "Take its largest row": (
                "The bias is added to every row of the batch, so every row contributes, not only the largest."
            ),
        },
        answer="Sum over the rows",
    ),
)
