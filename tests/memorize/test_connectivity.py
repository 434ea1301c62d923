"""Connectivity, compared with autograd through PyTorch's LSTM, prediction by prediction."""

import numpy as np
import pytest
import torch

from core.memorize import Alphabet
from core.memorize.connectivity import MAX_OPERATIONS, affordable_steps, connectivity
from core.memorize.lstm import Model


def by_autograd(trained) -> np.ndarray:
    model, alphabet, sentence = trained
    lstm = torch.nn.LSTM(len(alphabet), model.lstm.hidden_size, model.lstm.num_layers)
    for layer, cell in enumerate(model.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    token_ids = alphabet.encode(sentence)
    inputs = torch.eye(len(alphabet))[[Alphabet.START, *token_ids]].unsqueeze(1).requires_grad_()
    logits = model.linear(lstm(inputs)[0]).squeeze(1)
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor([*token_ids, Alphabet.END]), reduction="none")
    rows = [torch.autograd.grad(loss, inputs, retain_graph=True)[0].squeeze(1).norm(dim=1) for loss in losses]
    return torch.stack(rows).numpy()


def test_every_gradient_equals_autograd_s(half_trained):
    expected = by_autograd(half_trained)
    sizes = connectivity(*half_trained)
    assert sizes.shape == expected.shape == (21, 21)
    np.testing.assert_allclose(sizes, expected, rtol=1e-3, atol=1e-7)
    assert (np.tril(expected) > 0).sum() > 200, "most of the compared gradients are not zero"


def test_no_prediction_depends_on_later_characters(half_trained):
    assert (np.triu(connectivity(*half_trained), k=1) == 0).all()


@pytest.mark.parametrize(("first", "last"), [(0, 5), (7, 12), (20, 21), (15, None), (0, 500)])
def test_a_range_of_predictions_equals_that_part_of_all(half_trained, first, last):
    whole = connectivity(*half_trained)
    np.testing.assert_allclose(connectivity(*half_trained, first, last), whole[first:last], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("back", [0, 3, 500])
def test_a_limited_look_back_gives_the_same_gradients_and_leaves_out_the_rest(half_trained, back):
    whole = connectivity(*half_trained)[10:15]
    limited = connectivity(*half_trained, 10, 15, max_steps_back=back)
    earliest = max(10 - back, 0)
    assert np.isnan(limited[:, :earliest]).all()
    np.testing.assert_allclose(limited[:, earliest:], whole[:, earliest:], rtol=1e-4, atol=1e-9)


def test_a_large_network_is_followed_less_far_back():
    def steps(hidden_size: int, num_layers: int, rows: int) -> int:
        return affordable_steps(Model(5, hidden_size, 5, num_layers), rows)

    assert steps(64, 2, 70) > 2001, "the default network: the longest sentence"
    assert 70 <= steps(256, 4, 70) < 200
    assert steps(512, 6, 70) == 70, "always as far as the first of the predictions"
    assert 16 * 70 * 4 * 256**2 * steps(256, 4, 70) <= MAX_OPERATIONS
