"""Backpropagation through time by hand: MyLSTM's layers and their gradients, in loops that Numba compiles.

Forwards, the input of all steps meets its weights in one matrix product. Then, step by step:

    z = W_ih x + b_ih + W_hh h + b_hh
    i, f, g, o = σ(z_i), σ(z_f), tanh(z_g), σ(z_o)
    c ← f * c + i * g
    h ← o * tanh(c)

Backwards, dh and dc tell how the loss changes with the h and c of a step. They arrive from whatever uses its output
and from the step after it. The chain rule, applied to these lines from the last to the first, gives

    dz_o = dh * tanh(c) * o (1 - o)
    dc ← dc + dh * o * (1 - tanh²(c))
    dz_i, dz_f, dz_g = dc * g * i (1 - i),  dc * c_before * f (1 - f),  dc * i * (1 - g²)
    dc ← dc * f
    dh ← W_hhᵀ dz

for the step before. Once dz is known for all steps, the gradients of the weights and of the input are one product each.
(Werbos, "Backpropagation through time: what it does and how to do it", 1990.)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.jit import jit

# Exact in float32, and of that type: together with Python's own numbers, float32 would become float64.
HALF, ONE, TWO, REDUCTION, CLAMP = np.array([1 / 2, 1, 2, 1 / 32, 20], np.float32)
NUMERATOR = tuple(np.array([135135, 17325, 378], np.float32))
DENOMINATOR = tuple(np.array([135135, 62370, 3150, 28], np.float32))


@jit
def tanh(x):
    """Compute tanh to the last digit but one, without a branch, so that the processor can compute many at once.

    At y = x / 32 it is Lambert's continued fraction y / (1 + y² / (3 + y² / (5 + ...))), cut after the seventh level.
    From there, five times: tanh 2y = 2 tanh y / (1 + tanh² y).
    """
    y = min(max(x, -CLAMP), CLAMP) * REDUCTION
    s = y * y
    n0, n1, n2 = NUMERATOR
    d0, d1, d2, d3 = DENOMINATOR
    t = y * (n0 + s * (n1 + s * (n2 + s))) / (d0 + s * (d1 + s * (d2 + s * d3)))
    for _ in range(5):
        t = TWO * t / (ONE + t * t)
    return t


@jit
def sigmoid(x):
    """Compute 1 / (1 + e⁻ˣ), which is a scaled and shifted tanh."""
    return HALF + HALF * tanh(HALF * x)


@jit
def forward_steps(z, weight_hh, h, c, tanh_c):
    """Run all steps of a layer, in place.

    z (seq_len, batch, 4, H): W_ih x plus both biases; becomes i, f, g, o.
    h, c (seq_len + 1, batch, H): the state before the first step, then the state after every step (written).
    tanh_c (seq_len, batch, H): written.
    """
    seq_len, batch, _, hidden_size = z.shape
    for t in range(seq_len):
        recurrent = np.dot(h[t], weight_hh.T).reshape(batch, 4, hidden_size)
        for b in range(batch):
            for k in range(hidden_size):
                i = sigmoid(z[t, b, 0, k] + recurrent[b, 0, k])
                f = sigmoid(z[t, b, 1, k] + recurrent[b, 1, k])
                g = tanh(z[t, b, 2, k] + recurrent[b, 2, k])
                o = sigmoid(z[t, b, 3, k] + recurrent[b, 3, k])
                cell = f * c[t, b, k] + i * g
                shown = tanh(cell)
                z[t, b, 0, k], z[t, b, 1, k], z[t, b, 2, k], z[t, b, 3, k] = i, f, g, o
                c[t + 1, b, k], tanh_c[t, b, k], h[t + 1, b, k] = cell, shown, o * shown


@jit
def backward_steps(gates, weight_hh, c, tanh_c, d_output, dh, dc, dz):
    """Backpropagate through all steps of a layer, from the last to the first, in place.

    d_output (seq_len, batch, H): gradient that arrives at every h from above.
    dh, dc (batch, H): gradient of the last state; becomes that of the first.
    dz, shaped as gates: written.
    """
    seq_len, batch, _, hidden_size = gates.shape
    for t in range(seq_len - 1, -1, -1):
        for b in range(batch):
            for k in range(hidden_size):
                i, f, g, o = gates[t, b, 0, k], gates[t, b, 1, k], gates[t, b, 2, k], gates[t, b, 3, k]
                d_shown = dh[b, k] + d_output[t, b, k]
                d_cell = dc[b, k] + d_shown * o * (ONE - tanh_c[t, b, k] * tanh_c[t, b, k])
                dz[t, b, 0, k] = d_cell * g * i * (ONE - i)
                dz[t, b, 1, k] = d_cell * c[t, b, k] * f * (ONE - f)
                dz[t, b, 2, k] = d_cell * i * (ONE - g * g)
                dz[t, b, 3, k] = d_shown * tanh_c[t, b, k] * o * (ONE - o)
                dc[b, k] = d_cell * f
        np.dot(dz[t].reshape(batch, 4 * hidden_size), weight_hh, dh)


def run_forward(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh) -> tuple[np.ndarray, ...]:
    """Run a layer forward and return its gates (seq_len, batch, 4, H), h, c and tanh(c); see `forward_steps`."""
    x = array(input)
    z = rows(x) @ array(weight_ih).T
    z += array(bias_ih) + array(bias_hh)
    gates = z.reshape(*x.shape[:2], 4, h0.shape[1])
    h = np.empty((len(x) + 1, *h0.shape), x.dtype)
    c, tanh_c = np.empty_like(h), np.empty_like(h[1:])
    h[0], c[0] = array(h0), array(c0)
    forward_steps(gates, array(weight_hh), h, c, tanh_c)
    return gates, h, c, tanh_c


class Layer(torch.autograd.Function):
    """One layer over a sequence as a single autograd operation: input, h0, c0 and weights -> output, h, c."""

    @staticmethod
    def forward(ctx, input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh):
        """Run the layer and save its gates and states for `backward`."""
        ctx.activations = _, h, c, _ = run_forward(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh)
        ctx.save_for_backward(input, weight_ih, weight_hh)
        ctx.other_arguments = h0, c0, bias_ih, bias_hh  # may be changed in place before `backward`
        return tuple(torch.from_numpy(result.copy()) for result in (h[1:], h[-1], c[-1]))

    @staticmethod
    def backward(ctx, d_output, d_h, d_c):
        """Compute the gradients of all arguments of `forward` by backpropagation through time.

        With create_graph=True, differentiating them again raises RuntimeError.
        """
        input, weight_ih, weight_hh = ctx.saved_tensors
        gates, h, c, tanh_c = ctx.activations
        dh, dc, dz = array(d_h).copy(), array(d_c).copy(), np.empty_like(gates)
        backward_steps(gates, array(weight_hh), c, tanh_c, array(d_output), dh, dc, dz)

        dz = dz.reshape(-1, len(weight_hh))  # (seq_len * batch, 4H)
        d_input = torch.from_numpy(dz @ array(weight_ih)).view(input.shape) if ctx.needs_input_grad[0] else None
        gradients = dh, dc, dz.T @ rows(array(input)), dz.T @ rows(h[:-1]), dz.sum(axis=0)
        d_h0, d_c0, d_weight_ih, d_weight_hh, d_bias = map(torch.from_numpy, gradients)
        results = d_input, d_h0, d_c0, d_weight_ih, d_weight_hh, d_bias, d_bias
        if torch.is_grad_enabled():  # only with create_graph=True
            depends_on = *ctx.saved_tensors, *ctx.other_arguments, d_output, d_h, d_c
            return tuple(result if result is None else FirstDerivative.apply(result, *depends_on) for result in results)
        return results


class FirstDerivative(torch.autograd.Function):
    """A gradient that cannot be differentiated again.

    torch.autograd.function.once_differentiable is not enough: if the gradient that arrives from above is a constant, as
    for a plain sum of the outputs, it marks the results as constants, and a penalty on them would silently be ignored.
    """

    @staticmethod
    def forward(ctx, gradient, *depends_on):
        """Return the gradient, as a function of the tensors that it depends on."""
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx, grad):
        """Raise RuntimeError."""
        raise RuntimeError("The backend 'bptt' computes no second derivative. Use the backend 'torch' instead.")


def run_layer(cell, sequence: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run one layer over a sequence, with the same arguments and results as core.memorize.lstm.run_layer.

    Raises ValueError unless all tensors are on the CPU and of one type, float32 or float64.
    """
    tensors = sequence, *state, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    kinds = {(tensor.device.type, tensor.dtype) for tensor in tensors}
    if kinds not in ({("cpu", torch.float32)}, {("cpu", torch.float64)}):
        found = ", ".join(sorted(f"{dtype} on {device}" for device, dtype in kinds))
        raise ValueError(
            "The backend 'bptt' needs input, state and weights on the CPU, all float32 or all float64, "
            f"but got {found}. Use the backend 'torch' instead."
        )
    output, h, c = Layer.apply(*tensors)
    return output, (h, c)


def array(tensor: Tensor) -> np.ndarray:
    """Return the tensor as a contiguous array, without a copy if it is contiguous already."""
    return np.ascontiguousarray(tensor.detach().numpy())


def rows(array: np.ndarray) -> np.ndarray:
    """Reshape (seq_len, batch, size) to (seq_len * batch, size)."""
    return array.reshape(-1, array.shape[-1])
