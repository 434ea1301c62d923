"""Other recurrent layers in the place of MyLSTM, to compare it with."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from core.memorize.lstm import MyLSTM, State


class RNNAdapter(nn.Module):
    """A torch.nn.RNN or torch.nn.GRU behind an LSTM's interface: the cell state that it does not have stays as it is.

    Input (seq_len, batch, input_size), (h, c) -> output (seq_len, batch, hidden_size), (h, c).
    """

    def __init__(self, layers: nn.RNN | nn.GRU):
        super().__init__()
        self.layers = layers
        self.input_size, self.hidden_size, self.num_layers = layers.input_size, layers.hidden_size, layers.num_layers

    def forward(self, input: Tensor, state: State) -> tuple[Tensor, State]:
        h, c = state
        output, h = self.layers(input, h)
        return output, (h, c)


def _gru(lstm: MyLSTM) -> nn.Module:
    return RNNAdapter(nn.GRU(lstm.input_size, lstm.hidden_size, lstm.num_layers))


def _rnn(lstm: MyLSTM) -> nn.Module:
    return RNNAdapter(nn.RNN(lstm.input_size, lstm.hidden_size, lstm.num_layers))


# Each makes, of a fresh MyLSTM, what stands in its place: nn.LSTM with the same weights; GRU (Cho et al. 2014) and
# vanilla RNN (Elman 1990) of the same sizes with weights of their own.
CELLS: dict[str, Callable[[MyLSTM], nn.Module]] = {
    "MyLSTM": lambda lstm: lstm,
    "nn.LSTM": MyLSTM.to_torch,
    "GRU": _gru,
    "RNN": _rnn,
}
