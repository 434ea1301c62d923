"""The backward rule of a multiplication adds the other factor to the gradient instead of multiplying by it."""

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.faults.slopes import numeric_slopes, slopes
from core.autograd.functional import as_tensors
from core.autograd.functional import mul as correct_mul
from core.autograd.tensor import Tensor


def mul(a, b) -> Tensor:
    """Product a · b, element by element: d(ab)/da = b and d(ab)/db = a."""
    a, b = as_tensors(a, b)

    def backward(grad):
        return grad + b.data, grad + a.data

    return Tensor.result(a.data * b.data, (a, b), backward, "mul")


def symptom() -> Comparison:
    """Check the gradients of two products."""
    rows = []
    for a, b in ((2.0, 3.0), (0.5, -4.0)):
        found = numeric_slopes(correct_mul, (a, b)), slopes(correct_mul, (a, b)), slopes(mul, (a, b))
        for name, *numbers in zip("ab", *found, strict=True):
            rows.append(Row(f"∂(a·b)/∂{name} at a = {a:g}, b = {b:g}".replace("-", "−"), *numbers))
    return Comparison("finite differences", tuple(rows))


FAULT = Fault(
    name="mul_adds",
    title="The product whose gradient is off by one",
    setting="Two numbers are multiplied, and the gradient of the product is checked.",
    observation="The incoming gradient is 1 here, and each faulty gradient is off by exactly 1.",
    hint="The chain rule combines the incoming gradient with the local derivative. How?",
    correct=correct_mul,
    faulty=mul,
    faulty_lines=("return grad + b.data, grad + a.data",),
    repair=(
        "The chain rule multiplies: each input receives the incoming gradient times the local derivative, which "
        "for a product is the other factor."
    ),
    symptom=symptom,
    question=Question(
        "The gradient g arrives at a·b. Which gradient should be passed on to a?",
        {
            "g + b": (
                "This is what the faulty code does. Compare the table: at a = 2, b = 3 with g = 1 it gives 4, but "
                "the slope is 3."
            ),
            "g · b": (
                "If a moves by ε, the product moves by b·ε and the result by g·b·ε: chained slopes multiply. Paths "
                "add up; factors along one path never do."
            ),
            "g · a": "This is the gradient for b. If a moves by ε, the product a·b moves by b·ε.",
            "g": (
                "g alone would be correct for a sum. If a moves by ε, the product a·b does not move by ε, but by b·ε."
            ),
        },
        answer="g · b",
    ),
)
