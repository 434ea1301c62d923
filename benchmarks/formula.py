"""The formula f(a, b) = (a²·b + b)² and its gradients: our Tensor against PyTorch and, if it is installed, micrograd.

Both values are single numbers, so nearly all time is the overhead of recording operations and following them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

from benchmarks.measure import Result, time_interleaved
from core.autograd.tensor import Tensor

A, B = 2.0, 3.0
VALUE, GRADIENTS = 225.0, (360.0, 150.0)
REPETITIONS = 1_000


def run(quick: bool) -> Iterator[Result]:
    """Time a thousand evaluations with their gradients."""
    contestants: dict[str, Callable[[], tuple[Any, Any, Any]]] = {"ours": ours, "PyTorch": pytorch}
    if find_spec("micrograd"):
        contestants["micrograd"] = micrograd
    repetitions = REPETITIONS // 10 if quick else REPETITIONS
    medians = time_interleaved({name: repeated(call, repetitions) for name, call in contestants.items()})
    yield Result("Formula, value and gradients", f"{repetitions:,} times", medians)


def repeated(call: Callable[[], object], times: int) -> Callable[[], None]:
    """Return a function that calls another so many times."""

    def calls() -> None:
        for _ in range(times):
            call()

    return calls


def formula(a: Any, b: Any) -> Any:
    """Compute f(a, b)."""
    return (a**2 * b + b) ** 2


def ours() -> tuple[float, Any, Any]:
    """Value, df/da and df/db with this project's Tensor."""
    a, b = Tensor(A, requires_grad=True), Tensor(B, requires_grad=True)
    f = formula(a, b)
    f.backward()
    return f.item(), a.grad, b.grad


def pytorch() -> tuple[float, Any, Any]:
    """The same with PyTorch."""
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (A, B))
    f = formula(a, b)
    f.backward()
    return f.item(), a.grad, b.grad


def micrograd() -> tuple[float, float, float]:
    """The same with micrograd, which records single numbers only."""
    value = import_module("micrograd.engine").Value
    a, b = value(A), value(B)
    f = formula(a, b)
    f.backward()
    return f.data, a.grad, b.grad
