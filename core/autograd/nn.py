"""Layers made of Tensors, composed as in torch.nn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Self

import numpy as np

from core.autograd import functional as F
from core.autograd.tensor import Tensor


class Module:
    """A part of a network. Subclasses set Tensors and other Modules as attributes and define `forward`."""

    training = True

    def __call__(self, *inputs) -> Tensor:
        """Return `forward(*inputs)`."""
        return self.forward(*inputs)

    def forward(self, *inputs) -> Tensor:
        """Compute the output; calling the Module calls this."""
        raise TypeError(f"{type(self).__name__} does not define forward().")

    def members(self) -> Iterator[tuple[str, object]]:
        """Yield every attribute with its name; the items of a list are numbered."""
        for name, value in vars(self).items():
            if isinstance(value, list | tuple):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value))
            else:
                yield name, value

    def children(self) -> Iterator[tuple[str, Module]]:
        """Yield every Module directly inside this one, with its name."""
        yield from ((name, member) for name, member in self.members() if isinstance(member, Module))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every parameter, here and in the Modules inside, with its dotted name."""
        for name, member in self.members():
            if isinstance(member, Tensor) and member.requires_grad and not member.parents:  # not a stored result
                yield name, member
        for name, child in self.children():
            yield from ((f"{name}.{inner}", parameter) for inner, parameter in child.named_parameters())

    def parameters(self) -> list[Tensor]:
        """Return every parameter once, even if two layers share it."""
        return list(dict.fromkeys(parameter for _, parameter in self.named_parameters()))

    def zero_grad(self) -> None:
        """Reset all gradients to None: otherwise the next backward() adds to the old ones."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def update(self, lr: float) -> None:
        """Take one step of plain gradient descent: parameter -= lr · gradient."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.data -= lr * parameter.grad

    def train(self, training: bool = True) -> Self:
        """Switch to training mode, in which Dropout is active. Returns self."""
        self.training = training
        for _, child in self.children():
            child.train(training)
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode, in which Dropout does nothing. Returns self."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the values of every parameter by its dotted name."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Copy the values of a `state_dict()` into the parameters.

        Raises KeyError for missing or unknown names and ValueError for other shapes; then nothing is changed.
        """
        parameters = dict(self.named_parameters())
        if parameters.keys() != state.keys():
            missing, unknown = sorted(parameters.keys() - state.keys()), sorted(state.keys() - parameters.keys())
            raise KeyError(f"missing parameters: {missing}; unknown parameters: {unknown}.")
        arrays = {name: np.asarray(state[name], parameter.dtype) for name, parameter in parameters.items()}
        for name, parameter in parameters.items():
            if arrays[name].shape != parameter.shape:
                raise ValueError(f"{name} must have shape {parameter.shape}, but it has {arrays[name].shape}.")
        for name, parameter in parameters.items():
            parameter.data[...] = arrays[name]


INIT_STDS: dict[str, Callable[[int, int], float]] = {
    # keeps the size of the signal through layers of ReLUs: He et al., "Delving Deep into Rectifiers" (2015)
    "he": lambda inputs, outputs: math.sqrt(2 / inputs),
    # ... through layers of tanh, in both directions: Glorot & Bengio, "Understanding the difficulty of training" (2010)
    "glorot": lambda inputs, outputs: math.sqrt(2 / (inputs + outputs)),
    "small": lambda inputs, outputs: 0.01,
    "large": lambda inputs, outputs: 1.0,
    "zero": lambda inputs, outputs: 0.0,
}
"""Initialisations: from the numbers of inputs and outputs to the standard deviation of the initial weights."""


class Linear(Module):
    """Linear layer x @ weight + bias: every output is a weighted sum of all inputs.

    weight: (in_features, out_features), drawn from a normal distribution with mean 0 and the standard deviation of
    the initialisation (a name in INIT_STDS). bias: (out_features,), zeros.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rng: np.random.Generator | None = None,
        dtype=np.float32,
        initialisation: str = "he",
    ):
        rng = rng or np.random.default_rng()
        weight = rng.standard_normal((in_features, out_features)) * INIT_STDS[initialisation](in_features, out_features)
        self.weight = Tensor(weight.astype(dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(out_features, dtype), requires_grad=True)

    def forward(self, x) -> Tensor:
        """x: (batch, in_features) -> (batch, out_features)."""
        return F.linear(x, self.weight, self.bias)


class ReLU(Module):
    """Rectifier max(x, 0), element by element."""

    def forward(self, x) -> Tensor:
        """x: any shape -> the same shape."""
        return F.relu(x)


class Tanh(Module):
    """Hyperbolic tangent, element by element: from -1 to 1, flat where x is large."""

    def forward(self, x) -> Tensor:
        """x: any shape -> the same shape."""
        return F.tanh(x)


class Sigmoid(Module):
    """Logistic function 1 / (1 + e⁻ˣ), element by element: from 0 to 1, flat where x is large."""

    def forward(self, x) -> Tensor:
        """x: any shape -> the same shape."""
        return F.sigmoid(x)


ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


class Dropout(Module):
    """Zero a random fraction p of the elements during training, so that no unit can rely on a single other one."""

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None):
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1, but it is {p}.")
        self.p, self.rng = p, rng or np.random.default_rng()

    def forward(self, x) -> Tensor:
        """x: any shape -> the same shape."""
        return F.dropout(x, self.p, self.rng) if self.training and self.p else x


class Sequential(Module):
    """Modules in a row: the output of each is the input of the next."""

    def __init__(self, *modules: Module):
        self.modules = modules

    def forward(self, x) -> Tensor:
        """Pass x through all modules."""
        for module in self.modules:
            x = module(x)
        return x


class CrossEntropyLoss(Module):
    """Mean of -log p(correct class), where p is the softmax of the logits. See `cross_entropy`."""

    def __init__(self, label_smoothing: float = 0.0):
        self.label_smoothing = label_smoothing

    def forward(self, logits, targets) -> Tensor:
        """logits: (batch, classes), targets: (batch,) integers -> a single number."""
        return F.cross_entropy(logits, targets, self.label_smoothing)


class MSELoss(Module):
    """Mean of the squared differences between predictions and targets."""

    def forward(self, predictions, targets) -> Tensor:
        """predictions, targets: the same shape -> a single number."""
        return F.mse_loss(predictions, targets)
