"""What every gate, candidate, cell state and hidden state was at every character, and an order that shows structure."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.cluster.hierarchy import leaves_list, linkage

from core.memorize import bptt
from core.memorize.lstm import Model


@dataclass(frozen=True)
class Activity:
    """Of every layer, at every step, every unit; arrays (num_layers, seq_len, hidden_size), as the formulas name them.

    forget, input, output: the gates, 0 (closed) to 1 (open). candidate: what could be written, -1 to 1.
    cell: the memory after the step. hidden: what the next layer and the next step see, -1 to 1.
    """

    forget: np.ndarray
    input: np.ndarray
    output: np.ndarray
    candidate: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray


QUANTITIES = tuple(field.name for field in fields(Activity))


def record(model: Model, inputs: torch.Tensor) -> Activity:
    """Run the model over inputs (seq_len, 1, input_size) from zero states, and keep what happens inside.

    It is what the forward pass of core/bptt.py keeps for its way back.
    """
    layers = []
    sequence = inputs
    for cell in model.lstm.cells:
        zeros = sequence.new_zeros(1, cell.hidden_size)
        gates, h, c, _ = bptt.run_forward(sequence, zeros, zeros, *cell.parameters())
        i, f, g, o = gates[:, 0].swapaxes(0, 1)  # (seq_len, H) each
        layers.append([f, i, o, g, c[1:, 0], h[1:, 0]])  # in the order of Activity's fields
        sequence = torch.from_numpy(h[1:])
    return Activity(*np.stack(layers, axis=1))


def order_by_similarity(values: np.ndarray) -> np.ndarray:
    """An order of the units in which those that move alike are neighbours. values: (seq_len, hidden_size).

    Hierarchical clustering of the units' correlations by average linkage, leaves in the best order (Bar-Joseph et al.
    2001).
    """
    if values.shape[1] < 3:
        return np.arange(values.shape[1])
    centered = values.T - values.T.mean(axis=1, keepdims=True)  # (hidden_size, seq_len)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    unit = np.divide(
        centered, lengths, out=np.zeros_like(centered), where=lengths > 1e-9
    )  # one that never moves: zeros
    return leaves_list(linkage(unit, "average", optimal_ordering=True))


def order_by_peak(values: np.ndarray) -> np.ndarray:
    """The units by the step at which they are furthest above their own mean: a diagonal shows who is busy when."""
    return np.argsort((values - values.mean(axis=0)).argmax(axis=0), kind="stable")


def order_by_number(values: np.ndarray) -> np.ndarray:
    """The units as they are numbered."""
    return np.arange(values.shape[1])
