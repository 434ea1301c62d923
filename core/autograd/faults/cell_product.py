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
    symptom=symptom,
    question=Question(
        "What is the faulty cell's c after 18 characters?",
        (
            "Exactly 0, whatever the weights are",
            "So large that tanh(c) is flat",
            "A random number that depends on the initial weights",
        ),
        0,
        "c starts as 0 and is only ever multiplied: 0 stays 0, so h = o · tanh(0) is 0, too. Only the output layer's "
        "bias can learn, and it knows how often a character comes, not when. In f·c + i·g, the sum lets new "
        "information in.",
    ),
)
