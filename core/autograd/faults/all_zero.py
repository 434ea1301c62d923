"""A network whose weights all start as zeros: its hidden units are silent, and so are their gradients."""

import numpy as np

from core.autograd.examples import POINTS
from core.autograd.faults.base import Curves, Fault, Question
from core.autograd.nn import CrossEntropyLoss, Linear, ReLU, Sequential
from core.autograd.tensor import Tensor

LR, STEPS = 0.5, 60


class ZeroLinear(Linear):
    """The wrong twin of Linear."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rng: np.random.Generator | None = None,
        dtype=np.float32,
        initialisation: str = "he",
    ):
        rng = rng or np.random.default_rng()
        weight = np.zeros((in_features, out_features))
        self.weight = Tensor(weight.astype(dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(out_features, dtype), requires_grad=True)


def learn(layer: type[Linear]) -> list[float]:
    """The losses of a network of two such layers while it learns four points of three classes."""
    rng = np.random.default_rng(0)
    network = Sequential(layer(2, 8, rng, np.float64), ReLU(), layer(8, 3, rng, np.float64))
    loss_of = CrossEntropyLoss()
    losses = []
    for _ in range(STEPS):
        loss = loss_of(network(Tensor(POINTS.x)), POINTS.targets)
        network.zero_grad()
        loss.backward()
        network.update(LR)
        losses.append(loss.item())
    return losses


def symptom() -> Curves:
    return Curves("Step", "Loss", learn(Linear), learn(ZeroLinear))


FAULT = Fault(
    name="all_zero",
    title="The network that stops learning almost at once",
    setting="A network with one hidden layer learns four points of three classes.",
    look="The wrong curve comes down a little, to 1.04, and rests there for good.",
    hint="With all weights zero, what does the hidden layer give? And what flows back through a weight of zero?",
    right=Linear.__init__,
    wrong=ZeroLinear.__init__,
    symptom=symptom,
    question=Question(
        "Which parameters of the wrong network ever change?",
        ("All of them, but slowly", "The weights of the first layer", "The bias of the last layer alone", "None"),
        2,
        "The hidden units give relu(0) = 0, so the last weights' gradient, hiddenᵀ · g, is 0; and g · Wᵀ with W = 0 "
        "sends 0 back to the first layer. The last bias alone learns: how often each class comes. Equal weights "
        "other than 0 are no better: units that start alike stay alike. Random weights break the tie.",
    ),
)
