"""The multilayer perceptron, and its predictions."""

from __future__ import annotations

import numpy as np

from core.autograd.functional import log_softmax
from core.autograd.nn import ACTIVATIONS, Dropout, Linear, Module, Sequential
from core.classify.config import ClassifyConfig
from core.classify.datasets import Dataset
from core.classify.inputs import Inputs, Split
from core.training import Checkpoint, checked_weights


class MLP(Module):
    """A multilayer perceptron: linear layers with an activation, and perhaps dropout, after each but the last.

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

    def forward(self, x):
        return self.layers(x)

    def linears(self) -> list[Linear]:
        """The linear layers, from the pictures on."""
        return [layer for layer in self.layers.modules if isinstance(layer, Linear)]

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """What each hidden layer makes of inputs (n, in_features): (n, units) each, after the activation."""
        seen = []
        for layer in self.layers.modules[:-1]:
            x = layer(x)
            if isinstance(layer, tuple(ACTIVATIONS.values())):
                seen.append(x.data)
        return seen

    def set_dropout(self, dropout: float) -> None:
        """Drop this share of the hidden units from now on."""
        for layer in self.layers.modules:
            if isinstance(layer, Dropout):
                layer.p = dropout


def predict(model: Module, inputs: np.ndarray) -> np.ndarray:
    """Class probabilities. inputs: (n, features) -> (n, classes)."""
    return np.exp(log_softmax(model(inputs).data))


def predict_all(model: Module, inputs: Inputs, split: Split, numbers: np.ndarray) -> np.ndarray:
    """Class probabilities of the pictures of these numbers, a thousand at a time: (n, classes)."""
    some = np.split(numbers, range(1_000, len(numbers), 1_000))
    return np.concatenate([predict(model, inputs.batch(split, part)) for part in some])


def evaluate(
    model: Module, inputs: Inputs, split: Split, numbers: np.ndarray, labels: np.ndarray
) -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0 to 1) on the pictures of these numbers, whose labels are `labels`."""
    model.eval()
    loss, right = 0.0, 0
    for start in range(0, len(numbers), 1_000):
        some = labels[start : start + 1_000]
        log_probabilities = log_softmax(model(inputs.batch(split, numbers[start : start + 1_000])).data)
        loss -= float(log_probabilities[np.arange(len(some)), some].sum())
        right += int((log_probabilities.argmax(axis=1) == some).sum())
    model.train()
    return loss / len(numbers), right / len(numbers)


def make_model(config: ClassifyConfig, dataset: Dataset, rng: np.random.Generator) -> MLP:
    """The model that the config describes, its weights drawn from `rng`."""
    return MLP(
        config.input_size(dataset.x_train.shape[1:]),
        config.hidden,
        len(dataset.classes),
        rng,
        config.dropout,
        config.activation,
        config.initialisation,
    )


def restore_model(config: ClassifyConfig, dataset: Dataset, checkpoint: Checkpoint) -> MLP:
    """The model as a run left it, in evaluation mode. Raises ValueError where the weights are another model's."""
    model = make_model(config, dataset, np.random.default_rng(config.seed))
    model.load_state_dict(checked_weights(model.state_dict(), checkpoint))
    return model.eval()
