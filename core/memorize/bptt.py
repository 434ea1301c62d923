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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.jit import jit

# Exact in float32, and of that type: together with Python's own numbers, float32 would become float64.
HALF, ONE, TWO, REDUCTION, CLAMP = np.array([1 / 2, 1, 2, 1 / 32, 20], np.float32)
NUMERATOR = tuple(np.array([135135, 17325, 378, 1], np.float32) / np.float32(2**17))  # both begin near 1
DENOMINATOR = tuple(np.array([135135, 62370, 3150, 28], np.float32) / np.float32(2**17))


@jit
def tanh(x):
    """Compute tanh to the last digit but one, without a branch, so that the processor can compute many at once.

    At y = x / 32 it is Lambert's continued fraction y / (1 + y² / (3 + y² / (5 + ...))), cut after the seventh level.
    From there, five times: tanh 2y = 2 tanh y / (1 + tanh² y). Numerator and denominator are kept apart, because a
    division takes as long as ten products.
    """
    y = min(max(x, -CLAMP), CLAMP) * REDUCTION
    s = y * y
    n0, n1, n2, n3 = NUMERATOR
    d0, d1, d2, d3 = DENOMINATOR
    n, d = y * (n0 + s * (n1 + s * (n2 + s * n3))), d0 + s * (d1 + s * (d2 + s * d3))
    for _ in range(5):
        n, d = TWO * n * d, d * d + n * n
    return n / d


@jit
def sigmoid(x):
    """Compute 1 / (1 + e⁻ˣ), which is a scaled and shifted tanh."""
    return HALF + HALF * tanh(HALF * x)


@jit
def forward_step(z, recurrent, c_before, c, tanh_c, h):
    """Run one step of one sample. z, recurrent (4, H): W_ih x + b and W_hh h; z becomes i, f, g, o. Others (H,)."""
    for k in range(len(c)):
        i = sigmoid(z[0, k] + recurrent[0, k])
        f = sigmoid(z[1, k] + recurrent[1, k])
        g = tanh(z[2, k] + recurrent[2, k])
        o = sigmoid(z[3, k] + recurrent[3, k])
        cell = f * c_before[k] + i * g
        shown = tanh(cell)
        z[0, k], z[1, k], z[2, k], z[3, k] = i, f, g, o
        c[k], tanh_c[k], h[k] = cell, shown, o * shown


@jit
def forward_layer(x, weight_ih, weight_hh, bias_ih, bias_hh, gates, h, c, tanh_c):
    """Run all steps of a layer.

    x (seq_len, batch, input_size); weights as in MyLSTMCell.
    gates (seq_len, batch, 4, H): written; first W_ih x plus both biases, then i, f, g, o.
    h, c (seq_len + 1, batch, H): the state before the first step, then the state after every step (written).
    tanh_c (seq_len, batch, H): written.
    """
    seq_len, batch, _, hidden_size = gates.shape
    z = gates.reshape(seq_len * batch, 4 * hidden_size)
    np.dot(x.reshape(len(z), x.shape[2]), weight_ih.T, z)
    z += bias_ih + bias_hh
    weight_hh = np.ascontiguousarray(weight_hh.T)  # a product with h reads it row by row
    recurrent = np.empty((batch, 4 * hidden_size), z.dtype)
    recurrent_gates = recurrent.reshape(batch, 4, hidden_size)
    for t in range(seq_len):
        np.dot(h[t], weight_hh, recurrent)
        for b in range(batch):
            forward_step(gates[t, b], recurrent_gates[b], c[t, b], c[t + 1, b], tanh_c[t, b], h[t + 1, b])


@jit
def backward_step(gates, c_before, tanh_c, d_output, dh, dc, dz):
    """Backpropagate through one step of one sample: gates, dz (4, H), the others (H,). Writes dz and changes dc."""
    for k in range(len(dc)):
        i, f, g, o = gates[0, k], gates[1, k], gates[2, k], gates[3, k]
        d_shown = dh[k] + d_output[k]
        d_cell = dc[k] + d_shown * o * (ONE - tanh_c[k] * tanh_c[k])
        dz[0, k] = d_cell * g * i * (ONE - i)
        dz[1, k] = d_cell * c_before[k] * f * (ONE - f)
        dz[2, k] = d_cell * i * (ONE - g * g)
        dz[3, k] = d_shown * tanh_c[k] * o * (ONE - o)
        dc[k] = d_cell * f


@jit
def backward_layer(
    x, weight_ih, weight_hh, gates, h, c, tanh_c, d_output, dh, dc, d_weight_ih, d_weight_hh, d_bias, dx
):
    """Backpropagate through all steps of a layer, from the last to the first.

    x, weight_ih, weight_hh, gates, h, c, tanh_c: as `forward_layer` left them.
    d_output (seq_len, batch, H): gradient that arrives at every h from above.
    dh, dc (batch, H): gradient of the last state; becomes that of the first.
    d_weight_ih, d_weight_hh, d_bias, dx: written, in the shapes of the weights, a bias and x. dx may be empty.
    """
    seq_len, batch, _, hidden_size = gates.shape
    dz = np.empty(gates.shape, gates.dtype)
    rows = dz.reshape(seq_len * batch, 4 * hidden_size)
    for t in range(seq_len - 1, -1, -1):
        for b in range(batch):
            backward_step(gates[t, b], c[t, b], tanh_c[t, b], d_output[t, b], dh[b], dc[b], dz[t, b])
        np.dot(rows[t * batch : (t + 1) * batch], weight_hh, dh)
    np.dot(rows.T, x.reshape(len(rows), x.shape[2]), d_weight_ih)
    np.dot(rows.T, h[:seq_len].reshape(len(rows), hidden_size), d_weight_hh)
    d_bias[:] = 0
    for row in rows:
        d_bias += row
    if len(dx):
        np.dot(rows, weight_ih, dx.reshape(len(rows), x.shape[2]))


@dataclass
class Memory:
    """What the forward pass of all layers leaves for the backward pass.

    Attributes:
        gates: i, f, g, o after every step, (num_layers, seq_len, batch, 4, H).
        h, c: the state before the first step and after every step, (num_layers, seq_len + 1, batch, H).
        tanh_c: tanh of c after every step, (num_layers, seq_len, batch, H).
    """

    gates: np.ndarray
    h: np.ndarray
    c: np.ndarray
    tanh_c: np.ndarray

    @classmethod
    def allocate(cls, seq_len: int, h0: np.ndarray, c0: np.ndarray) -> Memory:
        """Make the arrays and copy the first states, (num_layers, batch, H) each, to their places.

        All share one block. The memory allocator would return several large blocks to the system after each pass, and
        the next pass would have to wait for cleared memory.
        """
        num_layers, batch, hidden_size = h0.shape
        outputs = num_layers * seq_len * batch * hidden_size
        states = outputs + h0.size
        block = np.empty(5 * outputs + 2 * states, h0.dtype)
        memory = cls(
            block[: 4 * outputs].reshape(num_layers, seq_len, batch, 4, hidden_size),
            block[4 * outputs : 4 * outputs + states].reshape(num_layers, seq_len + 1, batch, hidden_size),
            block[4 * outputs + states : -outputs].reshape(num_layers, seq_len + 1, batch, hidden_size),
            block[-outputs:].reshape(num_layers, seq_len, batch, hidden_size),
        )
        memory.h[:, 0], memory.c[:, 0] = h0, c0
        return memory


def run_forward(sequence: np.ndarray, memory: Memory, weights: Iterable[tuple[np.ndarray, ...]]) -> np.ndarray:
    """Run all layers over a sequence (seq_len, batch, input_size), and fill the memory that was allocated for them.

    weights: weight_ih, weight_hh, bias_ih, bias_hh of every layer.
    Returns the hidden states of the last layer, (seq_len, batch, H): a part of the memory.
    """
    for layer_weights, gates, h, c, tanh_c in zip(
        weights, memory.gates, memory.h, memory.c, memory.tanh_c, strict=True
    ):
        forward_layer(sequence, *layer_weights, gates, h, c, tanh_c)
        sequence = h[1:]
    return sequence


class Layers(torch.autograd.Function):
    """All layers over a sequence as a single autograd operation: input, h0, c0 and weights -> output, h, c.

    input (seq_len, batch, input_size); output (seq_len, batch, H); h0, c0, h, c (num_layers, batch, H). The weights are
    weight_ih, weight_hh, bias_ih, bias_hh of every layer.
    """

    @staticmethod
    def forward(ctx, input, h0, c0, *weights):
        """Run the layers and save their gates and states for `backward`."""
        ctx.memory = memory = Memory.allocate(len(input), array(h0), array(c0))
        output = run_forward(array(input), memory, by_layer(map(array, weights)))
        ctx.save_for_backward(input, *weights[0::4], *weights[1::4])
        ctx.other_arguments = h0, c0, *weights[2::4], *weights[3::4]  # not saved: they may be changed in place
        return tuple(torch.from_numpy(result.copy()) for result in (output, memory.h[:, -1], memory.c[:, -1]))

    @staticmethod
    def backward(ctx, d_output, d_h, d_c):
        """Compute the gradients of all arguments of `forward` by backpropagation through time.

        With create_graph=True, differentiating them again raises RuntimeError.
        """
        input, *weights = map(array, ctx.saved_tensors)
        memory, num_layers = ctx.memory, len(weights) // 2
        dh, dc, d_above = array(d_h).copy(), array(d_c).copy(), array(d_output)
        gradients: list[np.ndarray] = []
        for layer in reversed(range(num_layers)):
            x = memory.h[layer - 1, 1:] if layer else input
            weight_ih, weight_hh = weights[layer], weights[num_layers + layer]
            saved = memory.gates[layer], memory.h[layer], memory.c[layer], memory.tanh_c[layer]
            d_weight_ih, d_weight_hh, dx = np.empty_like(weight_ih), np.empty_like(weight_hh), np.empty_like(x)
            if not layer and not ctx.needs_input_grad[0]:
                dx = dx[:0]
            d_bias = np.empty(len(weight_ih), x.dtype)
            arriving = d_above, dh[layer], dc[layer]
            backward_layer(x, weight_ih, weight_hh, *saved, *arriving, d_weight_ih, d_weight_hh, d_bias, dx)
            gradients[:0] = d_weight_ih, d_weight_hh, d_bias, d_bias.copy()
            d_above = dx
        d_input = torch.from_numpy(d_above) if ctx.needs_input_grad[0] else None
        results = d_input, *map(torch.from_numpy, (dh, dc, *gradients))
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


def run_layers(cells, sequence: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run all layers over a sequence, with the same arguments and results as core.memorize.lstm.run_layers.

    Raises ValueError unless all tensors are on the CPU and of one type, float32 or float64.
    """
    weights = [weight for cell in cells for weight in (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)]
    tensors = sequence, *state, *weights
    dtype = sequence.dtype
    if dtype not in (torch.float32, torch.float64) or not all(t.is_cpu and t.dtype is dtype for t in tensors):
        found = ", ".join(sorted({f"{tensor.dtype} on {tensor.device.type}" for tensor in tensors}))
        raise ValueError(
            "The backend 'bptt' needs input, state and weights on the CPU, all float32 or all float64, "
            f"but got {found}. Use the backend 'torch' instead."
        )
    output, h, c = Layers.apply(sequence, *state, *weights)
    return output, (h, c)


def by_layer(weights: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
    """Group weights as (weight_ih, weight_hh, bias_ih, bias_hh) of each layer."""
    listed = iter(weights)
    return zip(listed, listed, listed, listed, strict=True)


def array(tensor: Tensor) -> np.ndarray:
    """Return the tensor as a contiguous array, without a copy if it is contiguous already."""
    return np.ascontiguousarray(tensor.detach().numpy())
