"""A ReLU that lets the gradient pass everywhere, also where it had let nothing through."""

import numpy as np

from core.faults.fault import Comparison, Fault, Question, Row
from core.functional import as_tensors
from core.functional import relu as right_relu
from core.tensor import Tensor


def relu(a) -> Tensor:
    """max(a, 0): the gradient passes where a > 0 and is stopped elsewhere (at 0, too)."""
    (a,) = as_tensors(a)
    rectified = np.maximum(a.data, 0)

    def backward(grad):
        return (grad,)

    return Tensor.result(rectified, (a,), backward, "relu")


def symptom() -> Comparison:
    rows, step = [], 1e-6
    for at in (2.0, 0.5, -0.5, -2.0):
        slopes = []
        for twin in (right_relu, relu):
            a = Tensor(at, requires_grad=True)
            twin(a).backward()
            slopes.append(float(a.grad))
        expected = (max(at + step, 0) - max(at - step, 0)) / (2 * step)
        rows.append(Row(f"slope of relu at {at:g}".replace("-", "−"), expected, *slopes))
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="open_relu",
    title="The gate that lets gradients back through when it is shut",
    setting="The slope of ReLU is checked at four places.",
    look="On one side of zero all is well.",
    hint="Draw max(a, 0). How steep is it to the left of 0?",
    right=right_relu,
    wrong=relu,
    symptom=symptom,
    question=Question(
        "A unit has z = −3, so relu gives 0. The gradient 5 arrives. What goes on to z?",
        ("5", "−15", "0", "−5"),
        2,
        "If z moves a little, relu still gives 0 and the loss does not notice: the slope is 0. Passing 5 on would "
        "move weights to please a loss that does not depend on them here.",
    ),
)
