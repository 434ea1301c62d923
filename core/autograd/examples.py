"""A neuron, a layer and a network, small enough to write every number of them on one page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.autograd import functional as F
from core.autograd.nn import Linear, Module
from core.autograd.tensor import Tensor


class TestModel(Module):
    """loss = (a²·b + b)² with the parameters a and b. At a = 2 and b = 3: 225, with the gradient (360, 150)."""

    __test__ = False  # it is a model to try things on, and no test to be collected

    def __init__(self, a: float = 2.0, b: float = 3.0):
        self.a = Tensor(np.float64(a), requires_grad=True)
        self.b = Tensor(np.float64(b), requires_grad=True)

    def forward(self) -> Tensor:
        a_squared = F.pow_two(self.a)
        return F.pow_two(F.add(F.mul(a_squared, self.b), self.b))


class Neuron(Module):
    """Two inputs, one output: relu(x · w + b), and the squared error as loss."""

    def __init__(self, rng: np.random.Generator):
        self.linear = Linear(2, 1, rng, np.float64)

    def forward(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """x: (1, 2), targets: (1, 1) -> every result on the way, under its name; the loss is the last."""
        z = self.linear(x)  # (1, 1)
        out = F.relu(z)  # (1, 1)
        return {"z": z, "out": out, "loss": F.pow_two(out - targets).mean()}


class Layer(Module):
    """A linear layer, whose rectified outputs are the logits of three classes."""

    def __init__(self, rng: np.random.Generator):
        self.linear = Linear(2, 3, rng, np.float64)

    def forward(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """x: (batch, 2), targets: (batch,) -> every result on the way, under its name; the loss is the last."""
        z = self.linear(x)  # (batch, 3)
        logits = F.relu(z)  # (batch, 3)
        return {"z": z, "logits": logits, "loss": F.cross_entropy(logits, targets)}


class Network(Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, rng: np.random.Generator):
        self.first = Linear(2, 4, rng, np.float64)
        self.second = Linear(4, 3, rng, np.float64)

    def forward(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """x: (batch, 2), targets: (batch,) -> every result on the way, under its name; the loss is the last."""
        z = self.first(x)  # (batch, 4)
        hidden = F.relu(z)  # (batch, 4)
        logits = self.second(hidden)  # (batch, 3)
        return {"z": z, "hidden": hidden, "logits": logits, "loss": F.cross_entropy(logits, targets)}


@dataclass(frozen=True)
class Batch:
    """What a tiny network reads, and what it should say."""

    x: np.ndarray
    targets: np.ndarray


POINTS = Batch(np.array([[1.0, 0.5], [-0.5, 1.0], [0.5, -1.0], [-1.0, -0.5]]), np.array([0, 1, 2, 1]))
"""Four points of the plane, of three classes."""

NETWORKS: dict[str, tuple[Callable[[np.random.Generator], Module], Batch]] = {
    "A neuron": (Neuron, Batch(np.array([[1.0, 0.5]]), np.array([[2.0]]))),
    "A layer": (Layer, POINTS),
    "A network": (Network, POINTS),
}


def train(network: Module, batch: Batch, lr: float, steps: int) -> list[float]:
    """Plain gradient descent on one batch. Returns the loss before each step and after the last."""
    losses = []
    for _ in range(steps):
        loss = network(Tensor(batch.x), batch.targets)["loss"]
        network.zero_grad()
        loss.backward()
        network.update(lr)
        losses.append(loss.item())
    return [*losses, network(Tensor(batch.x), batch.targets)["loss"].item()]
