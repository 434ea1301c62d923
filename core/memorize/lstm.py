"""A long short-term memory, written out (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

For every step of the sequence, with x the input, h the hidden state and c the cell state:

    i = σ(W_ii x + b_ii + W_hi h + b_hi)        input gate: how much of the candidate to write
    f = σ(W_if x + b_if + W_hf h + b_hf)        forget gate: how much of the cell state to keep
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)     candidate: what could be written
    o = σ(W_io x + b_io + W_ho h + b_ho)        output gate: how much of the cell state to show
    c ← f * c + i * g
    h ← o * tanh(c)

The four W's of a kind are stacked to one matrix, in the order i, f, g, o, as in torch.nn.LSTM.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.memorize.bptt import run_layers as run_layers_bptt

State = tuple[Tensor, Tensor]


class MyLSTMCell(nn.Module):
    """One layer, one step: (x, (h, c)) -> the next (h, c).

    Shapes: x (batch, input_size); h and c (batch, hidden_size); weight_ih (4 * hidden_size, input_size),
    weight_hh (4 * hidden_size, hidden_size), bias_ih and bias_hh (4 * hidden_size): torch.nn.LSTMCell's
    state_dict loads as it is. All start from U(-1/√hidden_size, 1/√hidden_size), as there.
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        bound = hidden_size**-0.5

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

        self.weight_ih = parameter(4 * hidden_size, input_size)
        self.weight_hh = parameter(4 * hidden_size, hidden_size)
        self.bias_ih = parameter(4 * hidden_size)
        self.bias_hh = parameter(4 * hidden_size)

    def forward(self, x: Tensor, state: State) -> State:
        """Compute one step: x (batch, input_size), (h, c) -> the next (h, c)."""
        return self.step(self.project(x), state)

    def project(self, x: Tensor) -> Tensor:
        """Compute the contribution of x to the gates, for any number of steps: (..., input_size) -> (..., 4H)."""
        return F.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def step(self, projected: Tensor, state: State) -> State:
        """Compute the rest of a step, which needs the state: projected (batch, 4H), (h, c) -> the next (h, c)."""
        h, c = state
        gates = torch.addmm(projected, h, self.weight_hh.T)  # projected + h Wᵀ, in one go: (batch, 4H)
        i, f, g, o = gates.chunk(4, dim=-1)  # (batch, H) each
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


def run_layer(cell: MyLSTMCell, sequence: Tensor, state: State) -> tuple[Tensor, State]:
    """Run one layer step by step: sequence (seq_len, batch, input_size) -> (seq_len, batch, H), last (h, c)."""
    outputs = []
    for projected in cell.project(sequence):  # (batch, 4H)
        h, c = state = cell.step(projected, state)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def run_layers(cells: Iterable[MyLSTMCell], sequence: Tensor, state: State) -> tuple[Tensor, State]:
    """Run all layers, each over the hidden states of the one below. h and c: (num_layers, batch, H) each."""
    final_states = []
    for cell, h, c in zip(cells, *state, strict=True):
        sequence, final_state = run_layer(cell, sequence, (h, c))
        final_states.append(final_state)
    h, c = (torch.stack(states) for states in zip(*final_states, strict=True))
    return sequence, (h, c)


BACKENDS = {"torch": run_layers, "bptt": run_layers_bptt}


class MyLSTM(nn.Module):
    """Layers of MyLSTMCell over a sequence: each layer reads the hidden states of the one below.

    Input (seq_len, batch, input_size) and optionally (h, c), (num_layers, batch, hidden_size) each, zeros if
    left out. Output: the last layer's hidden states (seq_len, batch, hidden_size) and every layer's final (h, c).
    The batch axis may be left out everywhere, as in torch.nn.LSTM, and torch.nn.LSTM's state_dict loads as it is.
    backend: how gradients are computed. "torch": PyTorch's autograd follows the steps as they are written here.
    "bptt": derived by hand, many times faster (core/memorize/bptt.py). Raises ValueError for any other backend.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, backend: str = "torch"):
        super().__init__()
        if backend not in BACKENDS:
            raise ValueError(f"The backend must be one of {', '.join(BACKENDS)}, but it is {backend!r}.")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.backend = backend
        self.cells = nn.ModuleList(
            MyLSTMCell(input_size if layer == 0 else hidden_size, hidden_size) for layer in range(num_layers)
        )
        self.register_load_state_dict_pre_hook(_take_torch_names)

    def forward(self, input: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run all layers over the sequence. Raises ValueError if a shape is wrong."""
        self.check_shapes(input, state)
        if input.dim() == 2:  # no batch axis: add one, and remove it again
            output, (h, c) = self(input.unsqueeze(1), state and (state[0].unsqueeze(1), state[1].unsqueeze(1)))
            return output.squeeze(1), (h.squeeze(1), c.squeeze(1))
        if state is None:
            zeros = input.new_zeros(self.num_layers, input.shape[1], self.hidden_size)
            state = zeros, zeros
        return BACKENDS[self.backend](self.cells, input, state)

    def check_shapes(self, input: Tensor, state: State | None) -> None:
        """Raise ValueError if the input or a state has the wrong shape, with or without a batch axis."""
        if input.dim() not in (2, 3) or not len(input) or input.shape[-1] != self.input_size:
            axes = "seq_len" if input.dim() == 2 else "seq_len, batch"
            raise ValueError(f"input must be ({axes}, {self.input_size}), not {tuple(input.shape)}.")
        if state is None:
            return
        if isinstance(state, Tensor) or len(state) != 2:
            found = "is a Tensor" if isinstance(state, Tensor) else f"has length {len(state)}"
            raise ValueError(f"state must be a pair (h, c), but it {found}.")
        h, c = state
        expected = (self.num_layers, *input.shape[1:-1], self.hidden_size)
        if h.shape != expected or c.shape != expected:
            raise ValueError(f"h and c must be {expected}, not {tuple(h.shape)} and {tuple(c.shape)}.")

    @classmethod
    def from_torch(cls, lstm: nn.LSTM, backend: str = "torch") -> MyLSTM:
        """Build a MyLSTM with a copy of the weights of a torch.nn.LSTM.

        Raises ValueError for unsupported options: two directions, projections, batch first, dropout, no bias.
        """
        if lstm.bidirectional or lstm.proj_size or lstm.batch_first or lstm.dropout or not lstm.bias:
            raise ValueError(
                "MyLSTM supports only an nn.LSTM with one direction, biases, sequence first, no projection and no "
                "dropout."
            )
        weight = next(lstm.parameters())
        ours = cls(lstm.input_size, lstm.hidden_size, lstm.num_layers, backend).to(weight.device, weight.dtype)
        ours.load_state_dict(lstm.state_dict())
        return ours

    def to_torch(self) -> nn.LSTM:
        """Build a torch.nn.LSTM with a copy of these weights."""
        weight = next(self.parameters())
        theirs = nn.LSTM(self.input_size, self.hidden_size, self.num_layers).to(weight.device, weight.dtype)
        for layer, cell in enumerate(self.cells):
            for name, value in cell.state_dict().items():
                getattr(theirs, f"{name}_l{layer}").data.copy_(value)
        return theirs


def _take_torch_names(lstm: MyLSTM, state: dict[str, Tensor], prefix: str, *unused: object) -> None:
    """Rename torch.nn.LSTM's weights, such as weight_ih_l0, to ours, cells.0.weight_ih, before they are loaded."""
    for layer, cell in enumerate(lstm.cells):
        for name, _ in cell.named_parameters():
            if (theirs := f"{prefix}{name}_l{layer}") in state:
                state[f"{prefix}cells.{layer}.{name}"] = state.pop(theirs)


class Model(nn.Module):
    """An LSTM and a linear layer that turns its hidden state into a logit for every possible next character.

    input (seq_len, batch, input_size), (h, c) -> logits (seq_len, batch, output_size), (h, c).
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, num_layers: int, backend: str = "torch"):
        super().__init__()
        self.lstm = MyLSTM(input_size, hidden_size, num_layers, backend)
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(self, input: Tensor, state: State) -> tuple[Tensor, State]:
        """Run the LSTM over the sequence and compute the logits of every step."""
        hidden, state = self.lstm(input, state)  # (seq_len, batch, H)
        return self.linear(hidden), state

    def init_hidden_cell(self, batch_size: int = 1) -> State:
        """Return zero states h and c, (num_layers, batch_size, hidden_size) each, on the model's device."""
        zeros = self.linear.weight.new_zeros(self.lstm.num_layers, batch_size, self.lstm.hidden_size)
        return zeros, zeros.clone()
