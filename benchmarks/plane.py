"""An epoch of a small network on points in a plane: matrices are tiny, so the time is overhead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn

from benchmarks.measure import Result, time_interleaved
from core import plane
from core.autograd import optim
from core.autograd.functional import log_softmax
from core.autograd.nn import CrossEntropyLoss
from core.autograd.tensor import Tensor
from core.plane import PlaneConfig, PlaneEpoch
from core.plane.datasets import random_stream
from core.plane.features import compute_features
from core.plane.network import PlaneNetwork

LR, MOMENTUM = 0.05, 0.9


def run(quick: bool) -> Iterator[Result]:
    """Time an epoch of 200 training points with each batch size."""
    for hidden in ((8, 8),) if quick else ((8,), (8, 8), (8, 8, 8, 8)):
        for batch in (20,) if quick else (10, 20):
            config = PlaneConfig(
                dataset="spiral", hidden=hidden, n_points=200, validation=0, batch_size=batch, lr=LR, momentum=MOMENTUM
            )
            epochs = {
                "ours": ours(config),
                "no graph": numpy_without_graph(config),
                "PyTorch": pytorch(config),
                "scikit-learn, float32": scikit_learn(config, np.float32),
                "scikit-learn, float64": scikit_learn(config, np.float64),
                "training loop, with events": training_loop(config),
            }
            medians = time_interleaved(epochs, warm_up=5, seconds=0.5 if quick else 3.0)
            steps = -(-200 // batch)
            graph = (medians["ours"] - medians["no graph"]) / steps * 1e3
            details = {"us per step": medians["ours"] / steps * 1e3, "of these, graph": graph}
            case = f"2-{'-'.join(map(str, hidden))}-2, batch {batch}, 200 points"
            yield Result("Points in a plane, one epoch", case, medians, details=details)


def training_points(config: PlaneConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (n, 2) float32 and labels (n,)."""
    data = plane.make(config)
    return compute_features(config.features, data.points), data.targets


def ours(config: PlaneConfig) -> Callable[[], None]:
    """This project's engine and SGD, as in `core.plane.training`."""
    x, y = training_points(config)
    rng = random_stream(config, "training")
    network, loss_function = PlaneNetwork(config, rng), CrossEntropyLoss()
    parameters, everything = network.parameters(), Tensor(network.flat, requires_grad=True)
    optimizer = optim.SGD([everything], config.lr, config.momentum)

    def step(indices: np.ndarray) -> None:
        loss = loss_function(network(Tensor(x[indices])), y[indices])
        for parameter in parameters:
            parameter.zero_grad()
        loss.backward()
        everything.grad = np.concatenate([p.grad.reshape(-1) for p in parameters if p.grad is not None])
        optimizer.step()

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), config.batch_size):
            step(order[start : start + config.batch_size])

    return epoch


def numpy_without_graph(config: PlaneConfig) -> Callable[[], None]:
    """The same arithmetic written out for this network only: the difference to ours is the cost of the graph."""
    x, y = training_points(config)
    rng = random_stream(config, "training")
    network = PlaneNetwork(config, rng)
    everything = Tensor(network.flat, requires_grad=True)
    optimizer = optim.SGD([everything], config.lr, config.momentum)
    layers = [(layer.weight.data, layer.bias.data) for layer in network.layers]

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), config.batch_size):
            indices = order[start : start + config.batch_size]
            values = [x[indices]]
            for weight, bias in layers[:-1]:
                values.append(np.tanh(values[-1] @ weight + bias))
            grad = np.exp(log_softmax(values[-1] @ layers[-1][0] + layers[-1][1]))
            grad[np.arange(len(indices)), y[indices]] -= 1
            grad /= len(indices)
            gradients = []
            for number in reversed(range(len(layers))):
                below = values.pop()
                gradients += [grad.sum(axis=0), (below.T @ grad).reshape(-1)]
                if number:
                    grad = (grad @ layers[number][0].T) * (1 - below * below)
            everything.grad = np.concatenate(gradients[::-1])
            optimizer.step()

    return epoch


def pytorch(config: PlaneConfig) -> Callable[[], None]:
    """PyTorch, with batches indexed from tensors in memory."""
    x, y = (torch.from_numpy(array) for array in training_points(config))
    layers = [layer for inputs, units in pairwise(config.sizes) for layer in (nn.Linear(inputs, units), nn.Tanh())]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), config.lr, config.momentum)

    def epoch() -> None:
        for indices in torch.randperm(len(x)).split(config.batch_size):
            loss = nn.functional.cross_entropy(model(x[indices]), y[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def scikit_learn(config: PlaneConfig, dtype: type) -> Callable[[], object]:
    """scikit-learn's MLPClassifier; with two classes, it has one output instead of two."""
    x, y = training_points(config)
    x = x.astype(dtype)
    model = MLPClassifier(
        config.hidden,
        activation="tanh",
        solver="sgd",
        learning_rate_init=config.lr,
        momentum=config.momentum,
        nesterovs_momentum=False,
        batch_size=config.batch_size,
        alpha=0,
    )
    return lambda: model.partial_fit(x, y, classes=range(config.classes))


def training_loop(config: PlaneConfig) -> Callable[[], None]:
    """An epoch of `core.plane.fit`, as a worker runs it: with its steps, the evaluation and the weights as text."""
    events: Iterator[object] = iter(())

    def epoch() -> None:
        nonlocal events
        for event in events:
            if isinstance(event, PlaneEpoch) and not event.is_last:
                return
        events = plane.fit(config)
        next(events)
        epoch()

    return epoch
