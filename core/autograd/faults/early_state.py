"""A loop over a sequence returns the state from before the last step as the final state."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.autograd.faults.base import Comparison, Fault, Question, Row
from core.autograd.faults.toy_task import TEXT, RunLayer, generate, learn, one_hot, zero_state
from core.memorize.lstm import MyLSTMCell, State
from core.memorize.lstm import run_layer as correct_run_layer


def run_layer(cell: MyLSTMCell, sequence: Tensor, state: State) -> tuple[Tensor, State]:
    """Run one layer step by step: sequence (seq_len, batch, input_size) -> (seq_len, batch, H), last (h, c)."""
    outputs = []
    for projected in cell.project(sequence):  # (batch, 4H)
        final = state
        h, c = state = cell.step(projected, state)
        outputs.append(h)
    return torch.stack(outputs), final


@torch.no_grad()
def gap(run_layer: RunLayer, cell: MyLSTMCell) -> float:
    """Return the difference between the final hidden state and the last output, which should be equal."""
    outputs, (h, _) = run_layer(cell, one_hot(TEXT), zero_state())
    return (outputs[-1] - h).abs().max().item()


@torch.no_grad()
def loss(run_layer: RunLayer, cell: MyLSTMCell, head: nn.Linear) -> float:
    """Return the loss as in training: the whole text is one sequence."""
    outputs, _ = run_layer(cell, one_hot(TEXT[:-1]), zero_state())
    return F.cross_entropy(head(outputs).flatten(0, 1), one_hot(TEXT[1:]).argmax(dim=-1).flatten()).item()


def symptom() -> Comparison:
    """Train a cell, then compute its loss and generate the text with both loops."""
    cell, head, _ = learn(MyLSTMCell)
    correct, faulty = correct_run_layer, run_layer
    correct_loss, faulty_loss = loss(correct, cell, head), loss(faulty, cell, head)
    return Comparison(
        "from a working LSTM",
        (
            Row("Loss, the whole text at once", correct_loss, correct_loss, faulty_loss),
            Row("Generated one character at a time", TEXT, generate(correct, cell, head), generate(faulty, cell, head)),
            Row("Largest |last output − final h|", 0.0, gap(correct, cell), gap(faulty, cell)),
        ),
    )


FAULT = Fault(
    name="early_state",
    title="The LSTM that learns well and generates badly",
    setting="A trained cell generates “to be or not to be” on its own. Both versions have the same weights.",
    observation="The loss is perfect; the text is not.",
    hint=(
        "In training, the whole text is one sequence. To generate, each call gets one character, and only the "
        "returned state connects one call to the next."
    ),
    correct=correct_run_layer,
    faulty=run_layer,
    faulty_lines=(
        "final = state",
        "return torch.stack(outputs), final",
    ),
    repair=(
        "The state to return is the one after the last step, (h, c). The faulty loop saves the state before each "
        "step, so it returns one that is a step old."
    ),
    symptom=symptom,
    question=Question(
        "Why does the loss not reveal this fault?",
        {
            "The loss is rounded to a few digits": (
                "The loss of both versions is equal to the last digit, because the outputs are equal. Only the "
                "returned state differs. Who reads it?"
            ),
            "In training, every sequence starts from zeros, and the returned state is never read": (
                "The outputs are correct; only the returned state is one step old. With sequences of length 1 it "
                "is even the state that went in, so nothing is ever remembered. A test that compares the final h "
                "with the last output, or one long call with two short ones, finds it at once."
            ),
            "The optimiser has learned to compensate for it": (
                "The cell was trained with the correct loop and never saw the fault. Both versions have the same "
                "weights."
            ),
        },
        answer="In training, every sequence starts from zeros, and the returned state is never read",
    ),
)
