"""Save and load weights.pt, whose weights fit MyLSTM and torch.nn.LSTM."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pickle import UnpicklingError
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch
from torch import Tensor

from core.memorize.alphabet import Alphabet
from core.memorize.config import MAX_CHARACTERS
from core.memorize.lstm import Model
from core.training import Checkpoint, prefixed

MAX_BYTES = 80 * 1024**2  # six layers of 512 units and 2,000 characters take 67 MB

# what torch.load and the checks below raise for other files
LOAD_ERRORS = ValueError, TypeError, KeyError, AttributeError, RuntimeError, EOFError, BadZipFile, UnpicklingError


@dataclass(frozen=True)
class Weights:
    """The contents of a file.

    Attributes:
        symbols: the alphabet's characters, in order.
        sizes: input_size, hidden_size and num_layers of the LSTM.
        lstm: state_dict of a torch.nn.LSTM.
        linear: state_dict of the linear layer above it.
    """

    symbols: list[str]
    sizes: dict[str, int]
    lstm: dict[str, Tensor]
    linear: dict[str, Tensor]

    def model(self) -> Model:
        """Build a model with a copy of these weights. Raises ValueError if their shapes do not match the sizes."""
        sizes = self.sizes
        model = Model(sizes["input_size"], sizes["hidden_size"], sizes["input_size"], sizes["num_layers"])
        try:
            model.lstm.load_state_dict(self.lstm)
            model.linear.load_state_dict(self.linear)
        except RuntimeError as error:
            raise ValueError(f"The weights in the file do not match its sizes. {error}") from error
        return model

    def checkpoint(self) -> Checkpoint:
        """Return the weights as a checkpoint from which training can start."""
        state = {name: tensor.numpy() for name, tensor in self.model().state_dict().items()}
        return Checkpoint(prefixed("model", {**state, "symbols": np.array(self.symbols)}), {})


def to_file(model: Model, alphabet: Alphabet) -> bytes:
    """Save the model as a .pt file: a dict with the fields of Weights, for torch.load(..., weights_only=True)."""
    lstm = model.lstm
    file = io.BytesIO()
    content = {
        "symbols": alphabet.symbols,
        "sizes": {"input_size": lstm.input_size, "hidden_size": lstm.hidden_size, "num_layers": lstm.num_layers},
        "lstm": dict(lstm.to_torch().state_dict()),
        "linear": dict(model.linear.state_dict()),
    }
    torch.save(content, file)
    return file.getvalue()


def from_file(data: bytes) -> Weights:
    """Load a file made by `to_file`, without running any code in it. Raises ValueError for any other file."""
    try:
        content = torch.load(io.BytesIO(_check_unpacked_size(data)), weights_only=True, map_location="cpu")
        weights = Weights(**content)
        _check(weights)
    except LOAD_ERRORS as error:
        raise ValueError(
            "This is not a weights.pt from this page. Download weights.pt on the Download tab and choose that file."
        ) from error
    return weights


def _check_unpacked_size(data: bytes) -> bytes:
    """Return the data, a zip archive. Raises BadZipFile if it is not one, ValueError if it unpacks to too much."""
    with ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
            raise ValueError("the unpacked file is too large")
    return data


def _check(weights: Weights) -> None:
    """Raise ValueError, TypeError or KeyError unless every field is valid."""
    symbols, sizes = weights.symbols, weights.sizes
    if not all(isinstance(symbol, str) for symbol in symbols) or len(set(symbols)) != len(symbols):
        raise ValueError("symbols must be different strings")
    if not all(type(size) is int for size in sizes.values()) or sizes["input_size"] != len(symbols) + 2:
        raise ValueError("sizes must be whole numbers that match the symbols")
    if not (len(symbols) <= MAX_CHARACTERS and 1 <= sizes["hidden_size"] <= 512 and 1 <= sizes["num_layers"] <= 6):
        raise ValueError("sizes out of range")
    for tensors in (weights.lstm, weights.linear):
        for tensor in tensors.values():
            if not isinstance(tensor, Tensor) or not tensor.is_floating_point() or not tensor.isfinite().all():
                raise ValueError("weights must be finite numbers")
    weights.model()
