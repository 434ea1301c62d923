"""Tensor: values, the order of the backward pass, and the accumulation of gradients."""

import gc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, mutually_broadcastable_shapes

from core.autograd import functional as F
from core.autograd.tensor import Tensor, unbroadcast

numbers = st.floats(-10, 10, width=32)


def leaf(value, dtype=np.float64) -> Tensor:
    return Tensor(np.array(value, dtype), requires_grad=True)


# Values


def test_a_formula_has_the_value_and_gradients_that_calculus_gives():
    a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    f = F.pow_two(F.add(F.mul(F.pow_two(a), b), b))
    f.backward()
    assert (f.item(), a.grad, b.grad) == (225, 360, 150)
    assert (a.grad.shape, b.grad.shape) == ((), ())


def test_the_same_formula_can_be_written_with_operators():
    a, b = Tensor(2, requires_grad=True), Tensor(3, requires_grad=True)
    f = (a**2 * b + b) ** 2
    f.backward()
    assert (f.item(), a.grad, b.grad) == (225, 360, 150)


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (Tensor(225.0), "Tensor(225.0)"),
        (Tensor(3), "Tensor(3.0)"),
        (Tensor(np.float32(0.1)), "Tensor(0.1, dtype=float32)"),
        (Tensor([1, 2.5]), "Tensor([1. , 2.5], shape=(2,))"),
        (Tensor([[1, 2], [3, 4]]), "Tensor([[1., 2.],\n        [3., 4.]], shape=(2, 2))"),
    ],
)
def test_repr_shows_the_value(tensor, text):
    assert repr(tensor) == text


@pytest.mark.parametrize("value", [2, True, [1, 2], np.arange(3), np.float16(1), Tensor(1.0)])
def test_values_other_than_float32_become_float64(value):
    assert Tensor(value).dtype == np.float64


def test_floating_point_arrays_keep_their_dtype_and_share_their_memory():
    for dtype in (np.float32, np.float64):
        array = np.zeros(3, dtype)
        assert Tensor(array).dtype == dtype
        assert np.shares_memory(Tensor(array).data, array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients_keep_the_dtype_of_the_leaves(dtype):
    x, weight, bias = leaf(np.ones((2, 3)), dtype), leaf(np.ones((3, 4)), dtype), leaf(np.ones(4), dtype)
    hidden = F.tanh(F.relu(F.linear(x, weight, bias)) * 2 - 0.5) ** 2 / 3 + F.exp(-F.sigmoid(bias)) + 1
    loss = F.cross_entropy(hidden, [0, 1]) + hidden.mean() + F.log(hidden.sum())
    loss.backward()
    assert {t.dtype for t in (hidden, loss, x.grad, weight.grad, bias.grad)} == {np.dtype(dtype)}


def test_numbers_and_arrays_work_on_either_side_of_an_operator():
    two, array = Tensor(2.0), np.array([1.0, 4.0])
    assert [(two + 1).item(), (1 + two).item(), (two - 5).item(), (5 - two).item()] == [3, 3, -3, 3]
    assert [(two * 3).item(), (3 * two).item(), (two / 4).item(), (4 / two).item()] == [6, 6, 0.5, 2]
    assert [(two**3).item(), (3**two).item(), (-two).item()] == [8, 9, -2]
    for result, expected in [
        (array + two, [3, 6]),
        (array - two, [-1, 2]),
        (array * two, [2, 8]),
        (array / two, [0.5, 2]),
        (np.eye(2) @ Tensor([[1.0, 2.0], [3.0, 4.0]]), [[1, 2], [3, 4]]),
    ]:
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.data, expected)


# Accumulation of gradients


def test_a_tensor_used_twice_gets_the_sum_of_both_gradients():
    x = leaf(3)
    (x + x).backward()
    assert x.grad == 2
    y = leaf(3)
    (y * y).backward()
    assert y.grad == 6


def test_gradients_flow_along_both_sides_of_a_diamond():
    x = leaf(1.5)
    left, right = x * x, F.exp(x)
    (left * right).backward()  # d(x² eˣ) = (2x + x²) eˣ
    np.testing.assert_allclose(x.grad, (2 * 1.5 + 1.5**2) * np.exp(1.5), rtol=1e-14)
    assert left.grad == right.data
    assert right.grad == left.data


def test_a_node_passes_its_gradient_on_only_when_it_is_complete():
    x = leaf(2)
    y = x * 1  # used at two depths: by z, and by the result beside z
    z = y * y
    (z * y).backward()  # y³
    assert x.grad == 12


def test_gradients_are_summed_over_broadcast_axes():
    a, b, c = leaf(np.arange(12).reshape(3, 4)), leaf([1, 2, 3, 4]), leaf([[5, 6, 7, 8]])
    weights = np.arange(12.0).reshape(3, 4) ** 2
    ((a + b + c) * weights).sum().backward()
    np.testing.assert_array_equal(a.grad, weights)
    np.testing.assert_array_equal(b.grad, weights.sum(axis=0))
    np.testing.assert_array_equal(c.grad, weights.sum(axis=0, keepdims=True))


@given(st.data(), mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4))
def test_unbroadcast_is_the_transpose_of_broadcast(data, shapes):
    """That is: <broadcast(x), y> = <x, unbroadcast(y)> for all x and y."""
    shape, result = shapes.input_shapes[0], shapes.result_shape
    x = data.draw(arrays(np.float64, shape, elements=st.integers(-9, 9)))
    y = data.draw(arrays(np.float64, result, elements=st.integers(-9, 9)))
    back = unbroadcast(y, shape)
    assert back.shape == shape
    assert (np.broadcast_to(x, result) * y).sum() == (x * back).sum()


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
def test_a_gradient_has_the_shape_of_its_tensor(shapes):
    a, b, c = (leaf(np.full(shape, 0.5)) for shape in shapes.input_shapes)
    middle = a * b - c / b
    result = (F.tanh(middle) + a).sum()
    result.backward()
    for tensor in (a, b, c, middle, result):
        assert isinstance(tensor.grad, np.ndarray)
        assert tensor.grad.shape == tensor.data.shape


@given(st.data(), array_shapes(max_dims=2, max_side=4), numbers, numbers)
def test_backward_is_linear_in_the_incoming_gradient(data, shape, alpha, beta):
    value, first, second = (data.draw(arrays(np.float64, shape, elements=numbers)) for _ in range(3))

    def gradient(arriving: np.ndarray) -> np.ndarray:
        x = leaf(value)
        (F.sigmoid(x) * x + F.tanh(x) / 3).backward(arriving)
        return x.grad

    together = gradient(alpha * first + beta * second)
    np.testing.assert_allclose(together, alpha * gradient(first) + beta * gradient(second), rtol=1e-9, atol=1e-9)


def test_backward_accumulates_until_zero_grad():
    x = leaf([1, 2])
    y = F.pow_two(x).sum()
    y.backward()
    y.backward()  # the same graph again: gradients stored inside it must not count twice
    np.testing.assert_array_equal(x.grad, [4, 8])
    (x * 3).sum().backward()  # another graph
    np.testing.assert_array_equal(x.grad, [7, 11])
    x.zero_grad()
    assert x.grad is None
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_gradients_of_a_deep_graph_match_pytorch():
    value = np.random.default_rng(0).normal(size=(3, 3))

    def mix(x, tanh, matmul):
        y = x
        for _ in range(6):
            y = tanh(matmul(y, y) * 0.3 + x) - y * 0.5
        return y.sum()

    ours, theirs = leaf(value), torch.tensor(value, requires_grad=True)
    mix(ours, F.tanh, F.matmul).backward()
    mix(theirs, torch.tanh, torch.matmul).backward()
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("length", [2_000, 20_000])
def test_a_long_chain_does_not_exceed_the_recursion_limit(length):
    x = leaf(1)
    y = x
    for _ in range(length):
        y = y + x * 0.001
    y.backward()
    np.testing.assert_allclose(x.grad, 1 + 0.001 * length, rtol=1e-9)
    del y
    gc.collect()  # freeing the chain must not recurse either


def test_a_graph_with_many_paths_takes_linear_time():
    """60 doublings make 2⁶⁰ paths from x to y, too many to follow one by one."""
    x = leaf(1)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2**60


def test_only_tensors_that_require_a_gradient_get_one_and_are_recorded():
    x, constant = leaf(2), Tensor(3.0)
    (x * constant).backward()
    assert x.grad == 3
    assert constant.grad is None
    unrecorded = constant * 2
    assert not unrecorded.requires_grad
    assert unrecorded.parents == ()


def test_changing_a_gradient_in_place_changes_no_other():
    """A student may scale one, to clip it for example."""
    a, b, c = leaf([1, 2]), leaf([3, 4]), leaf([5, 6])
    arriving = np.ones(2)
    (a + b).backward(arriving)
    c.sum().backward()
    a.grad *= 10
    c.grad *= 10
    np.testing.assert_array_equal(b.grad, [1, 1])
    np.testing.assert_array_equal(c.grad, [10, 10])
    np.testing.assert_array_equal(arriving, [1, 1])


# Errors


def test_errors_of_backward_name_the_requirement():
    with pytest.raises(RuntimeError, match="needs a Tensor made from one with requires_grad=True"):
        (Tensor(1.0) + 1).backward()
    with pytest.raises(ValueError, match=r"starts from a single number, but this Tensor has shape \(2,\): sum it up"):
        leaf([1, 2]).backward()
    with pytest.raises(ValueError, match=r"the gradient must have the Tensor's shape \(2,\), not \(3,\)"):
        leaf([1, 2]).backward(np.ones(3))


def test_a_rejected_backward_changes_nothing():
    x = leaf([1, 2])
    with pytest.raises(ValueError, match="single number"):
        (x * 2).backward()
    assert x.grad is None
