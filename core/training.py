"""What every training loop shares: how it is steered from outside, and how it ends when the loss explodes."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Control:
    """What may change while a loop runs. The loop reads it before every step.

    lr: the learning rate from now on (before any schedule); None: the one in the loop's config.
    """

    lr: float | None = None


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a finite number. Its text tells a student at which step and what to try."""


def check_finite(loss: float, step: str, lr: float) -> None:
    """Raise TrainingDiverged where the loss is NaN or infinite. step: where we are, e.g. "epoch 3"."""
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"At {step} the loss became {'infinite' if math.isinf(loss) else 'NaN (not a number)'}: the steps were so "
            f"large that the weights overflowed. Try a learning rate well below {lr:.2g}, for example {lr / 10:.2g}."
        )


def check_range(name: str, value: float, low: float, high: float, whole: bool = False) -> None:
    """Raise ValueError with a sentence unless `value` is a (whole) number from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:
        raise ValueError(f"{name} must be {kind} from {low:,} to {high:,}, but it is {value!r}.")
