"""A softmax that takes the exponentials as they come: they overflow where a logit is large."""

import numpy as np
import torch

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.functional import log_softmax as right_log_softmax


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax of every row. logits: (batch, classes) array -> the same shape."""
    exponentials = np.exp(logits)
    return np.log(exponentials / exponentials.sum(axis=1, keepdims=True))


LOGITS = np.array([[1.0, 2.0, 0.5]])
TARGET = 0


def symptom() -> Comparison:
    rows = []
    for scale in (1, 10, 100, 1000):
        logits = scale * LOGITS
        expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor([TARGET])).item()
        with np.errstate(all="ignore"):  # the overflow is what is to be seen
            right, wrong = (-float(twin(logits)[0, TARGET]) for twin in (right_log_softmax, log_softmax))
        rows.append(
            Row(f"Loss for the logits {', '.join(f'{logit:g}' for logit in logits[0])}", expected, right, wrong)
        )
    return Comparison("PyTorch", tuple(rows))


FAULT = Fault(
    name="unstable_softmax",
    title="The loss that becomes NaN when the network is sure",
    setting="The cross-entropy of ever larger logits; the first class is the right one.",
    look="Small logits give the same loss. Then, suddenly, there is no number any more.",
    hint="What is the largest x for which a float64 can hold eˣ? (For a float32 it is 88.)",
    right=right_log_softmax,
    wrong=log_softmax,
    symptom=symptom,
    question=Question(
        "What may be done with all logits of a row without changing any probability?",
        (
            "Divide them by the largest one",
            "Subtract the same number from each",
            "Leave out the largest one",
        ),
        1,
        "eˣ⁻ᵐ / Σ eʸ⁻ᵐ = eˣ / Σ eʸ: the factor e⁻ᵐ cancels. With the largest logit as m, the largest exponent is 0, so "
        "that nothing overflows, and the sum is at least 1, so that nothing is divided by zero.",
    ),
)
