"""The operations of the engine: each with its backward rule directly below its forward.

Every operation takes Tensors, arrays or numbers and returns a Tensor. Its inner `backward(grad)` takes
dL/d(result) and returns dL/d(input) for each input, where L is the number that `Tensor.backward()` was
called on. `Tensor.backward()` also undoes broadcasting, so the rules here need not.
"""

from __future__ import annotations

import numpy as np

from core.autograd.tensor import Tensor, sum_rows
from core.jit import jit


def as_tensors(*values) -> tuple[Tensor, ...]:
    """Convert the values to Tensors; plain Python numbers take the type of the Tensors beside them, as in NumPy."""
    if all(isinstance(value, Tensor) for value in values):  # the usual case, and the fastest
        return values
    dtypes = [value.dtype for value in values if isinstance(value, Tensor | np.ndarray)]
    dtype = np.result_type(np.float32, *dtypes) if dtypes else np.float64
    return tuple(
        value if isinstance(value, Tensor) else Tensor(np.asarray(value, dtype=dtype if np.isscalar(value) else None))
        for value in values
    )


def add(a, b) -> Tensor:
    """Sum a + b: changing a or b by ε changes the sum by ε."""
    a, b = as_tensors(a, b)

    def backward(grad):
        return grad, grad

    return Tensor.result(a.data + b.data, (a, b), backward, "add")


def sub(a, b) -> Tensor:
    """Difference a - b."""
    a, b = as_tensors(a, b)

    def backward(grad):
        return grad, -grad

    return Tensor.result(a.data - b.data, (a, b), backward, "sub")


def neg(a) -> Tensor:
    """Negative -a."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (-grad,)

    return Tensor.result(-a.data, (a,), backward, "neg")


def mul(a, b) -> Tensor:
    """Product a · b, element by element: d(ab)/da = b and d(ab)/db = a."""
    a, b = as_tensors(a, b)

    def backward(grad):
        return grad * b.data, grad * a.data

    return Tensor.result(a.data * b.data, (a, b), backward, "mul")


def div(a, b) -> Tensor:
    """Quotient a / b, element by element: d(a/b)/da = 1/b and d(a/b)/db = -(a/b)/b (b² could overflow)."""
    a, b = as_tensors(a, b)
    quotient = a.data / b.data

    def backward(grad):
        return grad / b.data, -grad * (quotient / b.data)

    return Tensor.result(quotient, (a, b), backward, "div")


def pow_two(a) -> Tensor:
    """Square a²: d(a²)/da = 2a."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (grad * (2 * a.data),)

    return Tensor.result(a.data * a.data, (a,), backward, "pow_two")


def pow(a, b) -> Tensor:
    """Power aᵇ: d(aᵇ)/da = b·aᵇ⁻¹ and d(aᵇ)/db = aᵇ·ln a (for a > 0)."""
    a, b = as_tensors(a, b)
    power = a.data**b.data

    def backward(grad):
        constant = b.data == 0  # a⁰ is 1 for every a
        slope = b.data * a.data ** np.where(constant, 1, b.data - 1)
        by_base = np.where(constant, power.dtype.type(0), grad * slope)
        if not b.requires_grad:
            return by_base, None
        stays_zero = (a.data == 0) & (b.data >= 0)  # 0ᵇ stays 0 if b changes
        return by_base, grad * (power * np.log(np.where(stays_zero, 1, a.data)))

    return Tensor.result(power, (a, b), backward, "pow")


def exp(a) -> Tensor:
    """Exponential eᵃ, which is its own derivative."""
    (a,) = as_tensors(a)
    power = np.exp(a.data)

    def backward(grad):
        return (grad * power,)

    return Tensor.result(power, (a,), backward, "exp")


def log(a) -> Tensor:
    """Natural logarithm: d(ln a)/da = 1/a."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (grad / a.data,)

    return Tensor.result(np.log(a.data), (a,), backward, "log")


def tanh(a) -> Tensor:
    """Hyperbolic tangent t: dt/da = 1 - t²."""
    (a,) = as_tensors(a)
    t = np.tanh(a.data)

    def backward(grad):
        return (grad * (1 - t * t),)

    return Tensor.result(t, (a,), backward, "tanh")


def sigmoid(a) -> Tensor:
    """Logistic function s = 1 / (1 + e⁻ᵃ): ds/da = s·(1 - s). Only e to a negative power is computed: no overflow."""
    (a,) = as_tensors(a)
    small = np.exp(-np.abs(a.data))  # from 0 to 1
    s = np.where(a.data < 0, small, small.dtype.type(1)) / (1 + small)

    def backward(grad):
        return (grad * ((1 - s) * s),)

    return Tensor.result(s, (a,), backward, "sigmoid")


def relu(a) -> Tensor:
    """Rectifier max(a, 0): the gradient passes where a > 0 and is stopped elsewhere (at 0, too)."""
    (a,) = as_tensors(a)
    rectified = np.maximum(a.data, 0)

    def backward(grad):
        return (_keep_where_positive(grad, rectified),)

    return Tensor.result(rectified, (a,), backward, "relu")


def _keep_where_positive(grad: np.ndarray, rectified: np.ndarray) -> np.ndarray:
    """Return the gradient, but 0 where the rectified value is 0; a product would be NaN for an infinite gradient."""
    passed = np.empty_like(rectified)
    _choose(grad.reshape(-1), rectified.reshape(-1), passed.reshape(-1))
    return passed


@jit
def _choose(grad, rectified, passed):
    """Write the result of `_keep_where_positive` into `passed`. Compiled, because np.where is ten times slower."""
    for i in range(grad.size):
        passed[i] = 0 if rectified[i] <= 0 else grad[i]


def sqrt(a) -> Tensor:
    """Square root √a for a ≥ 0: d(√a)/da = 1 / (2√a), which is infinite at 0."""
    (a,) = as_tensors(a)
    root = np.sqrt(a.data)

    def backward(grad):
        return (grad / (2 * root),)

    return Tensor.result(root, (a,), backward, "sqrt")


def sin(a) -> Tensor:
    """Sine of a in radians: d(sin a)/da = cos a."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (grad * np.cos(a.data),)

    return Tensor.result(np.sin(a.data), (a,), backward, "sin")


def cos(a) -> Tensor:
    """Cosine of a in radians: d(cos a)/da = -sin a."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (-grad * np.sin(a.data),)

    return Tensor.result(np.cos(a.data), (a,), backward, "cos")


def abs(a) -> Tensor:
    """Absolute value |a|: the gradient passes where a > 0, changes its sign where a < 0, and is stopped at 0."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (grad * np.sign(a.data),)

    return Tensor.result(np.abs(a.data), (a,), backward, "abs")


def step(a) -> Tensor:
    """Unit step: 1 where a > 0, else 0. It is flat on both sides, so no gradient passes. It is relu's derivative."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (np.zeros_like(grad),)

    return Tensor.result(np.where(a.data > 0, 1, 0).astype(a.dtype), (a,), backward, "step")


def sum(a) -> Tensor:
    """Sum of all elements: the derivative with respect to each is 1."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (np.broadcast_to(grad, a.shape),)

    return Tensor.result(a.data.sum(), (a,), backward, "sum")


def mean(a) -> Tensor:
    """Mean of all n elements: the derivative with respect to each is 1/n."""
    (a,) = as_tensors(a)

    def backward(grad):
        return (np.broadcast_to(grad / a.data.size, a.shape),)

    return Tensor.result(a.data.mean(), (a,), backward, "mean")


def matmul(a, b) -> Tensor:
    """Matrix product a @ b, (n, k) @ (k, m) -> (n, m): dL/da = grad @ bᵀ and dL/db = aᵀ @ grad.

    Raises ValueError if a or b is not a matrix or the inner sizes differ.
    """
    a, b = as_tensors(a, b)
    if a.data.ndim != 2 or b.data.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"matmul needs matrices (n, k) and (k, m); it got shapes {a.shape} and {b.shape}.")

    def backward(grad):
        return (
            grad @ b.data.T if a.requires_grad else None,
            a.data.T @ grad if b.requires_grad else None,
        )

    return Tensor.result(a.data @ b.data, (a, b), backward, "matmul")


def linear(x, weight, bias) -> Tensor:
    """Compute x @ weight + bias.

    x: (batch, in), weight: (in, out), bias: (out,) -> (batch, out).
    The bias is added to every row of the batch, so its gradient is the sum over the rows.
    Raises ValueError if the shapes do not match.
    """
    x, weight, bias = check_linear(x, weight, bias)
    out = x.data @ weight.data
    out += bias.data

    def backward(grad):
        return (
            grad @ weight.data.T if x.requires_grad else None,  # the input images need no gradient
            x.data.T @ grad if weight.requires_grad else None,
            sum_rows(grad) if bias.requires_grad else None,
        )

    return Tensor.result(out, (x, weight, bias), backward, "linear")


def linear_relu(x, weight, bias) -> Tensor:
    """Compute relu(linear(x, weight, bias)), the same numbers with fewer passes over them.

    The gradient passes where the result is positive, as in `relu`; the rest is as in `linear`.
    """
    x, weight, bias = check_linear(x, weight, bias)
    rectified = x.data @ weight.data
    _add_and_rectify(rectified, bias.data)

    def backward(grad):
        grad = _keep_where_positive(grad, rectified)
        return (
            grad @ weight.data.T if x.requires_grad else None,
            x.data.T @ grad if weight.requires_grad else None,
            sum_rows(grad) if bias.requires_grad else None,
        )

    return Tensor.result(rectified, (x, weight, bias), backward, "linear_relu")


def check_linear(x, weight, bias) -> tuple[Tensor, ...]:
    """Convert the arguments of `linear` to Tensors. Raises ValueError if their shapes do not match."""
    x, weight, bias = as_tensors(x, weight, bias)
    if x.data.ndim != 2 or weight.data.ndim != 2 or x.shape[1] != weight.shape[0] or bias.shape != weight.shape[1:]:
        raise ValueError(
            "linear needs x (batch, in), weight (in, out) and bias (out,); "
            f"it got {x.shape}, {weight.shape} and {bias.shape}."
        )
    return x, weight, bias


@jit
def _add_and_rectify(out, bias):
    """Replace `out` by max(out + bias, 0), in one pass; NaN stays NaN."""
    for row in range(len(out)):
        for i in range(len(bias)):
            value = out[row, i] + bias[i]
            out[row, i] = 0 if value <= 0 else value


def dropout(x, p: float, rng: np.random.Generator) -> Tensor:
    """Zero each element with probability p and scale the others by 1/(1 - p), which keeps the mean.

    x: any shape. p: from 0 to less than 1. Srivastava et al., "Dropout", JMLR 15 (2014), in its inverted form.
    """
    (x,) = as_tensors(x)
    mask = (rng.random(x.shape, dtype=np.float32) >= p).astype(x.dtype)
    mask /= 1 - p

    def backward(grad):
        return (grad * mask,)

    return Tensor.result(x.data * mask, (x,), backward, "dropout")


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax of every row. logits: (batch, classes) array -> the same shape.

    The largest logit is subtracted first: this changes no probability and prevents overflow.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(logits, targets, label_smoothing: float = 0.0) -> Tensor:
    """Mean over the batch of -log softmax(logits)[target].

    logits: (batch, classes); targets: (batch,) integers from 0 to classes - 1 -> a single number.
    label_smoothing: probability taken from the target class and spread evenly over all: Szegedy et al., "Rethinking the
    Inception Architecture for Computer Vision" (2016), section 7.
    The gradient is (softmax(logits) - target distribution) / batch; without label smoothing, the distribution is
    one_hot(targets): Bishop, "Pattern Recognition and Machine Learning" (2006), eq. 4.109.
    Raises ValueError if the shapes do not match, or a target or the label smoothing is out of range.
    """
    (logits,) = as_tensors(logits)
    targets = np.asarray(targets)
    if logits.data.ndim != 2 or targets.shape != logits.shape[:1] or not len(targets):
        raise ValueError(
            "cross_entropy needs logits (batch, classes) and targets (batch,), at least one; "
            f"it got {logits.shape} and {targets.shape}."
        )
    if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= logits.shape[1]:
        raise ValueError(f"targets must be whole numbers from 0 to {logits.shape[1] - 1}.")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1, but it is {label_smoothing}.")
    rows = np.arange(len(targets))
    log_probabilities = log_softmax(logits.data)
    loss = -log_probabilities[rows, targets].mean()
    if label_smoothing:
        loss = (1 - label_smoothing) * loss - label_smoothing * log_probabilities.mean()

    def backward(grad):
        slope = np.exp(log_probabilities)
        if label_smoothing:
            slope -= label_smoothing / logits.shape[1]
        slope[rows, targets] -= 1 - label_smoothing
        slope *= grad / len(targets)
        return (slope,)

    return Tensor.result(loss, (logits,), backward, "cross_entropy")


def mse_loss(predictions, targets) -> Tensor:
    """Mean of the squared differences (prediction - target)².

    predictions, targets: the same shape, with at least one element -> a single number.
    The gradient is 2 (prediction - target) / n, where n is the number of elements; the target's is its negative.
    Raises ValueError if the shapes differ: broadcasting (n, 1) against (n,) would compare every pair.
    """
    predictions, targets = as_tensors(predictions, targets)
    if predictions.shape != targets.shape or not predictions.data.size:
        raise ValueError(
            "mse_loss needs predictions and targets of the same shape, with at least one element; "
            f"it got {predictions.shape} and {targets.shape}."
        )
    differences = predictions.data - targets.data

    def backward(grad):
        slope = differences * differences.dtype.type(2 / differences.size) * grad
        return slope, -slope

    return Tensor.result((differences * differences).mean(), (predictions, targets), backward, "mse_loss")
