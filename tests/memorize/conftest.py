"""Models trained on a sentence, partly and completely."""

from typing import NamedTuple

import pytest
import torch

from core.memorize import Alphabet
from core.memorize.lstm import Model

SENTENCE = "to be or not to be 👋🏽"


class Trained(NamedTuple):
    model: Model
    alphabet: Alphabet
    sentence: str


def train(sentence: str, hidden_size: int, num_layers: int, steps: int) -> Trained:
    """Train a model for some steps of Adam, independently of the project's training loop."""
    alphabet = Alphabet(sentence)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Model(len(alphabet), hidden_size, len(alphabet), num_layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    token_ids = alphabet.encode(sentence)
    inputs, targets = alphabet.one_hot([Alphabet.START, *token_ids]), torch.tensor([*token_ids, Alphabet.END])
    for _ in range(steps):
        logits, _ = model(inputs, model.init_hidden_cell())
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits.squeeze(1), targets).backward()
        optimizer.step()
    return Trained(model, alphabet, sentence)


@pytest.fixture(scope="session", params=[1, 2, 3])
def half_trained(request) -> Trained:
    return train(SENTENCE, hidden_size=5, num_layers=request.param, steps=30)


@pytest.fixture(scope="session")
def trained() -> Trained:
    return train(SENTENCE, hidden_size=24, num_layers=2, steps=120)
