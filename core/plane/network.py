"""The network: linear layers with an activation between them, whose hidden units can be switched off."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.autograd import functional as F
from core.autograd.nn import ACTIVATIONS, Linear, Module
from core.autograd.tensor import Tensor
from core.plane.config import PlaneConfig
from core.plane.edits import Edit, switched
from core.plane.features import compute_features
from core.training import Checkpoint, checked_weights


class PlaneNetwork(Module):
    """Linear layers, each but the last followed by an activation.

    (batch, features) -> logits (batch, classes), or values (batch, 1) for regression.

    All parameters share one array: see `flat`.
    """

    def __init__(self, config: PlaneConfig, rng: np.random.Generator):
        self.layers = [
            Linear(inputs, units, rng, initialisation=config.initialisation) for inputs, units in pairwise(config.sizes)
        ]
        self.activation = ACTIVATIONS[config.activation]()
        self.flat = np.concatenate([parameter.data.reshape(-1) for parameter in self.parameters()])
        """All weights and biases, layer by layer, weights first, (parameters,) float32; shared with the layers."""
        for parameter, part in zip(self.parameters(), split(config, self.flat), strict=True):
            parameter.data = part
        self.masks: dict[int, np.ndarray] = {}
        """For each hidden layer with units that are switched off: 0 for those, 1 for the others, (units,) float32."""

    def forward(self, x) -> Tensor:
        """Compute the outputs. x: (batch, features) -> (batch, outputs)."""
        return self.layers[-1](self._hidden(x)[-1])

    def _hidden(self, x) -> list:
        """Return x and the activations of each hidden layer."""
        values = [x]
        for number, layer in enumerate(self.layers[:-1]):
            hidden = self.activation(layer(values[-1]))
            values.append(hidden * self.masks[number] if number in self.masks else hidden)
        return values

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """Return what each layer passes on: activations of the hidden layers, then the outputs; (n, units) each."""
        _, *hidden = values = self._hidden(x)
        return [*(tensor.data for tensor in hidden), self.layers[-1](values[-1]).data]

    def switch_off(self, units: Mapping[int, Sequence[int]]) -> None:
        """Switch off these units of each hidden layer, and no others."""
        self.masks = {}
        for layer, numbers in units.items():
            self.masks[layer] = np.ones(self.layers[layer].bias.shape, np.float32)
            self.masks[layer][list(numbers)] = 0

    def type_number(self, edit: Edit) -> None:
        """Set a weight or a bias to a typed number."""
        layer = self.layers[edit.layer]
        if edit.kind == "weight":
            layer.weight.data[edit.input, edit.unit] = edit.value
        elif edit.kind == "bias":
            layer.bias.data[edit.unit] = edit.value


def split(config: PlaneConfig, flat: np.ndarray) -> list[np.ndarray]:
    """Return views of all parameters in an array that holds them one after the other: see `parameter_shapes`."""
    ends = np.cumsum([math.prod(shape) for shape in config.parameter_shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), config.parameter_shapes, strict=True)]


def to_text(flat: np.ndarray) -> str:
    """Encode parameters as base64 of little-endian float32, which a browser reads as a Float32Array."""
    return b64encode(flat.astype("<f4").tobytes()).decode()


def from_text(text: str) -> np.ndarray:
    """Decode what `to_text` wrote: (parameters,) float32."""
    return np.frombuffer(b64decode(text, validate=True), "<f4").astype(np.float32)


def restore(config: PlaneConfig, weights: np.ndarray | str) -> PlaneNetwork:
    """Make the network of a config with these parameters (flat, or as text) and with its switches set.

    Raises ValueError if they are of another network.
    """
    flat = from_text(weights) if isinstance(weights, str) else weights
    if flat.shape != (config.parameter_count,):
        raise ValueError(
            f"These are {flat.size:,} weights and biases, but this network has {config.parameter_count:,}. "
            "Choose the features and hidden layers that they were trained with."
        )
    network = PlaneNetwork(config, np.random.default_rng(config.seed))
    network.flat[:] = flat
    network.switch_off(switched(config.edits, "off"))
    return network


def fitting_weights(config: PlaneConfig, checkpoint: Checkpoint) -> np.ndarray:
    """Return the parameters in a checkpoint, (parameters,). Raises ValueError if they are of another network."""
    return checked_weights({"flat": (config.parameter_count,)}, checkpoint)["flat"]


@dataclass(frozen=True)
class Maps:
    """What a network computes at points of the plane.

    Attributes:
        hidden: activations of each hidden layer, (n, units) each.
        output: class probabilities (n, classes) or values (n, 1) for regression.
    """

    hidden: list[np.ndarray]
    output: np.ndarray


def activations(config: PlaneConfig, weights: np.ndarray | str, points: np.ndarray) -> Maps:
    """Compute every unit's activation and the output at points, with the config's switches set. points: (n, 2)."""
    *hidden, output = restore(config, weights).activations(compute_features(config.features, points))
    return Maps(hidden, probabilities(config, output))


def probabilities(config: PlaneConfig, outputs: np.ndarray) -> np.ndarray:
    """Return class probabilities for logits; the values of a regression are returned as they are."""
    return np.exp(F.log_softmax(outputs)) if config.task == "classification" else outputs


def evaluate(config: PlaneConfig, outputs: np.ndarray, targets: np.ndarray) -> tuple[float, float | None]:
    """Return the mean loss and the accuracy (0 to 1; None for regression) of a network's outputs.

    outputs: (n, outputs), targets: (n,); at least one.
    """
    if config.task == "regression":
        errors = outputs[:, 0] - targets
        return float((errors * errors).mean()), None
    log_probabilities = F.log_softmax(outputs)
    loss = -log_probabilities[np.arange(len(targets)), targets].mean()
    return float(loss), float((outputs.argmax(axis=1) == targets).mean())


def scores_without(
    config: PlaneConfig, weights: np.ndarray | str, points: np.ndarray, targets: np.ndarray
) -> list[list[tuple[float, float | None]]]:
    """Return loss and accuracy with each hidden unit switched off in turn, besides those that already are.

    points: (n, 2), targets: (n,) -> a list per hidden layer with a pair per unit.
    """
    network, x = restore(config, weights), compute_features(config.features, points)
    off = switched(config.edits, "off")
    scores: list[list[tuple[float, float | None]]] = []
    for layer, units in enumerate(config.hidden):
        scores.append([])
        for unit in range(units):
            network.switch_off({**off, layer: [*off.get(layer, ()), unit]})
            scores[-1].append(evaluate(config, network(x).data, targets))
    return scores
