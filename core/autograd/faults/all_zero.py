"""All initial weights are zero: the outputs of the hidden units are zero, and so are their gradients."""

import numpy as np

from core.autograd.examples import POINTS
from core.autograd.faults.base import Curves, Fault, Question
from core.autograd.nn import CrossEntropyLoss, Linear, ReLU, Sequential
from core.autograd.tensor import Tensor

LR, STEPS = 0.5, 60


class ZeroLinear(Linear):
    """Faulty copy of Linear."""

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
    """Train a network of two such layers on four points in three classes. Returns the loss before each step."""
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
    """Train with random and with zero initial weights."""
    return Curves("Step", "Loss", learn(Linear), learn(ZeroLinear))


FAULT = Fault(
    name="all_zero",
    title="The network that stops learning almost at once",
    setting="A network with one hidden layer learns four points in three classes.",
    observation="With the faulty code, the loss falls a little, to 1.04, and stays there for good.",
    hint="With all weights zero, what does the hidden layer output? And what flows back through a weight of zero?",
    correct=Linear.__init__,
    faulty=ZeroLinear.__init__,
    faulty_lines=("weight = np.zeros((in_features, out_features))",),
    repair=(
        "Random initial weights make the hidden units different from each other and let gradients pass through the "
        "layers."
    ),
    symptom=symptom,
    question=Question(
        "Which parameters of the faulty network ever change?",
        {
            "All of them, but slowly": (
                "The loss stops falling after a few steps. If all parameters changed slowly, it would go on "
                "falling slowly. What is the output of a hidden unit whose weights and bias are 0?"
            ),
            "The weights of the first layer": (
                "The gradient that reaches the first layer is g · Wᵀ with the last layer's W. What is W here?"
            ),
            "Only the bias of the last layer": (
                "The hidden units output relu(0) = 0, so the gradient of the last weights, hiddenᵀ · g, is 0; and "
                "g · Wᵀ with W = 0 passes 0 back to the first layer. Only the last bias learns: how frequent each "
                "class is. Equal weights other than 0 are no better: units that start equal stay equal. Random "
                "weights break the symmetry."
            ),
            "None": (
                "The loss falls from 1.10 to 1.04, so something changes. Which parameter affects the output even "
                "if all weights are 0?"
            ),
        },
        answer="Only the bias of the last layer",
    ),
)
