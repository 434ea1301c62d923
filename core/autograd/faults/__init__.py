"""The Break-it lab: faulty copies of correct functions, one per file.

Nothing outside this folder imports them, except the page that shows them.
"""

from core.autograd.faults import (
    all_zero,
    bias_row,
    cell_product,
    early_state,
    mul_adds,
    never_zeroed,
    open_relu,
    overwritten,
    unstable_softmax,
)
from core.autograd.faults.base import Comparison, Curves, Fault, Question, Row

FAULTS: dict[str, Fault] = {
    module.FAULT.name: module.FAULT
    for module in (
        *(cell_product, mul_adds, early_state, overwritten, unstable_softmax),
        *(bias_row, open_relu, never_zeroed, all_zero),
    )
}

__all__ = ["FAULTS", "Comparison", "Curves", "Fault", "Question", "Row"]
