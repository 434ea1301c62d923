"""The hand-derived gradients, beyond test_lstm.py, which compares every backend with PyTorch."""

import numpy as np
import pytest
import torch
from numba import njit
from torch import nn

from core.memorize import bptt
from core.memorize.lstm import MyLSTM, MyLSTMCell

INPUT, HIDDEN, STEPS, BATCH = 3, 5, 7, 2


@pytest.fixture(autouse=True)
def repeatable():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def both(num_layers: int = 2) -> tuple[MyLSTM, nn.LSTM]:
    """Return MyLSTM and PyTorch's LSTM with the same weights, in float64."""
    theirs = nn.LSTM(INPUT, HIDDEN, num_layers).double()
    return MyLSTM.from_torch(theirs, "bptt"), theirs


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


def assert_same_gradients(ours: nn.Module, theirs: nn.Module) -> None:
    for our_weight, their_weight in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(our_weight.grad, their_weight.grad, rtol=0, atol=1e-12)


# tanh and sigmoid


@njit
def everywhere(x):
    tanh, sigmoid = np.empty_like(x), np.empty_like(x)
    for k in range(len(x)):
        tanh[k], sigmoid[k] = bptt.tanh(x[k]), bptt.sigmoid(x[k])
    return tanh, sigmoid


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float32, 2**-24), (np.float64, 2**-53)])
def test_tanh_and_sigmoid_are_accurate_everywhere(dtype, rounding):
    tiny = 10.0 ** np.arange(-30, 0)
    x = np.concatenate([np.linspace(-30, 30, 20_001), tiny, -tiny, [0.0, 1e4, -1e4, 1e30, -1e30]]).astype(dtype)
    exact = np.tanh(x.astype(np.longdouble))
    tanh, sigmoid = everywhere(x)
    assert (np.abs(tanh - exact) <= 8 * rounding * np.abs(exact)).all()
    assert (np.abs(sigmoid - (1 + np.tanh(x.astype(np.longdouble) / 2)) / 2) <= 3 * rounding).all()


def test_tanh_and_sigmoid_of_infinity_and_nan():
    for dtype in (np.float32, np.float64):
        tanh, sigmoid = everywhere(np.array([np.inf, -np.inf, np.nan], dtype))
        np.testing.assert_array_equal(tanh, [1, -1, np.nan])
        np.testing.assert_array_equal(sigmoid, [1, 0, np.nan])


# Lengths and layouts


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize("steps", [1, 2, 60])
def test_gradients_for_any_length_and_batch_equal_pytorch_s(steps, batch, num_layers):
    ours, theirs = both(num_layers)
    inputs, weights = numbers(steps, batch, INPUT), numbers(steps, batch, HIDDEN)
    for lstm in (ours, theirs):
        (lstm(inputs)[0] * weights).sum().backward()
    assert_same_gradients(ours, theirs)


def test_non_contiguous_tensors_give_the_same_gradients():
    """Slices, transposed and expanded tensors, both as inputs and as gradients."""
    ours, theirs = both()
    inputs = numbers(INPUT, BATCH, 2 * STEPS).permute(2, 1, 0)[::2]
    state = numbers(HIDDEN, BATCH, 2).permute(2, 1, 0), numbers(1, 1, HIDDEN).expand(2, BATCH, HIDDEN)
    assert not any(tensor.is_contiguous() for tensor in (inputs, *state))
    for lstm in (ours, theirs):
        output, (h, c) = lstm(inputs, state)
        (output.sum() + (h.transpose(0, 2) ** 2).sum() + c[:, ::2].sum()).backward()
    assert_same_gradients(ours, theirs)


def test_non_contiguous_weights_give_the_same_output():
    cell = MyLSTMCell(INPUT, HIDDEN).double()
    inputs, state = numbers(STEPS, BATCH, INPUT), (numbers(1, BATCH, HIDDEN), numbers(1, BATCH, HIDDEN))
    expected, _ = bptt.run_layers([cell], inputs, state)
    for name in ("weight_ih", "weight_hh"):
        weight = getattr(cell, name).detach()
        setattr(cell, name, nn.Parameter(weight.t().contiguous().t()))
    assert not cell.weight_hh.is_contiguous()
    torch.testing.assert_close(bptt.run_layers([cell], inputs, state)[0], expected, rtol=0, atol=1e-14)


# As an operation of autograd


def test_only_tensors_that_require_a_gradient_get_one():
    lstm, inputs = MyLSTM(INPUT, HIDDEN, 2, "bptt"), torch.randn(STEPS, BATCH, INPUT)
    lstm.cells[0].weight_hh.requires_grad_(False)
    lstm(inputs)[0].sum().backward()
    assert inputs.grad is None
    assert lstm.cells[0].weight_hh.grad is None
    assert lstm.cells[0].weight_ih.grad.abs().max() > 0
    with torch.no_grad():
        assert not lstm(inputs)[0].requires_grad
    lstm.requires_grad_(False)
    assert not lstm(inputs)[0].requires_grad


def test_gradients_of_a_layer_used_twice_add_up():
    """The second call receives the outputs and states of the first."""
    theirs = nn.LSTM(HIDDEN, HIDDEN, 2).double()
    ours = MyLSTM.from_torch(theirs, "bptt")
    inputs = numbers(STEPS, BATCH, HIDDEN)
    for lstm in (ours, theirs):
        output, state = lstm(inputs)
        output, _ = lstm(output, state)
        (output**2).sum().backward()
    assert_same_gradients(ours, theirs)


def test_backward_can_be_repeated_only_if_the_graph_is_retained():
    lstm = MyLSTM(INPUT, HIDDEN, 2, "bptt")
    output, _ = lstm(torch.randn(STEPS, BATCH, INPUT))
    loss = (output**2).sum()
    once = torch.autograd.grad(loss, list(lstm.parameters()), retain_graph=True)
    again = torch.autograd.grad(loss, list(lstm.parameters()))
    for first, second in zip(once, again, strict=True):
        assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_results_and_gradients_do_not_share_memory():
    lstm = MyLSTM(INPUT, HIDDEN, 1, "bptt")
    state = tuple(torch.randn(1, BATCH, HIDDEN, requires_grad=True) for _ in "hc")
    output, (h, c) = lstm(torch.randn(STEPS, BATCH, INPUT, requires_grad=True), state)
    (output.sum() + h.sum() + c.sum()).backward()
    gradients = [parameter.grad for parameter in lstm.parameters()] + [part.grad for part in state]
    tensors = [output, h, c, *state, *gradients]
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)


def test_results_may_be_changed_in_place_but_weights_not_before_backward():
    ours, theirs = both()
    inputs = numbers(STEPS, BATCH, INPUT)
    for lstm in (ours, theirs):
        output, _ = lstm(inputs)
        output.mul_(3)
        output.sum().backward()
    assert_same_gradients(ours, theirs)
    output, _ = ours(inputs)
    with torch.no_grad():
        ours.cells[0].weight_hh.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


SECOND = "no second derivative.* Use the backend 'torch'"


@pytest.mark.parametrize("power", [1, 2], ids=["constant gradient arrives", "gradient depends on the output"])
@pytest.mark.parametrize("frozen", [False, True], ids=["all weights", "only the input"])
def test_a_second_derivative_is_rejected(power, frozen):
    lstm = MyLSTM(INPUT, HIDDEN, 1, "bptt").requires_grad_(not frozen)
    inputs = torch.randn(STEPS, BATCH, INPUT, requires_grad=True)
    loss = (lstm(inputs)[0] ** power).sum()
    (gradient,) = torch.autograd.grad(loss, inputs, create_graph=True)
    with pytest.raises(RuntimeError, match=SECOND):
        (loss + 10 * (gradient.norm() - 1) ** 2).backward()


@pytest.mark.parametrize("name", ["h0", "weight_ih", "bias_hh"])
def test_a_second_derivative_of_any_argument_is_rejected(name):
    lstm = MyLSTM(INPUT, HIDDEN, 2, "bptt").requires_grad_(False)
    state = torch.zeros(2, BATCH, HIDDEN), torch.zeros(2, BATCH, HIDDEN)
    argument = (state[0] if name == "h0" else getattr(lstm.cells[0], name)).requires_grad_()
    loss = lstm(torch.randn(STEPS, BATCH, INPUT), state)[0].sum()
    (gradient,) = torch.autograd.grad(loss, argument, create_graph=True)
    with pytest.raises(RuntimeError, match=SECOND):
        gradient.square().sum().backward()


def test_first_derivatives_with_create_graph_are_correct():
    ours, theirs = both()
    inputs = numbers(STEPS, BATCH, INPUT)
    for lstm in (ours, theirs):
        gradients = torch.autograd.grad(lstm(inputs)[0].sum(), list(lstm.parameters()), create_graph=True)
        for weight, gradient in zip(lstm.parameters(), gradients, strict=True):
            weight.grad = gradient.detach()
    assert_same_gradients(ours, theirs)
    with pytest.raises(RuntimeError, match=SECOND):
        torch.autograd.functional.hessian(lambda x: ours(x)[0].sum(), inputs)


def test_nan_in_one_sample_stays_in_that_sample():
    lstm = MyLSTM(INPUT, HIDDEN, 2, "bptt")
    inputs = torch.randn(STEPS, BATCH, INPUT)
    inputs[3, 0] = torch.nan
    output, _ = lstm(inputs)
    assert output[3:, 0].isnan().all()
    assert output[:3].isfinite().all()
    assert output[:, 1].isfinite().all()


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (torch.zeros(STEPS, 1, INPUT, dtype=torch.float64), "torch.float32 on cpu, torch.float64 on cpu"),
        (torch.zeros(STEPS, 1, INPUT, dtype=torch.bfloat16), "torch.bfloat16 on cpu, torch.float32 on cpu"),
        (torch.zeros(STEPS, 1, INPUT, device="meta"), "torch.float32 on cpu, torch.float32 on meta"),
    ],
)
def test_unsupported_types_and_devices_are_rejected(inputs, found):
    with pytest.raises(ValueError, match=f"float32 or all float64, but got {found}. Use the backend 'torch'"):
        MyLSTM(INPUT, HIDDEN, 1, "bptt")(inputs)
