"""Optimisers, which turn gradients into steps, and schedules, which say how the learning rate changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from core.autograd.tensor import Tensor
from core.jit import jit


class Optimizer:
    """Holds the parameters and the learning rate `lr`, which may be changed between two steps.

    state_names: the names of the attributes, lists of an array a parameter, that a step leaves to the next one.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        self.parameters, self.lr, self.weight_decay = list(parameters), lr, weight_decay

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def apply(self, rule: Callable[..., None], *settings: float) -> None:
        """rule(values, gradient, memory ..., settings ...) for every parameter that has a gradient, all arrays flat."""
        for parameter, *memory in zip(
            self.parameters, *(getattr(self, name) for name in self.state_names), strict=True
        ):
            if parameter.grad is not None:
                arrays = parameter.data, np.ascontiguousarray(parameter.grad), *memory
                rule(*(array.reshape(-1) for array in arrays), *map(parameter.dtype.type, settings))

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of everything that the next step takes from those before."""
        return {f"{name}.{i}": array.copy() for name in self.state_names for i, array in enumerate(getattr(self, name))}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over what `state_dict()` gave. Raises KeyError where something is missing."""
        for name in self.state_names:
            for i, array in enumerate(getattr(self, name)):
                array[...] = state[f"{name}.{i}"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as torch.optim.SGD does it.

    v ← momentum · v + g and p ← p - lr · v, where g is the gradient + weight_decay · p
    (Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013).
    """

    state_names = ("velocities",)

    def __init__(self, parameters, lr: float, momentum: float = 0.0, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.momentum = momentum
        self.velocities = [np.zeros_like(parameter.data) for parameter in self.parameters]

    def step(self) -> None:
        """Move every parameter against its gradient, in place."""
        self.apply(sgd_step, self.lr, self.momentum, self.weight_decay)


@jit
def sgd_step(p, grad, v, lr, momentum, weight_decay):
    for i in range(len(p)):
        g = grad[i] + weight_decay * p[i]
        v[i] = momentum * v[i] + g
        p[i] -= lr * v[i]


class Adam(Optimizer):
    """Steps of about lr in every direction, whatever the size of the gradient.

    Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    state_names = ("means", "squares")

    def __init__(self, parameters, lr: float = 0.001, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.beta2 = betas  # beta1 is what SGD calls momentum: how much of the past stays in the mean
        self.eps, self.steps = eps, 0
        self.means = [np.zeros_like(parameter.data) for parameter in self.parameters]
        self.squares = [np.zeros_like(parameter.data) for parameter in self.parameters]

    def step(self) -> None:
        """Move every parameter by its mean gradient over the root of its mean squared gradient, in place."""
        self.steps += 1
        share1, share2 = 1 - self.momentum, 1 - self.beta2  # of what is new in the two means, which begin at 0:
        bias1, bias2 = 1 - self.momentum**self.steps, 1 - self.beta2**self.steps
        self.apply(adam_step, self.lr / bias1, share1, share2, bias2, self.eps, self.weight_decay)

    def state_dict(self) -> dict[str, np.ndarray]:
        return {**super().state_dict(), "steps": np.array(self.steps)}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        super().load_state_dict(state)
        self.steps = int(state["steps"])


@jit
def adam_step(p, grad, mean, square, lr, share1, share2, bias2, eps, weight_decay):
    for i in range(len(p)):
        g = grad[i] + weight_decay * p[i]
        mean[i] += share1 * (g - mean[i])
        square[i] += share2 * (g * g - square[i])
        p[i] -= lr * mean[i] / (np.sqrt(square[i] / bias2) + eps)


Schedule = Callable[[float], float]
"""From the share of the training that is done (0 to 1) to a factor for the learning rate."""


def constant() -> Schedule:
    """The learning rate as it was set, all the time."""
    return lambda done: 1.0


def step(every: float = 1 / 3, factor: float = 0.1) -> Schedule:
    """Times `factor` whenever another share `every` of the training is done."""
    return lambda done: factor ** math.floor(done / every + 1e-9)


def cosine(lowest: float = 0.0) -> Schedule:
    """From 1 down to `lowest` along half a cosine (Loshchilov & Hutter, "SGDR", 2017, without restarts)."""
    return lambda done: lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2


def warmup(rise: float = 0.05, first: float = 0.01) -> Schedule:
    """From `first` in a straight line up to 1, in the first share `rise` of the training; then along a cosine to 0.

    First weights give large gradients: small steps until they have calmed down make a larger learning rate safe
    (Goyal et al., "Accurate, large minibatch SGD", 2017).
    """
    fall = cosine()
    return lambda done: first + (1 - first) * done / rise if done < rise else fall((done - rise) / (1 - rise))


SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "warmup": warmup,
}

OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
