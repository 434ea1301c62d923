"""A small task for faults in an LSTM: one cell learns a short text, character by character."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.memorize.lstm import MyLSTMCell, State, run_layer

TEXT = "to be or not to be"
ALPHABET = sorted(set(TEXT))
HIDDEN_SIZE, EPOCHS, LR = 24, 60, 0.03
RunLayer = Callable[[MyLSTMCell, Tensor, State], tuple[Tensor, State]]


def one_hot(text: str) -> Tensor:
    """Encode a text, one row per character with a 1 in the character's column: (seq_len, 1, alphabet)."""
    return F.one_hot(torch.tensor([ALPHABET.index(c) for c in text]), len(ALPHABET)).float().unsqueeze(1)


def zero_state() -> State:
    """Return the initial state (h, c) of zeros."""
    return torch.zeros(1, HIDDEN_SIZE), torch.zeros(1, HIDDEN_SIZE)


def learn(make_cell: Callable[[int, int], MyLSTMCell]) -> tuple[MyLSTMCell, nn.Linear, list[float]]:
    """Train a cell to predict the next character. Returns it, its output layer and the loss of every epoch."""
    cell, head = make_cell(len(ALPHABET), HIDDEN_SIZE), nn.Linear(HIDDEN_SIZE, len(ALPHABET))
    parameters = [*cell.parameters(), *head.parameters()]
    generator = torch.Generator().manual_seed(0)  # PyTorch's own is shared with everything else that runs
    for parameter in parameters:
        nn.init.uniform_(parameter, -(HIDDEN_SIZE**-0.5), HIDDEN_SIZE**-0.5, generator)
    optimizer = torch.optim.Adam(parameters, lr=LR)
    inputs, targets = one_hot(TEXT[:-1]), one_hot(TEXT[1:]).argmax(dim=-1).flatten()
    losses = []
    for _ in range(EPOCHS):
        hidden, _ = run_layer(cell, inputs, zero_state())
        loss = F.cross_entropy(head(hidden).flatten(0, 1), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return cell, head, losses


@torch.no_grad()
def generate(run_layer: RunLayer, cell: MyLSTMCell, head: nn.Linear) -> str:
    """Generate the text: each generated character is fed back as the next input, together with the final state."""
    text, state = TEXT[0], zero_state()
    while len(text) < len(TEXT):
        hidden, state = run_layer(cell, one_hot(text[-1]), state)
        text += ALPHABET[int(head(hidden[-1]).argmax())]
    return text
