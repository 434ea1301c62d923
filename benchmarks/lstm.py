"""MyLSTM with both backends against torch.nn.LSTM and an LSTM of eight Linears: one forward and backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import Result, growth_exponent, time_interleaved
from core.jit import jit
from core.memorize import MemorizeConfig
from core.memorize.lstm import MyLSTM
from core.memorize.training import seconds_per_epoch

ALPHABET_SIZE = 30  # about as many symbols as the example sentence has


class EightLinears(nn.Module):
    """The LSTM as it is often written first: per gate one Linear for the input and one for the hidden state."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int):
        super().__init__()
        self.hidden_size = hidden_size
        self.cells = [
            nn.ModuleDict(
                {f"x{gate}": nn.Linear(hidden_size if layer else input_size, hidden_size) for gate in "ifgo"}
                | {f"h{gate}": nn.Linear(hidden_size, hidden_size) for gate in "ifgo"}
            )
            for layer in range(num_layers)
        ]
        self.registered = nn.ModuleList(self.cells)  # so that parameters() finds them

    def forward(self, sequence: Tensor) -> tuple[Tensor, None]:
        """Compute the last layer's hidden states: (seq_len, batch, input) -> (seq_len, batch, hidden)."""
        for cell in self.cells:
            h = c = sequence.new_zeros(sequence.shape[1], self.hidden_size)
            outputs = []
            for x in sequence:
                i = torch.sigmoid(cell["xi"](x) + cell["hi"](h))
                f = torch.sigmoid(cell["xf"](x) + cell["hf"](h))
                g = torch.tanh(cell["xg"](x) + cell["hg"](h))
                o = torch.sigmoid(cell["xo"](x) + cell["ho"](h))
                c = f * c + i * g
                h = o * torch.tanh(c)
                outputs.append(h)
            sequence = torch.stack(outputs)
        return sequence, None


def training_step(lstm: nn.Module, hidden_size: int, inputs: Tensor) -> Callable[[], None]:
    """Return a function that makes one forward and one backward pass."""
    grad_output = torch.ones(*inputs.shape[:2], hidden_size)

    def step() -> None:
        lstm.zero_grad()
        lstm(inputs)[0].backward(grad_output)

    return step


def products_alone(seq_len: int, batch: int, hidden_size: int, num_layers: int) -> Callable[[], None]:
    """Return a function that makes only the matrix products of a forward and a backward pass.

    Between two steps, it does nothing: an LSTM with the same library for products cannot be faster.
    """
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.standard_normal((rows, columns), dtype=np.float32)

    steps, gates = seq_len * batch, 4 * hidden_size
    z, h = matrix(steps, gates), matrix(steps, hidden_size)
    up, to_gates = matrix(hidden_size, gates), matrix(batch, gates)
    down, to_h = matrix(gates, hidden_size), matrix(batch, hidden_size)
    widths = [ALPHABET_SIZE] + [hidden_size] * (num_layers - 1)
    inputs = [(matrix(steps, width), matrix(gates, width)) for width in widths]

    def products() -> None:
        for layer, (x, weight_ih) in enumerate(inputs):
            _ = x @ weight_ih.T
            multiply(h[:batch], up, to_gates, seq_len)
            multiply(z[:batch], down, to_h, seq_len)
            _, _ = z.T @ x, z.T @ h
            if layer:
                _ = z @ weight_ih

    return products


@jit
def multiply(a, b, out, times):
    """Compute the product of a and b so many times."""
    for _ in range(times):
        np.dot(a, b, out)


def one_hot_input(seq_len: int, hidden_size: int) -> dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    """Return two ways to compute W_ih x for one-hot inputs, and the gradient of W_ih.

    "product": two matrix products, as in `bptt`. "columns": W_ih x is a column of W_ih, whose gradient is the sum over
    its steps. Both return (seq_len, 4H) and (4H, alphabet) float32.
    """
    rng = np.random.default_rng(0)
    tokens = rng.integers(ALPHABET_SIZE, size=seq_len)
    x = np.eye(ALPHABET_SIZE, dtype=np.float32)[tokens]
    weight = rng.standard_normal((4 * hidden_size, ALPHABET_SIZE), dtype=np.float32)
    dz = rng.standard_normal((seq_len, 4 * hidden_size), dtype=np.float32)

    def columns() -> tuple[np.ndarray, np.ndarray]:
        d_columns = np.zeros((ALPHABET_SIZE, 4 * hidden_size), np.float32)
        sum_by_index(dz, tokens, d_columns)
        return np.ascontiguousarray(weight.T)[tokens], np.ascontiguousarray(d_columns.T)

    return {"product": lambda: (x @ weight.T, dz.T @ x), "columns": columns}


@jit
def sum_by_index(rows, indices, total):
    """Add each row to the row of total with its index."""
    for row in range(len(rows)):
        total[indices[row]] += rows[row]


def run(quick: bool) -> Iterator[Result]:
    """Time every size with batch 1, a batch of 32 sentences and a deep stack, then how the cost of an epoch grows."""
    lengths, layers = ((68,), (2,)) if quick else ((68, 500), (1, 2, 3))
    sizes = [(length, hidden, n, 1) for length in lengths for hidden in (35, 64, 128, 256) for n in layers]
    for seq_len, hidden_size, num_layers, batch in [*sizes, (68, 64, 2, 32), (68, 64, 10, 1)]:
        inputs = torch.randn(seq_len, batch, ALPHABET_SIZE)
        reference = nn.LSTM(ALPHABET_SIZE, hidden_size, num_layers)
        lstms: dict[str, nn.Module] = {
            "bptt": MyLSTM.from_torch(reference, "bptt"),
            "torch": MyLSTM.from_torch(reference, "torch"),
            "nn.LSTM": reference,
            "eight Linears": EightLinears(ALPHABET_SIZE, hidden_size, num_layers),
        }
        contestants = {name: training_step(lstm, hidden_size, inputs) for name, lstm in lstms.items()}
        contestants["products alone"] = products_alone(seq_len, batch, hidden_size, num_layers)
        medians = time_interleaved(contestants)
        details = {"torch : eight Linears": medians["torch"] / medians["eight Linears"]}
        case = f"{seq_len} steps, hidden {hidden_size}, {num_layers} layers" + (f", batch {batch}" if batch > 1 else "")
        yield Result("LSTM, forward and backward pass", case, medians, details=details)
    for seq_len, hidden_size in ((68, 35),) if quick else ((68, 35), (68, 64), (500, 128)):
        medians = time_interleaved(one_hot_input(seq_len, hidden_size))
        yield Result("LSTM, one-hot input", f"{seq_len} steps, hidden {hidden_size}", medians)
    yield from growth()


def growth() -> Iterator[Result]:
    """Measure milliseconds per epoch for longer sentences and larger layers, and fit the exponent of their growth."""
    base = MemorizeConfig()
    configs_by_variable = {
        "characters": {size: replace(base, sentence=("abcdefghij" * 100)[:size]) for size in (50, 100, 200, 400, 800)},
        "hidden size": {size: replace(base, hidden_size=size) for size in (32, 64, 128, 256)},
    }
    for variable, configs in configs_by_variable.items():
        for backend in ("bptt", "torch"):
            costs = {
                size: 1e3 * seconds_per_epoch(replace(config, backend=backend)) for size, config in configs.items()
            }
            medians = {f"{size}": cost for size, cost in costs.items()}
            details = {"exponent": growth_exponent(list(costs), list(costs.values()))}
            yield Result(
                "Growth of an epoch of memorize", f"{backend}, {variable}", medians, details=details, compared=False
            )
