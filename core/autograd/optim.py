"""Optimisers, which turn gradients into steps, and schedules for the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from core.autograd.tensor import Tensor
from core.jit import jit


class Optimizer:
    """Holds the parameters and the learning rate `lr`, which may be changed between two steps."""

    state_names: tuple[str, ...] = ()
    """Names of the attributes that hold optimiser state: lists with one array per parameter."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        self.parameters, self.lr, self.weight_decay = list(parameters), lr, weight_decay

    def zero_grad(self) -> None:
        """Reset all gradients to None."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def apply(self, rule: Callable[..., None], *settings: float) -> None:
        """Call rule(values, gradient, *state, *settings) for every parameter with a gradient, all arrays flat."""
        for parameter, *state in zip(self.parameters, *(getattr(self, name) for name in self.state_names), strict=True):
            if parameter.grad is not None:
                arrays = parameter.data, np.ascontiguousarray(parameter.grad), *state
                rule(*(array.reshape(-1) for array in arrays), *map(parameter.dtype.type, settings))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the optimiser state."""
        return {f"{name}.{i}": array.copy() for name in self.state_names for i, array in enumerate(getattr(self, name))}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Copy the values of a `state_dict()` into the optimiser. Raises KeyError if one is missing."""
        for name in self.state_names:
            for i, array in enumerate(getattr(self, name)):
                array[...] = state[f"{name}.{i}"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as in torch.optim.SGD.

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
    """Update the parameter p and its velocity v in place; all arrays are flat."""
    for i in range(len(p)):
        g = grad[i] + weight_decay * p[i]
        v[i] = momentum * v[i] + g
        p[i] -= lr * v[i]


class Adam(Optimizer):
    """Adaptive steps: about lr per parameter, whatever the size of its gradient.

    Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    state_names = ("means", "squares")

    def __init__(self, parameters, lr: float = 0.001, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.beta2 = betas  # beta1 plays the part of SGD's momentum
        self.eps, self.steps = eps, 0
        self.means = [np.zeros_like(parameter.data) for parameter in self.parameters]
        self.squares = [np.zeros_like(parameter.data) for parameter in self.parameters]

    def step(self) -> None:
        """Move every parameter by its mean gradient over the root of its mean squared gradient, in place."""
        self.steps += 1
        weight1, weight2 = 1 - self.momentum, 1 - self.beta2  # of the new gradient in the two running means
        bias1, bias2 = 1 - self.momentum**self.steps, 1 - self.beta2**self.steps  # as the means start at 0
        self.apply(adam_step, self.lr / bias1, weight1, weight2, bias2, self.eps, self.weight_decay)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the optimiser state, the number of steps included."""
        return {**super().state_dict(), "steps": np.array(self.steps)}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Copy the values of a `state_dict()` into the optimiser. Raises KeyError if one is missing."""
        super().load_state_dict(state)
        self.steps = int(state["steps"])


@jit
def adam_step(p, grad, mean, square, lr, weight1, weight2, bias2, eps, weight_decay):
    """Update the parameter p and its running means in place; all arrays are flat."""
    for i in range(len(p)):
        g = grad[i] + weight_decay * p[i]
        mean[i] += weight1 * (g - mean[i])
        square[i] += weight2 * (g * g - square[i])
        p[i] -= lr * mean[i] / (np.sqrt(square[i] / bias2) + eps)


Schedule = Callable[[float], float]
"""From the completed fraction of the training (0 to 1) to a factor for the learning rate."""


def constant() -> Schedule:
    """Keep the learning rate as it is."""
    return lambda done: 1.0


def step(every: float = 1 / 3, factor: float = 0.1) -> Schedule:
    """Multiply by `factor` after every fraction `every` of the training."""
    return lambda done: factor ** math.floor(done / every + 1e-9)


def cosine(lowest: float = 0.0) -> Schedule:
    """Fall from 1 to `lowest` along half a cosine (Loshchilov & Hutter, "SGDR", 2017, without restarts)."""
    return lambda done: lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2


def warmup(rise: float = 0.05, first: float = 0.01) -> Schedule:
    """Rise linearly from `first` to 1 during the fraction `rise` of the training, then fall along a cosine to 0.

    Initial weights give large gradients: small steps at the start make a larger learning rate safe
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
