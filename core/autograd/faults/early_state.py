"""A loop over a sequence that returns the state from before the last step as the final one."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.faults.toy_task import TEXT, learn, one_hot, say
from core.autograd.faults.toy_task import nothing_remembered as start
from core.memorize.lstm import MyLSTMCell, State
from core.memorize.lstm import run_layer as right_run_layer


def run_layer(cell: MyLSTMCell, sequence: Tensor, state: State) -> tuple[Tensor, State]:
    """One layer, step by step: sequence (seq_len, batch, input_size) -> (seq_len, batch, hidden_size), last (h, c)."""
    outputs = []
    for projected in cell.project(sequence):  # (batch, 4H)
        final = state
        h, c = state = cell.step(projected, state)
        outputs.append(h)
    return torch.stack(outputs), final


@torch.no_grad()
def gap(twin, cell: MyLSTMCell) -> float:
    """How far the final hidden state is from the last output, which should be the same."""
    outputs, (h, _) = twin(cell, one_hot(TEXT), start())
    return (outputs[-1] - h).abs().max().item()


@torch.no_grad()
def loss(twin, cell: MyLSTMCell, head: nn.Linear) -> float:
    """The loss as in training: the whole text goes through at once."""
    outputs, _ = twin(cell, one_hot(TEXT[:-1]), start())
    return F.cross_entropy(head(outputs).flatten(0, 1), one_hot(TEXT[1:]).argmax(dim=-1).flatten()).item()


def symptom() -> Comparison:
    cell, head, _ = learn(MyLSTMCell)
    right_loss, wrong_loss = loss(right_run_layer, cell, head), loss(run_layer, cell, head)
    return Comparison(
        "what an LSTM does",
        (
            Row("Loss, the whole text at once", right_loss, right_loss, wrong_loss),
            Row("Said by itself, one character at a time", TEXT, say(cell, head), say(cell, head, run_layer)),
            Row("Largest |last output − final h|", 0.0, gap(right_run_layer, cell), gap(run_layer, cell)),
        ),
    )


FAULT = Fault(
    name="early_state",
    title="The LSTM that learns well and speaks badly",
    setting="A trained cell says “to be or not to be” by itself. Both twins have the same weights.",
    look="The loss is perfect, and the text is not.",
    hint=(
        "In training the whole text goes through at once. To speak, it goes through one character at a time, and "
        "only the returned state ties one call to the next."
    ),
    right=right_run_layer,
    wrong=run_layer,
    symptom=symptom,
    question=Question(
        "Why does the loss show nothing of this fault?",
        (
            "The loss is rounded to a few digits",
            "In training every sequence starts from zeros, and the returned state is never read",
            "The optimiser has learned to make up for it",
        ),
        1,
        "The outputs are right; only the state that is handed back is one step old. With sequences of length 1 it is "
        "even the state that went in: nothing is ever remembered. A test that compares the final h with the last "
        "output, or one long call with two short ones, finds it at once.",
    ),
)
