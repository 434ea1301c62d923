"""Every operation against PyTorch at every magnitude, with zeros, infinities and NaN as values and as gradients."""

import inspect
import itertools
from functools import partial

import numpy as np
import pytest
import torch

from core.autograd import functional as F
from core.autograd.tensor import Tensor

VALUES = {  # each with both signs; the first after 0 is subnormal, the last before infinity nearly overflows
    np.float32: [0, 1e-40, 1e-30, 1e-19, 1e-4, 0.5, 1, 1.5, 2, 3, 10, 40, 85, 1e4, 1e19, 1e20, 1e30, 3e38, np.inf],
    np.float64: [
        0,
        1e-310,
        1e-200,
        1e-154,
        1e-4,
        0.5,
        1,
        1.5,
        2,
        3,
        10,
        700,
        1e4,
        1e154,
        1e155,
        1e200,
        1.7e308,
        np.inf,
    ],
}
GRADIENTS = {
    np.float32: [1.0, -2.5, 0.0, 1e-30, -1e30, 1e19, np.inf, -np.inf, np.nan],
    np.float64: [1.0, -2.5, 0.0, 1e-200, -1e200, 1e154, np.inf, -np.inf, np.nan],
}
ONE_INPUT = {
    "neg": (F.neg, torch.neg),
    "pow_two": (F.pow_two, torch.square),
    "exp": (F.exp, torch.exp),
    "log": (F.log, torch.log),
    "tanh": (F.tanh, torch.tanh),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "relu": (F.relu, torch.relu),
    "sqrt": (F.sqrt, torch.sqrt),
    "sin": (F.sin, torch.sin),
    "cos": (F.cos, torch.cos),
    "abs": (F.abs, torch.abs),
    "step": (F.step, lambda a: torch.sign(torch.relu(a))),
}
TWO_INPUTS = {
    "add": (F.add, torch.add),
    "sub": (F.sub, torch.sub),
    "mul": (F.mul, torch.mul),
    "div": (F.div, torch.div),
    "pow": (F.pow, torch.pow),
}
MATRICES = {  # with the shapes of their inputs
    "sum": (F.sum, torch.sum, [(3,)]),
    "mean": (F.mean, torch.mean, [(3,)]),
    "matmul": (F.matmul, torch.matmul, [(2, 2), (2, 2)]),
    "mse_loss": (F.mse_loss, torch.nn.functional.mse_loss, [(3, 1), (3, 1)]),
    "linear": (F.linear, lambda x, weight, bias: x @ weight + bias, [(2, 2), (2, 2), (2,)]),
    "linear_relu": (F.linear_relu, lambda x, weight, bias: torch.relu(x @ weight + bias), [(2, 2), (2, 2), (2,)]),
}
OTHERS = {"dropout", "cross_entropy", "log_softmax"}  # each has a test of its own
OPERATORS = {  # the same expression of Tensors and of torch's tensors
    "a + 2.5": lambda a, number: a + number,
    "2.5 - a": lambda a, number: number - a,
    "2.5 * a": lambda a, number: number * a,
    "a / 2.5": lambda a, number: a / number,
    "2.5 / a": lambda a, number: number / a,
    "a ** 2.5": lambda a, number: a**number,
    "2.5 ** a": lambda a, number: number**a,
    "-a": lambda a, number: -a,
    "a * a": lambda a, number: a * a,
    "a + a": lambda a, number: a + a,
    "number / a + a": lambda a, number: number / a + a,
}


def both_signs(dtype) -> np.ndarray:
    return np.array([sign * float(value) for value in VALUES[dtype] for sign in (1, -1)] + [np.nan], dtype)


def assert_same(ours: np.ndarray, theirs: torch.Tensor, dtype, slack: float = 0.0) -> None:
    """Assert equality to a few units in the last place, and NaN where PyTorch has NaN.

    Below the smallest normal number, 0 is accepted. slack: further tolerance, in units in the last place of 1.
    """
    assert ours.dtype == dtype
    limits = np.finfo(dtype)
    atol = limits.tiny + slack * limits.eps
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=16 * limits.eps, atol=atol, equal_nan=True)


def compare(ours, theirs, inputs: list[np.ndarray], dtype, slack: float = 0.0, gradients=None) -> None:
    """Compare the result, and the gradients of all inputs for every incoming gradient."""
    for arriving in gradients or GRADIENTS[dtype]:
        tensors = [Tensor(values.copy(), requires_grad=True) for values in inputs]
        expected = [torch.tensor(values, requires_grad=True) for values in inputs]
        with np.errstate(all="ignore"):
            result = ours(*tensors)
            result.backward(np.full(result.shape, arriving, dtype))
        their_result = theirs(*expected)
        their_result.backward(torch.full(their_result.shape, arriving, dtype=their_result.dtype))
        assert_same(result.data, their_result, dtype)
        for tensor, other in zip(tensors, expected, strict=True):
            assert_same(tensor.grad, other.grad, dtype, slack * abs(arriving) if np.isfinite(arriving) else 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ONE_INPUT)
def test_operations_with_one_input_are_as_exact_as_pytorch_at_every_magnitude(name, dtype):
    values = both_signs(dtype)
    if name == "abs":  # PyTorch calls the slope at NaN 0; ours is NaN, which hides nothing
        values = values[~np.isnan(values)]
    compare(*ONE_INPUT[name], [values], dtype, slack=4 if name == "tanh" else 0)  # 1 - t² cancels in both


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TWO_INPUTS)
def test_operations_with_two_inputs_are_as_exact_as_pytorch_at_every_magnitude(name, dtype):
    pairs = np.array(list(itertools.product(both_signs(dtype), repeat=2)), dtype)
    compare(*TWO_INPUTS[name], [pairs[:, 0], pairs[:, 1]], dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_as_exact_as_pytorch_s_at_every_magnitude(name, dtype):
    number = torch.tensor(2.5, dtype=getattr(torch, dtype.__name__))  # for a Python number, PyTorch has other kernels
    compare(partial(OPERATORS[name], number=2.5), partial(OPERATORS[name], number=number), [both_signs(dtype)], dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MATRICES)
def test_sums_and_products_of_matrices_are_as_exact_as_pytorch_s_at_every_magnitude(name, dtype):
    """Sums and products of these values are exact, or infinite or NaN for every order of a sum."""
    ours, theirs, shapes = MATRICES[name]
    large = 2.0 ** (40 if dtype is np.float32 else 300)
    values = [value * sign for value in (0.0, 1 / large, 1.0, large, np.inf) for sign in (1, -1)] + [np.nan]
    rng = np.random.default_rng(0)
    weights = [4.0] * 8 + [1.0] * 3  # few infinities and NaN, or every result would be NaN
    for _ in range(100):
        inputs = [rng.choice(values, shape, p=np.array(weights) / sum(weights)).astype(dtype) for shape in shapes]
        compare(ours, theirs, inputs, dtype, gradients=[1.0, -2.0, 0.0, 2.0**-40, -(2.0**40), np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_is_as_exact_as_a_product_with_its_mask_at_every_magnitude(dtype):
    values = both_signs(dtype)
    dropout = partial(F.dropout, p=0.5)
    mask = torch.tensor(dropout(np.ones_like(values), rng=np.random.default_rng(0)).data)
    assert len(mask.unique()) == 2
    compare(lambda a: dropout(a, rng=np.random.default_rng(0)), lambda a: a * mask, [values], dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_cross_entropy_is_as_exact_as_pytorch_s_at_every_magnitude(target, dtype):
    for row in itertools.product(both_signs(dtype)[::3], repeat=2):
        logits = np.array([[*row, 1.0]], dtype)
        for arriving in GRADIENTS[dtype]:
            tensor, expected = Tensor(logits, requires_grad=True), torch.tensor(logits, requires_grad=True)
            with np.errstate(all="ignore"):
                loss = F.cross_entropy(tensor, [target])
                loss.backward(dtype(arriving))
            their_loss = torch.nn.functional.cross_entropy(expected, torch.tensor([target]))
            their_loss.backward(torch.tensor(arriving, dtype=their_loss.dtype))
            assert_same(loss.data, their_loss, dtype)
            theirs = expected.grad.numpy()
            if np.isinf(arriving):  # PyTorch subtracts two infinities at the target, where the product is infinite
                theirs = np.where(np.isnan(theirs), tensor.grad, theirs)
            # p - 1 cancels in both
            slack = abs(arriving) if np.isfinite(arriving) else 0.0
            assert_same(tensor.grad, torch.tensor(theirs), dtype, slack)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_is_as_exact_as_pytorch_s_at_every_magnitude(dtype):
    rows = np.array(list(itertools.product(both_signs(dtype), repeat=2)), dtype)
    with np.errstate(all="ignore"):
        assert_same(F.log_softmax(rows), torch.log_softmax(torch.tensor(rows), dim=1), dtype)


def test_every_operation_is_in_a_table():
    operations = {
        name
        for name, function in inspect.getmembers(F, inspect.isfunction)
        if function.__module__ == F.__name__ and not name.startswith("_") and name not in ("as_tensors", "check_linear")
    }
    assert operations == {*ONE_INPUT, *TWO_INPUTS, *MATRICES, *OTHERS}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("ours", "theirs", "shapes"),
    [
        pytest.param(F.linear, lambda x, w, b: x @ w + b, [(200_001, 1), (1, 2), (2,)], id="bias"),
        pytest.param(F.add, torch.add, [(200_001, 2), (2,)], id="row"),
        pytest.param(F.add, torch.add, [(2, 200_001), (2, 1)], id="column"),
        pytest.param(F.add, torch.add, [(3, 20_001, 2), (3, 1, 1)], id="middle"),
        pytest.param(F.add, torch.add, [(200_001, 2), ()], id="number"),
        pytest.param(lambda a: F.sum(a), torch.sum, [(200_001, 2)], id="sum"),
        pytest.param(lambda a: F.mean(a), torch.mean, [(200_001, 2)], id="mean"),
    ],
)
def test_sums_of_many_numbers_keep_their_precision(ours, theirs, shapes, dtype):
    """Adding equal numbers one after the other would round each time in the same direction."""
    inputs = [np.full(shape, 0.1, dtype) for shape in shapes]
    tensors = [Tensor(values, requires_grad=True) for values in inputs]
    expected = [torch.tensor(values, requires_grad=True) for values in inputs]
    result, their_result = ours(*tensors), theirs(*expected)
    result.backward(np.full(result.shape, 0.1, dtype))
    their_result.backward(torch.full(their_result.shape, 0.1, dtype=their_result.dtype))
    assert_close = partial(np.testing.assert_allclose, rtol=32 * np.finfo(dtype).eps)
    assert_close(result.data, their_result.detach().numpy())
    for tensor, other in zip(tensors, expected, strict=True):
        if tensor.data.size < 1_000 and tensor.shape != (1, 2):  # the weight's gradient is a product, made by BLAS
            assert_close(tensor.grad, other.grad.numpy())
