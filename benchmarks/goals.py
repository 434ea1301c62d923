"""Time to a result: until the example sentence is reproduced, and for the default recipe on MNIST."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from benchmarks.measure import Result, clock
from benchmarks.mlp import make_torch_mlp
from core import classify
from core.autograd import optim
from core.classify import datasets
from core.classify.inputs import Standardizer
from core.memorize import MemorizeConfig, MemorizeEpoch, fit

TARGET_ACCURACY = 0.9812


def run(quick: bool) -> Iterator[Result]:
    yield time_to_sentence()
    if not datasets.DATASETS["mnist"].is_available:
        print("Skipped the time to the MNIST result: there is no mnist.npz (see data/README.md).")
        return
    yield time_to_mnist(epochs=2 if quick else 15)


def time_to_sentence() -> Result:
    """Measure milliseconds of training until the sentence is reproduced, as the median of three seeds."""
    configs = {
        "bptt": MemorizeConfig(stop_when_learned=True),
        "torch": MemorizeConfig(stop_when_learned=True, backend="torch"),
        "nn.LSTM": MemorizeConfig(stop_when_learned=True, cell="nn.LSTM"),
    }
    times: dict[str, list[float]] = {name: [] for name in configs}
    epochs = []
    for seed in (0, 0, 1, 2):  # the first round is the warm-up
        for name, config in configs.items():
            started = clock()
            events = fit(replace(config, seed=seed))
            *_, last = (event for event in events if isinstance(event, MemorizeEpoch))
            times[name].append(1e3 * (clock() - started))
            if name == "bptt":
                epochs.append(last.epoch + 1)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return Result(
        "Example sentence, until it is reproduced",
        "hidden 64, 2 layers",
        medians,
        details={"epochs": statistics.median(epochs[1:])},
    )


def time_to_mnist(epochs: int) -> Result:
    """Measure seconds of training with the default recipe, one epoch of each contestant in turn, and accuracies."""
    config = replace(classify.ClassifyConfig(dataset="mnist"), epochs=epochs)
    dataset = datasets.load("mnist")
    accuracies: dict[str, float] = {}
    contestants = {
        "ours": our_epochs(config, dataset, accuracies),
        "PyTorch": torch_epochs(config, dataset, accuracies),
    }
    seconds = dict.fromkeys(contestants, 0.0)
    for _ in range(epochs):
        for name, training in contestants.items():
            started = clock()
            next(training)
            seconds[name] += clock() - started
    for training in contestants.values():
        next(training, None)  # evaluates on the test images
    details = {f"{name} %": 100 * accuracy for name, accuracy in accuracies.items()}
    return Result(
        f"MNIST, target {TARGET_ACCURACY:.2%}", f"{epochs} epochs of the default recipe", seconds, "s", details
    )


def our_epochs(
    config: classify.ClassifyConfig, dataset: datasets.Dataset, accuracies: dict[str, float]
) -> Iterator[None]:
    """Train ours, pausing after each epoch; store the test accuracy at the end."""
    for event in classify.fit(config, dataset):
        match event:
            case classify.Epoch():
                yield
            case classify.Result():
                accuracies["ours"] = event.accuracy


def torch_epochs(
    config: classify.ClassifyConfig, dataset: datasets.Dataset, accuracies: dict[str, float]
) -> Iterator[None]:
    """Train the same recipe in PyTorch, on tensors in memory, with validation after each epoch."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    indices = torch.from_numpy(rng.permutation(len(dataset.y_train)))
    validation, training = indices.tensor_split([classify.validation_size(len(indices))])
    standardize = Standardizer(dataset.x_train)
    x, x_test = (torch.from_numpy(standardize(images)) for images in (dataset.x_train, dataset.x_test))
    y, y_test = (torch.from_numpy(labels.copy()) for labels in (dataset.y_train, dataset.y_test))
    model = make_torch_mlp(config.hidden)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, math.sqrt(2 / layer.in_features))
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(model.parameters(), config.lr, config.momentum, weight_decay=config.weight_decay)
    schedule = optim.SCHEDULES[config.schedule]()
    steps = math.ceil(len(training) / config.batch_size)
    for epoch in range(config.epochs):
        for step, batch in enumerate(training[torch.randperm(len(training))].split(config.batch_size)):
            optimizer.param_groups[0]["lr"] = config.lr * schedule((epoch + step / steps) / config.epochs)
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # ours reads the loss of every step, too
        accuracy(model, x[validation], y[validation])
        yield
    accuracies["PyTorch"] = accuracy(model, x_test, y_test)


@torch.no_grad()
def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return (model(x).argmax(dim=1) == y).float().mean().item()
