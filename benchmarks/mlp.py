"""An epoch of our MLP beside PyTorch's and scikit-learn's, and beside the same NumPy without a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import Result, exponent, interleaved
from core.autograd import optim
from core.autograd.functional import log_softmax
from core.autograd.nn import CrossEntropyLoss
from core.classify import MLP

INPUTS, CLASSES = 784, 10
LR, MOMENTUM = 0.01, 0.9
PEAK = 1024  # rows and columns of the matrices whose product stands for the peak


def run(quick: bool) -> Iterator[Result]:
    """Both sizes, and how the cost grows with the data."""
    for hidden, batch, size in (((256, 128), 100, 20_000), ((1024, 1024), 256, 5_120)):
        x, y = pictures(size // 4 if quick else size)
        epochs = {
            "ours": ours(x, y, hidden, batch),
            "no graph": without_a_graph(x, y, hidden, batch),
            "PyTorch": on_tensors(x, y, hidden, batch),
            "PyTorch, DataLoader": with_loader(x, y, hidden, batch),
            # X / 255, as its own MNIST example has it, is float64; float32, as in all others, must be asked for
            "scikit-learn, float64": scikit_learn(x.astype(np.float64), y, hidden, batch),
            "scikit-learn, float32": scikit_learn(x, y, hidden, batch),
        }
        a, b = (np.random.default_rng(0).standard_normal((PEAK, PEAK), dtype=np.float32) for _ in "ab")
        medians = interleaved({**epochs, "peak": lambda a=a, b=b: a @ b}, warm_up=1)
        peak = 2 * PEAK**3 / medians.pop("peak") / 1e6  # GFLOP/s, as the medians are milliseconds
        reached = operations(hidden) * len(x) / medians["ours"] / 1e6
        facts = {"of sgemm peak": reached / peak, "peak GFLOP/s": peak}
        case = f"784-{'-'.join(map(str, hidden))}-10, batch {batch}, {len(x):,} pictures"
        yield Result("MLP, an epoch", case, medians, facts=facts)
    sizes = [2_500, 5_000, 10_000, 20_000]
    costs = interleaved({f"{size}": ours(*pictures(size), (256, 128), 100) for size in sizes}, warm_up=1)
    yield Result(
        "Growth of an epoch of the MLP",
        "ours, pictures",
        costs,
        facts={"exponent": exponent(sizes, list(costs.values()))},
        compared=False,
    )


def pictures(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers do as well: no contestant looks at what it multiplies. (size, 784) float32, (size,)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((size, INPUTS), dtype=np.float32), rng.integers(0, CLASSES, size)


def operations(hidden: tuple[int, ...]) -> int:
    """Floating-point operations of all matrix products for one picture: three a layer, but no gradient of the input."""
    first, *others = (2 * inputs * outputs for inputs, outputs in pairwise((INPUTS, *hidden, CLASSES)))
    return 2 * first + 3 * sum(others)


def ours(x, y, hidden, batch) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    model, loss_function = MLP(INPUTS, hidden, CLASSES, rng), CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), LR, MOMENTUM)

    def step(numbers: np.ndarray) -> None:
        loss = loss_function(model(x[numbers]), y[numbers])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            step(order[start : start + batch])

    return epoch


def without_a_graph(x, y, hidden, batch) -> Callable[[], None]:
    """The same arithmetic written out for this network alone: what is left of ours is the graph."""
    rng = np.random.default_rng(0)
    model = MLP(INPUTS, hidden, CLASSES, rng)
    parameters = model.parameters()
    optimizer = optim.SGD(parameters, LR, MOMENTUM)
    layers = [(parameters[i], parameters[i + 1]) for i in range(0, len(parameters), 2)]

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            numbers = order[start : start + batch]
            activations = [x[numbers]]
            for weight, bias in layers:
                out = activations[-1] @ weight.data
                out += bias.data
                activations.append(np.maximum(out, 0) if weight is not layers[-1][0] else out)
            grad = np.exp(log_softmax(activations.pop()))
            grad[np.arange(len(numbers)), y[numbers]] -= 1
            grad /= len(numbers)
            for weight, bias in reversed(layers):
                below = activations.pop()
                weight.grad, bias.grad = below.T @ grad, grad.sum(axis=0)
                if activations:
                    grad = grad @ weight.data.T
                    grad *= below > 0
            optimizer.step()

    return epoch


def network(hidden) -> nn.Sequential:
    sizes = (INPUTS, *hidden, CLASSES)
    layers = [layer for inputs, outputs in pairwise(sizes) for layer in (nn.Linear(inputs, outputs), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def on_tensors(x, y, hidden, batch) -> Callable[[], None]:
    x, y, model = torch.from_numpy(x), torch.from_numpy(y), network(hidden)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)

    def epoch() -> None:
        for numbers in torch.randperm(len(x)).split(batch):
            learn(model, optimizer, x[numbers], y[numbers])

    return epoch


def with_loader(x, y, hidden, batch) -> Callable[[], None]:
    model = network(hidden)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch, shuffle=True)

    def epoch() -> None:
        for some_x, some_y in loader:
            learn(model, optimizer, some_x, some_y)

    return epoch


def scikit_learn(x, y, hidden, batch) -> Callable[[], None]:
    model = MLPClassifier(
        hidden,
        solver="sgd",
        learning_rate_init=LR,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        batch_size=batch,
        alpha=0,
    )
    return lambda: model.partial_fit(x, y, classes=range(CLASSES))
