"""An epoch of our MLP against PyTorch and scikit-learn, and against the same NumPy code without a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import Result, growth_exponent, time_interleaved
from core.autograd import optim
from core.autograd.functional import log_softmax
from core.autograd.nn import CrossEntropyLoss
from core.classify import MLP

INPUTS, CLASSES = 784, 10
LR, MOMENTUM = 0.01, 0.9
PEAK_SIZE = 1024  # rows and columns of the matrix product that stands for the processor's peak

# Takes images, labels, the hidden layers' sizes and the batch size; returns a function that trains for one epoch.
Contestant = Callable[[np.ndarray, np.ndarray, tuple[int, ...], int], Callable[[], object]]


def run(quick: bool) -> Iterator[Result]:
    """Time two sizes, then how the cost of an epoch grows with the data."""
    for hidden, batch, size in (((256, 128), 100, 20_000), ((1024, 1024), 256, 5_120)):
        x, y = random_images(size // 4 if quick else size)
        epochs = {
            "ours": ours(x, y, hidden, batch),
            "no graph": numpy_without_graph(x, y, hidden, batch),
            "PyTorch": pytorch_tensors(x, y, hidden, batch),
            "PyTorch, DataLoader": pytorch_loader(x, y, hidden, batch),
            # X / 255, as in scikit-learn's own MNIST example, is float64. All others compute in float32.
            "scikit-learn, float64": scikit_learn(x.astype(np.float64), y, hidden, batch),
            "scikit-learn, float32": scikit_learn(x, y, hidden, batch),
            "products alone": products_alone(len(x), hidden, batch),
        }
        a, b = (np.random.default_rng(0).standard_normal((PEAK_SIZE, PEAK_SIZE), dtype=np.float32) for _ in "ab")
        medians = time_interleaved({**epochs, "peak": partial(np.matmul, a, b)}, warm_up=1)
        peak = 2 * PEAK_SIZE**3 / medians.pop("peak") / 1e6  # GFLOP/s, as the medians are milliseconds
        reached = flops_per_image(hidden) * len(x) / medians["ours"] / 1e6
        details = {"of sgemm peak": reached / peak, "peak GFLOP/s": peak}
        case = f"784-{'-'.join(map(str, hidden))}-10, batch {batch}, {len(x):,} images"
        yield Result("MLP, one epoch", case, medians, details=details)
    sizes = [2_500, 5_000, 10_000, 20_000]
    costs = time_interleaved({f"{size}": ours(*random_images(size), (256, 128), 100) for size in sizes}, warm_up=1)
    yield Result(
        "Growth of an epoch of the MLP",
        "ours, images",
        costs,
        details={"exponent": growth_exponent(sizes, list(costs.values()))},
        compared=False,
    )


def random_images(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random inputs (size, 784) float32 and labels (size,). The time does not depend on their values."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((size, INPUTS), dtype=np.float32), rng.integers(0, CLASSES, size)


def flops_per_image(hidden: tuple[int, ...]) -> int:
    """Count the floating-point operations of all matrix products for one image.

    There are three products per layer, but the first layer needs no gradient of its input.
    """
    first, *others = (2 * inputs * outputs for inputs, outputs in pairwise((INPUTS, *hidden, CLASSES)))
    return 2 * first + 3 * sum(others)


def ours(x: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch: int) -> Callable[[], None]:
    """This project's MLP and SGD."""
    rng = np.random.default_rng(0)
    model, loss_function = MLP(INPUTS, hidden, CLASSES, rng), CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), LR, MOMENTUM)

    def step(indices: np.ndarray) -> None:
        loss = loss_function(model(x[indices]), y[indices])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            step(order[start : start + batch])

    return epoch


def numpy_without_graph(x: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch: int) -> Callable[[], None]:
    """The same arithmetic written out for this network only: the difference to ours is the cost of the graph."""
    rng = np.random.default_rng(0)
    model = MLP(INPUTS, hidden, CLASSES, rng)
    parameters = model.parameters()
    optimizer = optim.SGD(parameters, LR, MOMENTUM)
    layers = [(parameters[i], parameters[i + 1]) for i in range(0, len(parameters), 2)]

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            indices = order[start : start + batch]
            activations = [x[indices]]
            for weight, bias in layers:
                out = activations[-1] @ weight.data
                out += bias.data
                activations.append(np.maximum(out, 0) if weight is not layers[-1][0] else out)
            grad = np.exp(log_softmax(activations.pop()))
            grad[np.arange(len(indices)), y[indices]] -= 1
            grad /= len(indices)
            for weight, bias in reversed(layers):
                below = activations.pop()
                weight.grad, bias.grad = below.T @ grad, grad.sum(axis=0)
                if activations:
                    grad = grad @ weight.data.T
                    grad *= below > 0
            optimizer.step()

    return epoch


def products_alone(images: int, hidden: tuple[int, ...], batch: int) -> Callable[[], None]:
    """Only the matrix products of an epoch: an MLP with the same library for products cannot be faster."""
    rng = np.random.default_rng(0)

    def matrix(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    sizes = list(pairwise((INPUTS, *hidden, CLASSES)))
    layers = [(matrix(batch, inputs), matrix(inputs, outputs), matrix(batch, outputs)) for inputs, outputs in sizes]

    def epoch() -> None:
        for _ in range(images // batch):
            for layer, (x, weight, grad) in enumerate(layers):
                _, _ = x @ weight, x.T @ grad
                if layer:
                    _ = grad @ weight.T

    return epoch


def make_torch_mlp(hidden: tuple[int, ...]) -> nn.Sequential:
    sizes = (INPUTS, *hidden, CLASSES)
    layers = [layer for inputs, outputs in pairwise(sizes) for layer in (nn.Linear(inputs, outputs), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def torch_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def pytorch_tensors(x: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch: int) -> Callable[[], None]:
    """PyTorch, with batches indexed from tensors in memory."""
    inputs, labels, model = torch.from_numpy(x), torch.from_numpy(y), make_torch_mlp(hidden)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)

    def epoch() -> None:
        for indices in torch.randperm(len(inputs)).split(batch):
            torch_step(model, optimizer, inputs[indices], labels[indices])

    return epoch


def pytorch_loader(x: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch: int) -> Callable[[], None]:
    """PyTorch, with batches from a DataLoader."""
    model = make_torch_mlp(hidden)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch, shuffle=True)

    def epoch() -> None:
        for inputs, labels in loader:
            torch_step(model, optimizer, inputs, labels)

    return epoch


def scikit_learn(x: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch: int) -> Callable[[], object]:
    """scikit-learn's MLPClassifier, in the floating-point type of x."""
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
