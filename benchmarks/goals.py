"""How long a class waits: for the report's sentence, and for 98.12 % of MNIST's test pictures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from benchmarks.measure import Result, clock
from benchmarks.mlp import network
from core import classify
from core.autograd import optim
from core.classify import datasets
from core.classify.inputs import Standardizer
from core.memorize import MemorizeConfig, MemorizeEpoch, fit

GOAL = 0.9812


def run(quick: bool) -> Iterator[Result]:
    yield sentence()
    if not datasets.DATASETS["mnist"].is_available:
        print("MNIST is not here (data/README.md says how it comes): how long its goal takes was not measured.")
        return
    yield mnist(epochs=2 if quick else 15)


def sentence() -> Result:
    """Milliseconds of training until the whole sentence comes back, the median of three seeds."""
    contestants = {"bptt": {}, "torch": {"backend": "torch"}, "nn.LSTM": {"cell": "nn.LSTM"}}
    times, epochs = {name: [] for name in contestants}, []
    for seed in (0, 0, 1, 2):  # the first round warms up
        for name, options in contestants.items():
            began = clock()
            events = fit(MemorizeConfig(stop_when_learned=True, seed=seed, **options))
            *_, last = (event for event in events if isinstance(event, MemorizeEpoch))
            times[name].append(1e3 * (clock() - began))
            if name == "bptt":
                epochs.append(last.epoch + 1)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return Result(
        "Report's sentence, whole", "hidden 64, 2 layers", medians, facts={"epochs": statistics.median(epochs[1:])}
    )


def mnist(epochs: int) -> Result:
    """Seconds of training with the default recipe, ours and PyTorch's an epoch in turn; accuracies at the end."""
    config = replace(classify.ClassifyConfig(dataset="mnist"), epochs=epochs)
    dataset = datasets.load("mnist")
    accuracies: dict[str, float] = {}
    contestants = {
        "ours": our_epochs(config, dataset, accuracies),
        "PyTorch": their_epochs(config, dataset, accuracies),
    }
    seconds = dict.fromkeys(contestants, 0.0)
    for _ in range(epochs):
        for name, run in contestants.items():
            began = clock()
            next(run)
            seconds[name] += clock() - began
    for run in contestants.values():
        next(run, None)  # looks at the test pictures
    facts = {f"{name} %": 100 * accuracy for name, accuracy in accuracies.items()}
    return Result(f"MNIST, {GOAL:.2%} wanted", f"{epochs} epochs of the default recipe", seconds, "s", facts)


def our_epochs(config, dataset, accuracies: dict[str, float]) -> Iterator[None]:
    for event in classify.fit(config, dataset):
        match event:
            case classify.Epoch():
                yield
            case classify.Result():
                accuracies["ours"] = event.accuracy


def their_epochs(config, dataset, accuracies: dict[str, float]) -> Iterator[None]:
    """The same recipe in PyTorch, on tensors in memory, validation after each epoch included."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    numbers = torch.from_numpy(rng.permutation(len(dataset.y_train)))
    validation, training = numbers.tensor_split([classify.validation_size(len(numbers))])
    standardize = Standardizer(dataset.x_train)
    x, x_test = (torch.from_numpy(standardize(pictures)) for pictures in (dataset.x_train, dataset.x_test))
    y, y_test = (torch.from_numpy(labels.copy()) for labels in (dataset.y_train, dataset.y_test))
    model = network(config.hidden)
    for layer in model[::2]:
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
            loss.item()  # as ours, which tells every step
        accuracy(model, x[validation], y[validation])
        yield
    accuracies["PyTorch"] = accuracy(model, x_test, y_test)


@torch.no_grad()
def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return (model(x).argmax(dim=1) == y).float().mean().item()
