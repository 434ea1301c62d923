"""MyLSTM, both backends, beside torch.nn.LSTM and an LSTM of eight Linears: a forward and a backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.measure import Result, exponent, interleaved
from core.memorize import MemorizeConfig
from core.memorize.lstm import MyLSTM
from core.memorize.training import seconds_per_epoch

ALPHABET = 30  # about as many as the report's sentence has


class EightLinears(nn.Module):
    """The LSTM as it is often written first: for every gate a Linear for the input and one for the state."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int):
        super().__init__()
        self.hidden_size = hidden_size
        self.cells = nn.ModuleList(
            nn.ModuleDict(
                {f"x{gate}": nn.Linear(hidden_size if layer else input_size, hidden_size) for gate in "ifgo"}
                | {f"h{gate}": nn.Linear(hidden_size, hidden_size) for gate in "ifgo"}
            )
            for layer in range(num_layers)
        )

    def forward(self, sequence: Tensor) -> tuple[Tensor, None]:
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


def step(lstm: nn.Module, inputs: Tensor) -> Callable[[], None]:
    """A forward and a backward pass."""
    arriving = torch.ones(*inputs.shape[:2], lstm.hidden_size)

    def once() -> None:
        lstm.zero_grad()
        lstm(inputs)[0].backward(arriving)

    return once


def run(quick: bool) -> Iterator[Result]:
    """Every size, with batch 1, and how an epoch's cost grows."""
    for seq_len in (68,) if quick else (68, 500):
        for hidden_size in (35, 64, 128, 256):
            for num_layers in (2,) if quick else (1, 2, 3):
                inputs = torch.randn(seq_len, 1, ALPHABET)
                theirs = nn.LSTM(ALPHABET, hidden_size, num_layers)
                lstms = {
                    "bptt": MyLSTM.from_torch(theirs, "bptt"),
                    "torch": MyLSTM.from_torch(theirs, "torch"),
                    "nn.LSTM": theirs,
                    "eight Linears": EightLinears(ALPHABET, hidden_size, num_layers),
                }
                medians = interleaved({name: step(lstm, inputs) for name, lstm in lstms.items()})
                facts = {"torch : eight Linears": medians["torch"] / medians["eight Linears"]}
                case = f"{seq_len} steps, hidden {hidden_size}, {num_layers} layers"
                yield Result("LSTM, forward and backward, batch 1", case, medians, facts=facts)
    yield from growth()


def growth() -> Iterator[Result]:
    """Milliseconds an epoch of memorising, as the sentence or the layers grow, and the exponent of their growth."""
    base = MemorizeConfig()
    grown = {
        "characters": {size: replace(base, sentence=("abcdefghij" * 100)[:size]) for size in (50, 100, 200, 400, 800)},
        "hidden size": {size: replace(base, hidden_size=size) for size in (32, 64, 128, 256)},
    }
    for what, configs in grown.items():
        for backend in ("bptt", "torch"):
            costs = {
                size: 1e3 * seconds_per_epoch(replace(config, backend=backend)) for size, config in configs.items()
            }
            medians = {f"{size}": cost for size, cost in costs.items()}
            facts = {"exponent": exponent(list(costs), list(costs.values()))}
            yield Result("Growth of an epoch of memorising", f"{backend}, {what}", medians, facts=facts, compared=False)
