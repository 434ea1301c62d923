"""The connectivity map against autograd, prediction by prediction, through PyTorch's own LSTM."""

import numpy as np
import pytest
import torch

from core.memorize import Alphabet
from core.memorize.connectivity import connectivity


def by_autograd(learned) -> np.ndarray:
    model, alphabet, sentence = learned
    lstm = torch.nn.LSTM(len(alphabet), model.lstm.hidden_size, model.lstm.num_layers)
    for layer, cell in enumerate(model.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    numbers = alphabet.encode(sentence)
    inputs = torch.eye(len(alphabet))[[Alphabet.START, *numbers]].unsqueeze(1).requires_grad_()
    logits = model.linear(lstm(inputs)[0]).squeeze(1)
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor([*numbers, Alphabet.END]), reduction="none")
    rows = [torch.autograd.grad(loss, inputs, retain_graph=True)[0].squeeze(1).norm(dim=1) for loss in losses]
    return torch.stack(rows).numpy()


def test_every_gradient_is_autograd_s(half_learned):
    expected = by_autograd(half_learned)
    sizes = connectivity(*half_learned)
    assert sizes.shape == expected.shape == (21, 21)
    np.testing.assert_allclose(sizes, expected, rtol=1e-3, atol=1e-7)
    assert (np.tril(expected) > 0).sum() > 200, "the comparison is not one of zeros"


def test_no_prediction_looks_ahead(half_learned):
    assert (np.triu(connectivity(*half_learned), k=1) == 0).all()


@pytest.mark.parametrize(("first", "last"), [(0, 5), (7, 12), (20, 21), (15, None), (0, 500)])
def test_some_predictions_alone_are_the_same_as_among_all(half_learned, first, last):
    whole = connectivity(*half_learned)
    np.testing.assert_allclose(connectivity(*half_learned, first, last), whole[first:last], rtol=1e-4, atol=1e-9)
