"""Connectivity: how strongly each prediction depends on every earlier character."""

from __future__ import annotations

import numpy as np
import torch

from core.memorize.alphabet import Alphabet
from core.memorize.gates import record
from core.memorize.lstm import Model

MAX_OPERATIONS = 3e10  # multiplications and additions: about half a second on one core


@torch.no_grad()
def connectivity(
    model: Model,
    alphabet: Alphabet,
    sentence: str,
    first: int = 0,
    last: int | None = None,
    max_steps_back: int | None = None,
) -> np.ndarray:
    """Compute ‖∂ loss_t / ∂ input_s‖ for the predictions t = first, …, last - 1 and every input s.

    Returns (last - first, characters + 1), 0 where s > t. Input 0 is START, input s the sentence's character s - 1.
    Prediction t is made after input t; the correct last prediction is END. loss_t is the cross-entropy of prediction t.
    max_steps_back: stop this many steps before `first`; NaN for the inputs before that. None: go back to START.

    Backpropagates through time for all predictions at once: they share one forward pass, and each step back is one
    matrix product. Calling `autograd.grad` once per prediction gives the same result, many times slower.
    """
    token_ids = alphabet.encode(sentence)
    inputs = alphabet.one_hot([Alphabet.START, *token_ids])
    targets = torch.tensor([*token_ids, Alphabet.END])
    seq_len = len(targets)
    rows = range(seq_len)[first:last]
    earliest = 0 if max_steps_back is None else max(rows.start - max_steps_back, 0)
    activity = record(model, inputs)
    f, i, o, g, c, h = (torch.from_numpy(values) for values in vars(activity).values())  # (num_layers, seq_len, H)
    c_before = torch.cat([torch.zeros_like(c[:, :1]), c[:, :-1]], dim=1)
    tanh_c = c.tanh()

    # the gradient at every prediction: softmax minus one-hot, through the linear layer
    error = model.linear(h[-1]).softmax(dim=-1) - torch.nn.functional.one_hot(targets, len(alphabet))  # (seq_len, A)
    start = error @ model.linear.weight  # (seq_len, H)

    # the gradients passed to the previous step
    d_h, d_c = torch.zeros(2, len(f), len(rows), f.shape[-1])  # (num_layers, rows, H) each
    sizes = np.zeros((len(rows), seq_len), dtype=np.float32)
    sizes[:, :earliest] = np.nan
    for s in reversed(range(earliest, rows.stop)):
        above = torch.zeros_like(d_h[0])
        if s in rows:
            above[s - rows.start] = start[s]
        for layer, cell in reversed(list(enumerate(model.lstm.cells))):
            weight_ih, weight_hh, _, _ = cell.parameters()
            at = layer, s
            d_hidden = d_h[layer] + above
            d_cell = d_c[layer] + d_hidden * o[at] * (1 - tanh_c[at] ** 2)
            d_gates = torch.cat(
                [
                    d_cell * g[at] * i[at] * (1 - i[at]),
                    d_cell * c_before[at] * f[at] * (1 - f[at]),
                    d_cell * i[at] * (1 - g[at] ** 2),
                    d_hidden * tanh_c[at] * o[at] * (1 - o[at]),
                ],
                dim=1,
            )  # (rows, 4H)
            d_h[layer] = d_gates @ weight_hh
            d_c[layer] = d_cell * f[at]
            above = d_gates @ weight_ih  # to the layer below; from the first layer, to the input
        sizes[:, s] = above.norm(dim=1)
    return sizes


def affordable_steps(model: Model, rows: int, operations: float = MAX_OPERATIONS) -> int:
    """Return how many steps `connectivity` can go back for this many predictions with a number of operations."""
    lstm = model.lstm
    return max(int(operations / (16 * lstm.num_layers * rows * lstm.hidden_size**2)), rows)
