"""A ReLU passes the gradient everywhere, even where its output is 0."""

import numpy as np

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.faults.slopes import numeric_slopes, slopes
from core.autograd.functional import as_tensors
from core.autograd.functional import relu as correct_relu
from core.autograd.tensor import Tensor


def relu(a) -> Tensor:
    """Rectifier max(a, 0): the gradient passes where a > 0 and is stopped elsewhere (at 0, too)."""
    (a,) = as_tensors(a)
    rectified = np.maximum(a.data, 0)

    def backward(grad):
        return (grad,)

    return Tensor.result(rectified, (a,), backward, "relu")


def symptom() -> Comparison:
    """Check the slope at four places."""
    rows = [
        Row(
            f"slope of relu at {at:g}".replace("-", "−"),
            *numeric_slopes(correct_relu, (at,)),
            *slopes(correct_relu, (at,)),
            *slopes(relu, (at,)),
        )
        for at in (2.0, 0.5, -0.5, -2.0)
    ]
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="open_relu",
    title="The operation that is correct on one side of zero",
    setting="The slope of ReLU is checked at four places.",
    observation="Two of the slopes are correct. Which two, and why those?",
    hint="Draw max(a, 0). How steep is it to the left of 0?",
    correct=correct_relu,
    faulty=relu,
    faulty_lines=("return (grad,)",),
    repair=(
        "The gradient passes only where the input was positive. Elsewhere the output is constant, so its slope is 0."
    ),
    symptom=symptom,
    question=Question(
        "A unit has z = −3, so relu gives 0. The gradient 5 arrives. Which gradient is passed on to z?",
        {
            "5": "This is what the faulty code does. But if z moves from −3 to −2.9, relu(z) stays 0.",
            "−15": "The gradient is multiplied by the slope of relu at z = −3, not by z itself.",
            "0": (
                "If z moves a little, relu still gives 0 and the loss does not change: the slope is 0. Passing 5 "
                "on would move weights that the loss does not depend on here."
            ),
            "−5": "The slope of relu is never negative: it is 1 where z > 0. What is it at z = −3?",
        },
        answer="0",
    ),
)
