"""Optimisers against PyTorch's, and the shapes of the schedules."""

import numpy as np
import pytest
import torch

from core.autograd import functional as F
from core.autograd.nn import Linear, ReLU, Sequential
from core.autograd.optim import SCHEDULES, SGD, Adam, constant, cosine, step, warmup
from core.autograd.tensor import Tensor

SIZES = [(4, 6), (6, 3)]


def ours_and_theirs() -> tuple[Sequential, torch.nn.Sequential]:
    """The same small network twice, in float64."""
    rng = np.random.default_rng(0)
    ours = Sequential(Linear(*SIZES[0], rng, np.float64), ReLU(), Linear(*SIZES[1], rng, np.float64))
    theirs = torch.nn.Sequential(torch.nn.Linear(*SIZES[0]), torch.nn.ReLU(), torch.nn.Linear(*SIZES[1])).double()
    with torch.no_grad():
        for our_layer, their_layer in zip(ours.modules, theirs, strict=True):
            if isinstance(our_layer, Linear):
                their_layer.weight[:] = torch.tensor(our_layer.weight.data.T)
                their_layer.bias[:] = torch.tensor(our_layer.bias.data)
    return ours, theirs


def assert_ten_steps_match(our_optimizer, their_optimizer) -> None:
    """Assert equal weights during ten steps on ten batches, with a learning rate that changes between them."""
    ours, theirs = ours_and_theirs()
    our_optimizer, their_optimizer = our_optimizer(ours.parameters()), their_optimizer(theirs.parameters())
    rng = np.random.default_rng(1)
    for number in range(10):
        x, targets = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
        our_optimizer.lr = their_optimizer.param_groups[0]["lr"] = 0.1 / (1 + number)
        our_optimizer.zero_grad()
        F.cross_entropy(ours(x), targets).backward()
        our_optimizer.step()
        their_optimizer.zero_grad()
        torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(targets)).backward()
        their_optimizer.step()
        for our_weight, their_weight in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(our_weight.data.T, their_weight.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_ten_steps_of_sgd_match_pytorch(momentum, weight_decay):
    options = {"lr": 0.1, "momentum": momentum, "weight_decay": weight_decay}
    assert_ten_steps_match(lambda ours: SGD(ours, **options), lambda theirs: torch.optim.SGD(theirs, **options))


@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.6)])
def test_ten_steps_of_adam_match_pytorch(betas, weight_decay):
    options = {"lr": 0.1, "betas": betas, "weight_decay": weight_decay}
    assert_ten_steps_match(lambda ours: Adam(ours, **options), lambda theirs: torch.optim.Adam(theirs, **options))


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_parameters_are_changed_in_place_and_keep_their_dtype(optimizer):
    parameter = Tensor(np.ones(3, np.float32), requires_grad=True)
    array = parameter.data
    stepper = optimizer([parameter], lr=0.1, weight_decay=0.01)
    for _ in range(2):
        stepper.zero_grad()
        F.pow_two(parameter).sum().backward()
        stepper.step()
    assert parameter.data is array
    assert array.dtype == np.float32
    assert (array < 1).all()


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_step_keeps_gradients_and_skips_parameters_without_one(optimizer):
    used, unused = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    stepper = optimizer(iter([used, unused]), lr=0.1)
    (used * 3).sum().backward()
    stepper.step()
    assert used.grad == 3
    assert used.data != 1
    assert unused.data == 1
    stepper.zero_grad()
    assert used.grad is None


def test_the_constant_schedule_is_always_1():
    assert {constant()(done) for done in np.linspace(0, 1, 11)} == {1.0}


def test_the_step_schedule_falls_after_each_third():
    schedule = step()
    steps = 300
    factors = [schedule(number / steps) for number in range(steps)]
    np.testing.assert_allclose(factors, [1.0] * 100 + [0.1] * 100 + [0.01] * 100, rtol=1e-12)
    np.testing.assert_allclose([step(0.25, 0.5)(done) for done in (0.0, 0.2, 0.3, 0.6, 0.8)], [1, 1, 0.5, 0.25, 0.125])


def test_the_cosine_schedule_falls_from_1_to_its_lowest():
    schedule = cosine(lowest=0.2)
    np.testing.assert_allclose([schedule(0), schedule(0.5), schedule(1)], [1, 0.6, 0.2], rtol=1e-12)
    factors = [schedule(done) for done in np.linspace(0, 1, 50)]
    assert factors == sorted(factors, reverse=True)
    assert cosine()(1) == 0


def test_the_warmup_schedule_rises_linearly_and_falls_along_a_cosine():
    schedule = warmup(rise=0.2, first=0.1)
    np.testing.assert_allclose([schedule(done) for done in (0, 0.1, 0.2, 0.6, 1)], [0.1, 0.55, 1, 0.5, 0], atol=1e-12)
    factors = [schedule(done) for done in np.linspace(0, 1, 101)]
    assert factors[:21] == sorted(factors[:21])
    assert factors[20:] == sorted(factors[20:], reverse=True)


def test_the_maximum_of_every_schedule_is_the_given_learning_rate():
    for name, make in SCHEDULES.items():
        assert max(make()(done) for done in np.linspace(0, 1, 101)) == pytest.approx(1), name
