"""A softmax computes the exponentials directly: they overflow if a logit is large."""

import numpy as np
import torch

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.functional import log_softmax as correct_log_softmax


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax of every row. logits: (batch, classes) array -> the same shape."""
    exponentials = np.exp(logits)
    return np.log(exponentials / exponentials.sum(axis=1, keepdims=True))


LOGITS = np.array([[1.0, 2.0, 0.5]])
TARGET = 0


def symptom() -> Comparison:
    """Compute the cross-entropy of logits of four sizes."""
    rows = []
    for scale in (1, 10, 100, 1000):
        logits = scale * LOGITS
        expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor([TARGET])).item()
        with np.errstate(all="ignore"):  # the overflow is the point
            correct, faulty = (-float(version(logits)[0, TARGET]) for version in (correct_log_softmax, log_softmax))
        label = f"Loss for the logits {', '.join(f'{logit:g}' for logit in logits[0])}"
        rows.append(Row(label, expected, correct, faulty))
    return Comparison("PyTorch", tuple(rows))


FAULT = Fault(
    name="unstable_softmax",
    title="The loss that becomes NaN when the network is sure",
    setting="The cross-entropy of larger and larger logits; the first class is the correct one.",
    observation="Small logits give the same loss. Then, suddenly, the loss is not a number any more.",
    hint="What is the largest x for which a float64 can hold eˣ? (For a float32 it is 88.)",
    correct=correct_log_softmax,
    faulty=log_softmax,
    faulty_lines=(
        "exponentials = np.exp(logits)",
        "return np.log(exponentials / exponentials.sum(axis=1, keepdims=True))",
    ),
    repair=(
        "The largest logit of each row is subtracted before exp is computed, so the largest exponent is 0. The "
        "logarithm is then taken of the sum only, which is at least 1."
    ),
    symptom=symptom,
    question=Question(
        "What can be done to all logits of a row without changing any probability?",
        {
            "Divide them by the largest one": (
                "Division changes the differences between the logits, and with them the probabilities: the logits "
                "1 and 2 give 27 % and 73 %, but 0.5 and 1 give 38 % and 62 %."
            ),
            "Subtract the same number from each": (
                "eˣ⁻ᵐ / Σ eʸ⁻ᵐ = eˣ / Σ eʸ: the factor e⁻ᵐ cancels. With the largest logit as m, the largest "
                "exponent is 0, so nothing overflows, and the sum is at least 1, so nothing is divided by zero."
            ),
            "Leave out the largest one": (
                "Then the class with the largest logit has no probability at all, and the probabilities of the "
                "others grow."
            ),
        },
        answer="Subtract the same number from each",
    ),
)
