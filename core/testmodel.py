"""The smallest thing that can be trained: two parameters and a loss."""

from __future__ import annotations

import numpy as np

from core import functional as F
from core.nn import Module
from core.tensor import Tensor


class TestModel(Module):
    """loss = (a²·b + b)² with the parameters a and b. At a = 2 and b = 3: 225, with the gradient (360, 150)."""

    __test__ = False  # it is a model to try things on, and no test to be collected

    def __init__(self, a: float = 2.0, b: float = 3.0):
        self.a = Tensor(np.float64(a), requires_grad=True)
        self.b = Tensor(np.float64(b), requires_grad=True)

    def forward(self) -> Tensor:
        a_squared = F.pow_two(self.a)
        return F.pow_two(F.add(F.mul(a_squared, self.b), self.b))
