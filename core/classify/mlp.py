"""The multilayer perceptron, and its predictions."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import numpy as np

from core.autograd import functional as F
from core.autograd.functional import log_softmax
from core.autograd.nn import ACTIVATIONS, Dropout, Linear, Module, ReLU, Sequential
from core.autograd.tensor import Tensor
from core.classify.config import ClassifyConfig, check_parameter_count
from core.classify.datasets import Dataset
from core.classify.inputs import Inputs, Split
from core.training import Checkpoint


class MLP(Module):
    """A multilayer perceptron: linear layers, each but the last followed by an activation and dropout.

    (batch, in_features) -> logits (batch, classes).
    """

    def __init__(
        self,
        in_features: int,
        hidden: tuple[int, ...],
        classes: int,
        rng: np.random.Generator,
        dropout: float = 0.0,
        activation: str = "relu",
        initialisation: str = "he",
    ):
        layers: list[Module] = []
        for width in hidden:
            linear = Linear(in_features, width, rng, initialisation=initialisation)
            layers += [linear, ACTIVATIONS[activation](), Dropout(dropout, rng)]
            in_features = width
        self.layers = Sequential(*layers, Linear(in_features, classes, rng, initialisation=initialisation))

    def forward(self, x) -> Tensor:
        """Compute the logits. x: (batch, in_features) -> (batch, classes)."""
        *hidden, last = self.layers.modules
        for linear, activation, dropout in zip(hidden[::3], hidden[1::3], hidden[2::3], strict=True):
            if isinstance(linear, Linear) and isinstance(activation, ReLU):
                x = dropout(F.linear_relu(x, linear.weight, linear.bias))  # faster than one after the other
            else:
                x = dropout(activation(linear(x)))
        return last(x)

    def linears(self) -> list[Linear]:
        """Return the linear layers, input first."""
        return [layer for layer in self.layers.modules if isinstance(layer, Linear)]

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the activations (n, units) of each hidden layer. x: (n, in_features)."""
        activations = []
        output: np.ndarray | Tensor = x
        for layer in self.layers.modules[:-1]:
            output = layer(output)
            if isinstance(layer, tuple(ACTIVATIONS.values())):
                activations.append(output.data)
        return activations

    def set_dropout(self, dropout: float) -> None:
        """Drop this fraction of the hidden units from now on."""
        for layer in self.layers.modules:
            if isinstance(layer, Dropout):
                layer.p = dropout


def predict(model: Module, inputs: np.ndarray) -> np.ndarray:
    """Return class probabilities. inputs: (n, features) -> (n, classes)."""
    return np.exp(log_softmax(model(inputs).data))


def predict_all(model: Module, inputs: Inputs, split: Split, indices: np.ndarray) -> np.ndarray:
    """Return the class probabilities of the images of these indices, computed in batches of 1,000: (n, classes)."""
    batches = np.split(indices, range(1_000, len(indices), 1_000))
    return np.concatenate([predict(model, inputs.batch(split, batch)) for batch in batches])


def evaluate(
    model: Module,
    inputs: Inputs,
    split: Split,
    indices: np.ndarray,
    labels: np.ndarray,
    average: Collection[str] = (),
) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy (0 to 1) on the images of these indices, which have these labels.

    average: predict from the mean of the log-probabilities of each image and its copies, see `core.classify.copies`.
    """
    model.eval()
    loss, correct = 0.0, 0
    for start in range(0, len(indices), 1_000):
        targets = labels[start : start + 1_000]
        copies = inputs.copies(split, indices[start : start + 1_000], average)
        log_probabilities = np.mean([log_softmax(model(copy).data) for copy in copies], axis=0)
        if average:
            log_probabilities = log_softmax(log_probabilities)  # probabilities add up to 1
        loss -= float(log_probabilities[np.arange(len(targets)), targets].sum())
        correct += int((log_probabilities.argmax(axis=1) == targets).sum())
    model.train()
    return loss / len(indices), correct / len(indices)


def make_model(config: ClassifyConfig, dataset: Dataset, rng: np.random.Generator) -> MLP:
    """Make the model that the config describes, with initial weights drawn from `rng`."""
    return MLP(
        config.input_size(dataset.x_train.shape[1:]),
        config.hidden,
        len(dataset.classes),
        rng,
        config.dropout,
        config.activation,
        config.initialisation,
    )


def parameter_shapes(config: ClassifyConfig, image_shape: tuple[int, ...], classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes in the model's `state_dict()`, without making the model."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (inputs, outputs) in enumerate(pairwise([config.input_size(image_shape), *config.hidden, classes])):
        name = f"layers.modules.{3 * layer}"  # each hidden layer is a Linear, its activation and a Dropout
        shapes |= {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}
    return shapes


def fitting_weights(
    config: ClassifyConfig, image_shape: tuple[int, ...], classes: int, checkpoint: Checkpoint
) -> dict[str, np.ndarray]:
    """Return the weights of a checkpoint for the model's `load_state_dict`.

    Raises ValueError with a sentence for a student if the network would be too large or the weights do not fit it.
    """
    check_parameter_count(config, image_shape, classes)
    expected = parameter_shapes(config, image_shape, classes)
    weights = checkpoint.section("model")
    shapes = {name: array.shape for name, array in weights.items()}
    if shapes != expected:
        raise ValueError(
            f"These weights belong to another network, with {_units(shapes)} units per layer; this one has "
            f"{_units(expected)}. Choose the dataset, network input and hidden layers that the weights were trained "
            "with."
        )
    return weights


def _units(shapes: dict[str, tuple[int, ...]]) -> str:
    """Describe a network by the sizes of its layers, input first, such as "784 → 64 → 10"."""
    matrices = [shape for _, shape in sorted(shapes.items(), key=_layer_number) if len(shape) == 2]
    return " → ".join(f"{units:,}" for units in (*[shape[0] for shape in matrices], *[m[1] for m in matrices[-1:]]))


def _layer_number(item: tuple[str, tuple[int, ...]]) -> int:
    digits = "".join(filter(str.isdigit, item[0]))
    return int(digits[:6] or 0)


def restore_model(config: ClassifyConfig, dataset: Dataset, checkpoint: Checkpoint) -> MLP:
    """Restore a trained model, in evaluation mode.

    Raises ValueError if the network would be too large or the weights do not fit the config, before it is made.
    """
    weights = fitting_weights(config, dataset.x_train.shape[1:], len(dataset.classes), checkpoint)
    model = make_model(config, dataset, np.random.default_rng(config.seed))
    model.load_state_dict(weights)
    model.eval()
    return model
