"""What a prediction looks back at: how much its loss would change if an earlier character's input did."""

from __future__ import annotations

import numpy as np
import torch

from core.memorize.alphabet import Alphabet
from core.memorize.gates import record
from core.memorize.lstm import Model


@torch.no_grad()
def connectivity(
    model: Model, alphabet: Alphabet, sentence: str, first: int = 0, last: int | None = None
) -> np.ndarray:
    """‖∂ loss_t / ∂ input_s‖ for every prediction t from `first` to before `last` and every input s.

    Returns (last - first, characters + 1), 0 where s > t. Input 0 is START, input s the sentence's character s - 1;
    prediction t is made after input t, and the last one should be END. The loss is a prediction's own cross-entropy.

    Backpropagation through time for all predictions at once: they share one forward pass, and a step back is one
    multiplication for all of them. `autograd.grad` once a prediction gives the same, many times slower.
    """
    numbers = alphabet.encode(sentence)
    inputs = alphabet.one_hot([Alphabet.START, *numbers])
    targets = torch.tensor([*numbers, Alphabet.END])
    seq_len = len(targets)
    rows = range(seq_len)[first:last]
    activity = record(model, inputs)
    f, i, o, g, c, h = (torch.from_numpy(values) for values in vars(activity).values())  # (num_layers, seq_len, H)
    c_before = torch.cat([torch.zeros_like(c[:, :1]), c[:, :-1]], dim=1)
    tanh_c = c.tanh()

    # where each prediction starts: softmax minus one-hot, through the linear layer
    error = model.linear(h[-1]).softmax(dim=-1) - torch.nn.functional.one_hot(targets, len(alphabet))  # (seq_len, A)
    start = error @ model.linear.weight  # (seq_len, H)

    d_h, d_c = torch.zeros(
        2, len(f), len(rows), f.shape[-1]
    )  # what goes back to the step before, (num_layers, rows, H)
    sizes = np.zeros((len(rows), seq_len), dtype=np.float32)
    for s in reversed(range(rows.stop)):
        above = torch.zeros_like(d_h[0])
        if s in rows:
            above[s - rows.start] = start[s]
        for layer, cell in reversed(list(enumerate(model.lstm.cells))):
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
            d_h[layer] = d_gates @ cell.weight_hh
            d_c[layer] = d_cell * f[at]
            above = d_gates @ cell.weight_ih  # to the layer below; from the first layer, to the input
        sizes[:, s] = above.norm(dim=1)
    return sizes
