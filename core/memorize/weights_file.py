"""Save and load weights.pt, whose weights fit MyLSTM and torch.nn.LSTM."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pickle import UnpicklingError
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from core.archive import ArchiveLimits, open_archive
from core.memorize.alphabet import Alphabet
from core.memorize.config import MAX_CHARACTERS
from core.memorize.lstm import Model
from core.training import Checkpoint, prefixed

MAX_MEMBERS = 100  # six layers have 26 tensors, each a file
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
        with open_archive(data, ArchiveLimits(MAX_MEMBERS, MAX_BYTES)):
            content = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        weights = Weights(**content)
        _check(weights)
    except LOAD_ERRORS as error:
        raise ValueError(
            "This is not a weights.pt from this page. Download weights.pt on the Download tab and choose that file."
        ) from error
    return weights


def _check(weights: Weights) -> None:
    """Raise ValueError, TypeError or KeyError unless every field is valid."""
    symbols, sizes = weights.symbols, weights.sizes
    if not all(isinstance(symbol, str) for symbol in symbols) or len(set(symbols)) != len(symbols):
        raise ValueError("symbols must be different strings")
    if not all(type(size) is int for size in sizes.values()) or sizes["input_size"] != len(symbols) + 2:
        raise ValueError("sizes must be whole numbers that match the symbols")
    if not (len(symbols) <= MAX_CHARACTERS and 1 <= sizes["hidden_size"] <= 512 and 1 <= sizes["num_layers"] <= 6):
        raise ValueError("sizes out of range")
    for tensors, shapes in zip((weights.lstm, weights.linear), _expected_shapes(sizes), strict=True):
        # first the shapes: a few bytes can claim to be a huge tensor, and only looking at its values makes it one
        if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != shapes:
            raise ValueError("the weights do not match the sizes")
        if not all(tensor.is_floating_point() and tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError("weights must be finite numbers")


def _expected_shapes(sizes: dict[str, int]) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return the shapes in the state_dicts of a torch.nn.LSTM and of the linear layer above it."""
    input_size, hidden_size = sizes["input_size"], sizes["hidden_size"]
    lstm: dict[str, tuple[int, ...]] = {}
    for layer in range(sizes["num_layers"]):
        lstm[f"weight_ih_l{layer}"] = (4 * hidden_size, hidden_size if layer else input_size)
        lstm[f"weight_hh_l{layer}"] = (4 * hidden_size, hidden_size)
        lstm[f"bias_ih_l{layer}"] = lstm[f"bias_hh_l{layer}"] = (4 * hidden_size,)
    return lstm, {"weight": (input_size, hidden_size), "bias": (input_size,)}
