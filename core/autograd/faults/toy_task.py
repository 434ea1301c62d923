"""What the faults inside an LSTM are tried on: one cell learns a short text, character by character."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.memorize.lstm import MyLSTMCell, State, run_layer

TEXT = "to be or not to be"
ALPHABET = sorted(set(TEXT))
HIDDEN_SIZE, EPOCHS, LR = 24, 60, 0.03


def one_hot(text: str) -> Tensor:
    """(seq_len, 1, alphabet): a row for each character, with a 1 in the character's column."""
    return F.one_hot(torch.tensor([ALPHABET.index(c) for c in text]), len(ALPHABET)).float().unsqueeze(1)


def nothing_remembered() -> State:
    return torch.zeros(1, HIDDEN_SIZE), torch.zeros(1, HIDDEN_SIZE)


def learn(make_cell: Callable[[int, int], MyLSTMCell]) -> tuple[MyLSTMCell, nn.Linear, list[float]]:
    """Teach a cell to say which character comes next. Returns it, its output layer and the loss of every epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cell, head = make_cell(len(ALPHABET), HIDDEN_SIZE), nn.Linear(HIDDEN_SIZE, len(ALPHABET))
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=LR)
    inputs, targets = one_hot(TEXT[:-1]), one_hot(TEXT[1:]).argmax(dim=-1).flatten()
    losses = []
    for _ in range(EPOCHS):
        hidden, _ = run_layer(cell, inputs, nothing_remembered())
        loss = F.cross_entropy(head(hidden).flatten(0, 1), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return cell, head, losses


@torch.no_grad()
def say(cell: MyLSTMCell, head: nn.Linear, run_layer: Callable = run_layer) -> str:
    """The text as the cell says it by itself: each of its characters is fed back, together with the final state."""
    said, state = TEXT[0], nothing_remembered()
    while len(said) < len(TEXT):
        hidden, state = run_layer(cell, one_hot(said[-1]), state)
        said += ALPHABET[head(hidden[-1]).argmax()]
    return said
