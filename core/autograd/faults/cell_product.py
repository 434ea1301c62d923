"""An LSTM cell multiplies what it keeps by what it writes: c ← f * c * i * g instead of f * c + i * g."""

import torch
from torch import Tensor

from core.autograd.faults.base import Curves, Fault, Question
from core.autograd.faults.toy_task import learn
from core.memorize.lstm import MyLSTMCell, State


class ProductCell(MyLSTMCell):
    """Faulty copy of MyLSTMCell."""

    def step(self, projected: Tensor, state: State) -> State:
        """Compute the rest of a step, which needs the state: projected (batch, 4H), (h, c) -> the next (h, c)."""
        h, c = state
        gates = torch.addmm(projected, h, self.weight_hh.T)  # projected + h Wᵀ, in one go: (batch, 4H)
        i, f, g, o = gates.chunk(4, dim=-1)  # (batch, H) each
        c = torch.sigmoid(f) * c * torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


def symptom() -> Curves:
    """Train both cells."""
    return Curves("Epoch", "Loss (nats per character)", learn(MyLSTMCell)[2], learn(ProductCell)[2])


FAULT = Fault(
    name="cell_product",
    title="The LSTM whose loss stays high",
    setting="An LSTM cell learns the text “to be or not to be”.",
    observation="With the faulty code, the loss falls a little and then stays there.",
    hint="c is zero before the first character. Follow it through the cell by hand for one step, then for two.",
    correct=MyLSTMCell.step,
    faulty=ProductCell.step,
    faulty_lines=("c = torch.sigmoid(f) * c * torch.sigmoid(i) * torch.tanh(g)",),
    repair=(
        "The new cell state is a sum: f·c is kept from before, and i·g is written. Because of the plus sign, a c "
        "of 0 does not stay 0."
    ),
    symptom=symptom,
    question=Question(
        "What is the faulty cell's c after 18 characters?",
        {
            "Exactly 0, whatever the weights are": (
                "c starts as 0 and is only ever multiplied: 0 stays 0, so h = o · tanh(0) is 0, too. Only the "
                "output layer's bias can learn, and it knows how often a character comes, not when. In f·c + i·g, "
                "the sum lets new information in."
            ),
            "So large that tanh(c) is flat": (
                "c cannot grow: three of its four factors, σ(f), σ(i) and tanh(g), are between −1 and 1. The "
                "fourth is the old c. What is c before the first character?"
            ),
            "A random number that depends on the initial weights": (
                "The weights determine σ(f), σ(i) and tanh(g), but c is multiplied by all of them. What is c "
                "before the first character?"
            ),
        },
        answer="Exactly 0, whatever the weights are",
    ),
)
