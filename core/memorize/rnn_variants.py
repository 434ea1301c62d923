"""Other recurrent layers that can replace MyLSTM, for comparison."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from core.memorize.lstm import MyLSTM, State


class RNNAdapter(nn.Module):
    """A torch.nn.RNN or torch.nn.GRU with an LSTM's interface: the cell state, which it lacks, is passed through.

    Input (seq_len, batch, input_size), (h, c) -> output (seq_len, batch, hidden_size), (h, c).
    """

    def __init__(self, layers: nn.RNN | nn.GRU):
        super().__init__()
        self.layers = layers
        self.input_size, self.hidden_size, self.num_layers = layers.input_size, layers.hidden_size, layers.num_layers

    def forward(self, input: Tensor, state: State) -> tuple[Tensor, State]:
        """Run the layers from the hidden state h. c is returned unchanged."""
        h, c = state
        output, h = self.layers(input, h)
        return output, (h, c)


def _gru(lstm: MyLSTM) -> nn.Module:
    return RNNAdapter(nn.GRU(lstm.input_size, lstm.hidden_size, lstm.num_layers))


def _rnn(lstm: MyLSTM) -> nn.Module:
    return RNNAdapter(nn.RNN(lstm.input_size, lstm.hidden_size, lstm.num_layers))


# Each function takes a new MyLSTM and returns its replacement: nn.LSTM with the same weights; GRU (Cho et al. 2014) and
# vanilla RNN (Elman 1990) of the same size with their own initial weights.
CELLS: dict[str, Callable[[MyLSTM], nn.Module]] = {
    "MyLSTM": lambda lstm: lstm,
    "nn.LSTM": MyLSTM.to_torch,
    "GRU": _gru,
    "RNN": _rnn,
}
