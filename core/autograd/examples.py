"""Models so small that a page can show every number: two parameters, a neuron, a layer and a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.autograd import functional as F
from core.autograd.nn import Linear, Module
from core.autograd.tensor import Tensor


class TestModel(Module):
    """loss = (a²·b + b)² with the parameters a and b. At a = 2 and b = 3: 225, with the gradient (360, 150)."""

    __test__ = False  # not a test class; keeps pytest from collecting it

    def __init__(self, a: float = 2.0, b: float = 3.0):
        self.a = Tensor(np.float64(a), requires_grad=True)
        self.b = Tensor(np.float64(b), requires_grad=True)

    def forward(self) -> Tensor:
        """Compute the loss."""
        a_squared = F.pow_two(self.a)
        return F.pow_two(F.add(F.mul(a_squared, self.b), self.b))


class Example(Module):
    """A model whose output is its loss; subclasses define `results`, which returns all intermediate results as well."""

    def results(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """Compute every intermediate result by its name; the last is the loss."""
        raise NotImplementedError

    def forward(self, x: Tensor, targets: np.ndarray) -> Tensor:
        """Compute the loss."""
        return self.results(x, targets)["loss"]


class Neuron(Example):
    """Two inputs and one output relu(x · w + b), with the squared error as loss."""

    def __init__(self, rng: np.random.Generator):
        self.linear = Linear(2, 1, rng, np.float64)

    def results(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """x: (1, 2), targets: (1, 1)."""
        z = self.linear(x)  # (1, 1)
        out = F.relu(z)  # (1, 1)
        return {"z": z, "out": out, "loss": F.pow_two(out - targets).mean()}


class Layer(Example):
    """A linear layer with ReLU, whose outputs are the logits of three classes."""

    def __init__(self, rng: np.random.Generator):
        self.linear = Linear(2, 3, rng, np.float64)

    def results(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """x: (batch, 2), targets: (batch,)."""
        z = self.linear(x)  # (batch, 3)
        logits = F.relu(z)  # (batch, 3)
        return {"z": z, "logits": logits, "loss": F.cross_entropy(logits, targets)}


class Network(Example):
    """Two linear layers with a ReLU between them; the outputs are the logits of three classes."""

    def __init__(self, rng: np.random.Generator):
        self.first = Linear(2, 4, rng, np.float64)
        self.second = Linear(4, 3, rng, np.float64)

    def results(self, x: Tensor, targets: np.ndarray) -> dict[str, Tensor]:
        """x: (batch, 2), targets: (batch,)."""
        z = self.first(x)  # (batch, 4)
        hidden = F.relu(z)  # (batch, 4)
        logits = self.second(hidden)  # (batch, 3)
        return {"z": z, "hidden": hidden, "logits": logits, "loss": F.cross_entropy(logits, targets)}


@dataclass(frozen=True)
class Batch:
    """The training data of an example: inputs and targets."""

    x: np.ndarray
    targets: np.ndarray


POINTS = Batch(np.array([[1.0, 0.5], [-0.5, 1.0], [0.5, -1.0], [-1.0, -0.5]]), np.array([0, 1, 2, 1]))
"""Four points in the plane, in three classes."""

NETWORKS: dict[str, tuple[Callable[[np.random.Generator], Example], Batch]] = {
    "Neuron": (Neuron, Batch(np.array([[1.0, 0.5]]), np.array([[2.0]]))),
    "Layer": (Layer, POINTS),
    "Network": (Network, POINTS),
}


def train(network: Example, batch: Batch, lr: float, steps: int) -> list[float]:
    """Run gradient descent on one batch. Returns the loss before each step and after the last."""
    losses = []
    for _ in range(steps):
        loss = network(Tensor(batch.x), batch.targets)
        network.zero_grad()
        loss.backward()
        network.update(lr)
        losses.append(loss.item())
    return [*losses, network(Tensor(batch.x), batch.targets).item()]
