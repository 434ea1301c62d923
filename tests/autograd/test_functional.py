"""Every operation against PyTorch and finite differences: values and all gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.autograd import functional as F
from core.autograd.tensor import Tensor


def random_inputs(shapes: tuple[tuple[int, ...], ...], positive: bool = False) -> list[np.ndarray]:
    """Draw values from ±0.2 to ±1.7: away from 0, where relu and abs have kinks and 1/x and log x have poles."""
    rng = np.random.default_rng(0)
    signs = (1,) if positive else (-1, 1)
    return [rng.uniform(0.2, 1.7, shape) * rng.choice(signs, shape) for shape in shapes]


def assert_matches_torch(ours: Callable, theirs: Callable, *shapes: tuple[int, ...], positive: bool = False) -> None:
    """Assert that `ours` on Tensors and `theirs` on torch's tensors have the same result and gradients, in float64.

    The gradients are those of sum(result · weights) with random weights. Each is also checked with finite
    differences: along a random direction, the slope of that sum is the gradient's projection on it.
    """
    values = random_inputs(shapes, positive)
    our_inputs = [Tensor(value, requires_grad=True) for value in values]
    their_inputs = [torch.tensor(value, requires_grad=True) for value in values]
    our_result, their_result = ours(*our_inputs), theirs(*their_inputs)
    assert our_result.dtype == np.float64
    assert our_result.shape == tuple(their_result.shape)
    np.testing.assert_allclose(our_result.data, their_result.detach().numpy(), rtol=1e-12)

    rng = np.random.default_rng(1)
    weights = rng.normal(size=our_result.shape)
    our_result.backward(weights)
    their_result.backward(torch.tensor(weights))
    for tensor, expected in zip(our_inputs, their_inputs, strict=True):
        assert tensor.grad.shape == tensor.shape
        np.testing.assert_allclose(tensor.grad, expected.grad.numpy(), rtol=1e-10, atol=1e-12)

    ε = 1e-6
    for i, tensor in enumerate(our_inputs):
        direction = rng.normal(size=tensor.shape)
        there, back = (
            (ours(*values[:i], values[i] + step * direction, *values[i + 1 :]).data * weights).sum() for step in (ε, -ε)
        )
        np.testing.assert_allclose((tensor.grad * direction).sum(), (there - back) / (2 * ε), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (F.neg, torch.neg),
        (F.pow_two, torch.square),
        (F.exp, torch.exp),
        (F.tanh, torch.tanh),
        (F.sigmoid, torch.sigmoid),
        (F.relu, torch.relu),
        (F.sin, torch.sin),
        (F.cos, torch.cos),
        (F.abs, torch.abs),
        (F.sum, torch.sum),
        (F.mean, torch.mean),
        (lambda a: F.pow(a, 3), lambda a: a**3),
        (lambda a: F.pow(a, -1), lambda a: a**-1),
        (lambda a: F.pow(a, 0), lambda a: a**0),
    ],
)
def test_operations_with_one_input_match_pytorch(ours, theirs, shape):
    assert_matches_torch(ours, theirs, shape)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(F.log, torch.log), (F.sqrt, torch.sqrt), (lambda a: F.pow(2, a), lambda a: 2**a), (lambda a: a**0.5, torch.sqrt)],
)
def test_operations_with_one_positive_input_match_pytorch(ours, theirs):
    assert_matches_torch(ours, theirs, (2, 3), positive=True)


@pytest.mark.parametrize(
    "shapes", [((), ()), ((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 1)), ((2, 1, 4), (3, 1)), ((), (2, 2))]
)
@pytest.mark.parametrize(
    ("ours", "theirs", "positive"),
    [
        (F.add, torch.add, False),
        (F.sub, torch.sub, False),
        (F.mul, torch.mul, False),
        (F.div, torch.div, False),
        (F.pow, torch.pow, True),
    ],
)
def test_operations_with_two_inputs_match_pytorch_with_broadcasting(ours, theirs, positive, shapes):
    assert_matches_torch(ours, theirs, *shapes, positive=positive)


def test_three_broadcast_inputs_match_pytorch():
    assert_matches_torch(lambda a, b, c: a + b + c, lambda a, b, c: a + b + c, (3, 4), (4,), (1, 4))


def test_matmul_and_linear_match_pytorch():
    assert_matches_torch(F.matmul, torch.matmul, (2, 3), (3, 4))
    assert_matches_torch(F.linear, lambda x, w, b: x @ w + b, (5, 3), (3, 4), (4,))
    assert_matches_torch(F.linear_relu, lambda x, w, b: torch.relu(x @ w + b), (5, 3), (3, 4), (4,))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_relu_is_relu_of_linear_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=size).astype(dtype) for size in ((30, 7), (7, 20), (20,))]
    arrays[0][:3, 0] = 0, np.inf, np.nan
    arrays[2][:5] = -1e9, 0, np.inf, -np.inf, np.nan
    grad = rng.normal(size=(30, 20)).astype(dtype)
    grad[5] = np.inf
    values = []
    with np.errstate(invalid="ignore"):
        for operation in (F.linear_relu, lambda *tensors: F.relu(F.linear(*tensors))):
            tensors = [Tensor(array, requires_grad=True) for array in arrays]
            result = operation(*tensors)
            result.backward(grad)
            values.append([result.data, *(tensor.grad for tensor in tensors)])
    for fused, in_turn in zip(*values, strict=True):
        assert fused.dtype == dtype
        np.testing.assert_array_equal(fused, in_turn)


@pytest.mark.parametrize("shape", [(5, 1), (3, 2), (4,), ()])
def test_mse_loss_matches_pytorch(shape):
    assert_matches_torch(F.mse_loss, torch.nn.functional.mse_loss, shape, shape)


def test_mse_loss_of_a_network_matches_finite_differences():
    rng = np.random.default_rng(0)
    x, w, target = rng.normal(size=(4, 3)), rng.normal(size=(3, 1)), rng.normal(size=(4, 1))
    weight = Tensor(w, requires_grad=True)
    F.mse_loss(F.tanh(F.matmul(x, weight)), target).backward()
    for i in range(3):
        step = np.zeros_like(w)
        step[i] = 1e-6
        above, below = (F.mse_loss(F.tanh(F.matmul(x, w + sign * step)), target).item() for sign in (1, -1))
        np.testing.assert_allclose(weight.grad[i, 0], (above - below) / 2e-6, rtol=1e-7, atol=1e-9)


def test_a_network_with_a_loss_matches_pytorch():
    targets = [2, 0, 1, 2, 0]

    def ours(x, w1, b1, w2, b2):
        return F.cross_entropy(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), targets)

    def theirs(x, w1, b1, w2, b2):
        return torch.nn.functional.cross_entropy(torch.relu(x @ w1 + b1) @ w2 + b2, torch.tensor(targets))

    assert_matches_torch(ours, theirs, (5, 4), (4, 6), (6,), (6, 3), (3,))


def test_the_comparison_itself_detects_a_wrong_value_and_a_wrong_gradient():
    def value_is_wrong(a):
        return F.mul(a, 1.0001)

    def gradient_is_wrong(a):
        return Tensor.result(a.data * 2, (a,), lambda grad: (grad,), "twice") if isinstance(a, Tensor) else F.mul(a, 2)

    with pytest.raises(AssertionError):
        assert_matches_torch(value_is_wrong, lambda a: a * 1, (3,))
    with pytest.raises(AssertionError):
        assert_matches_torch(gradient_is_wrong, lambda a: a * 2, (3,))


# Kinks and large values


def gradient(operation: Callable, value, dtype=np.float64) -> np.ndarray:
    x = Tensor(np.asarray(value, dtype), requires_grad=True)
    F.sum(operation(x)).backward()
    return x.grad


def test_relu_abs_and_step_pass_no_gradient_at_0():
    np.testing.assert_array_equal(gradient(F.relu, [-1.0, 0.0, -0.0, 1.0]), [0, 0, 0, 1])
    np.testing.assert_array_equal(gradient(F.abs, [-1.0, 0.0, 1.0]), [-1, 0, 1])
    np.testing.assert_array_equal(gradient(F.step, [-1.0, 0.0, 1.0]), [0, 0, 0])
    np.testing.assert_array_equal(F.step([-1.0, 0.0, 1.0]).data, [0, 0, 1])
    np.testing.assert_array_equal(F.relu([-1.0, 0.0, 1.0]).data, [0, 0, 1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_tanh_do_not_overflow(dtype):
    far = np.array([-1e4, 1e4], dtype)
    np.testing.assert_array_equal(F.sigmoid(far).data, [0, 1])
    np.testing.assert_array_equal(F.tanh(far).data, [-1, 1])
    np.testing.assert_array_equal(gradient(F.sigmoid, far, dtype), [0, 0])
    np.testing.assert_array_equal(gradient(F.tanh, far, dtype), [0, 0])


def test_powers_of_zero_and_negative_numbers_have_gradients():
    np.testing.assert_array_equal(gradient(lambda a: a**2, [0.0, -3.0]), [0, -6])
    np.testing.assert_array_equal(gradient(lambda a: a**1, [0.0, -3.0]), [1, 1])
    np.testing.assert_array_equal(gradient(lambda a: a**0, [0.0, -3.0]), [0, 0])


@pytest.mark.filterwarnings("error")
def test_the_exponent_of_zero_gets_gradient_0():
    base, exponent = Tensor([0.0, 2.0], requires_grad=True), Tensor([3.0, 3.0], requires_grad=True)
    F.pow(base, exponent).sum().backward()
    np.testing.assert_allclose(exponent.grad, [0, 8 * np.log(2)], rtol=1e-14)


# Cross-entropy

classes = st.integers(2, 6)


@st.composite
def logits_and_targets(draw, largest: float = 50.0):
    batch, width = draw(st.integers(1, 5)), draw(classes)
    logits = draw(arrays(np.float64, (batch, width), elements=st.floats(-largest, largest)))
    return logits, draw(arrays(np.int64, batch, elements=st.integers(0, width - 1)))


@given(logits_and_targets(), st.just(0.0) | st.floats(0, 1))
def test_cross_entropy_matches_pytorch(example, smoothing):
    logits, targets = example
    ours, theirs = Tensor(logits, requires_grad=True), torch.tensor(logits, requires_grad=True)
    our_loss = F.cross_entropy(ours, targets, smoothing)
    their_loss = torch.nn.functional.cross_entropy(theirs, torch.tensor(targets), label_smoothing=smoothing)
    np.testing.assert_allclose(our_loss.item(), their_loss.item(), rtol=1e-12, atol=1e-12)
    our_loss.backward()
    their_loss.backward()
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-9, atol=1e-15)


@given(logits_and_targets(), st.data())
def test_adding_a_constant_to_a_row_of_logits_does_not_change_cross_entropy(example, data):
    logits, targets = example
    shifts = data.draw(arrays(np.float64, (len(logits), 1), elements=st.floats(-100, 100)))
    here, there = (Tensor(values, requires_grad=True) for values in (logits, logits + shifts))
    losses = [F.cross_entropy(tensor, targets) for tensor in (here, there)]
    for loss in losses:
        loss.backward()
    np.testing.assert_allclose(losses[0].item(), losses[1].item(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(here.grad, there.grad, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(here.grad.sum(axis=1), 0, atol=1e-12)  # so the gradient has no component along a shift


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_does_not_overflow_for_logits_of_a_thousand(dtype):
    logits = Tensor(np.array([[1000, -1000, 0], [-1000, 1000, 1000]], dtype), requires_grad=True)
    loss = F.cross_entropy(logits, [0, 0])  # the first: certain and correct; the second: certain and wrong, 2000 + ln 2
    assert loss.dtype == dtype
    np.testing.assert_allclose(loss.item(), (0 + 2000 + np.log(2)) / 2, rtol=1e-6)
    loss.backward()
    np.testing.assert_allclose(logits.grad, [[0, 0, 0], [-0.5, 0.25, 0.25]], atol=1e-6)


def test_cross_entropy_of_equal_logits_is_the_log_of_the_number_of_classes():
    np.testing.assert_allclose(F.cross_entropy(np.zeros((4, 10)), [0, 3, 5, 9]).item(), np.log(10), rtol=1e-14)


def test_log_softmax_gives_probabilities_that_sum_to_1():
    probabilities = np.exp(F.log_softmax(np.array([[1.0, 2, 3], [-1000, 0, 1000]])))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(probabilities[0], np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum(), rtol=1e-14)


# Dropout


def test_dropout_keeps_the_mean_and_applies_the_same_mask_to_the_gradient():
    x = Tensor(np.ones((200, 200), np.float32), requires_grad=True)
    dropped = F.dropout(x, 0.3, np.random.default_rng(0))
    assert dropped.dtype == np.float32
    assert set(np.unique(dropped.data)) == {np.float32(0), np.float32(1) / np.float32(1 - 0.3)}
    np.testing.assert_allclose((dropped.data == 0).mean(), 0.3, atol=0.01)
    np.testing.assert_allclose(dropped.data.mean(), 1, atol=0.01)
    dropped.sum().backward()
    np.testing.assert_array_equal(x.grad, dropped.data)


# Errors


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (lambda: F.matmul(np.ones((2, 3)), np.ones((2, 3))), r"it got shapes \(2, 3\) and \(2, 3\)"),
        (lambda: F.matmul(np.ones(3), np.ones((3, 1))), r"matmul needs matrices .* it got shapes \(3,\) and \(3, 1\)"),
        (lambda: F.linear(np.ones((2, 3)), np.ones((3, 4)), np.ones(3)), r"it got \(2, 3\), \(3, 4\) and \(3,\)"),
        (lambda: F.linear(np.ones((2, 3)), np.ones((4, 3)), np.ones(3)), r"linear needs x \(batch, in\)"),
        (
            lambda: F.mse_loss(np.ones((3, 1)), np.ones(3)),
            r"same shape, with at least one element; it got \(3, 1\) and \(3,\)",
        ),
        (lambda: F.mse_loss(np.ones((0, 1)), np.ones((0, 1))), "at least one"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0]), r"it got \(2, 3\) and \(1,\)"),
        (lambda: F.cross_entropy(np.ones((0, 3)), np.array([], int)), "at least one"),
        (lambda: F.cross_entropy(np.ones(3), 0), r"logits \(batch, classes\)"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0, 3]), "whole numbers from 0 to 2"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0, -1]), "whole numbers from 0 to 2"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0.0, 1.0]), "whole numbers from 0 to 2"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0, 1], 1.5), "label_smoothing must be from 0 to 1, but it is 1.5"),
    ],
)
def test_wrong_shapes_raise_an_error_with_the_expected_shapes(operation, sentence):
    with pytest.raises(ValueError, match=sentence):
        operation()
