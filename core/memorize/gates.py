"""Gates and states of every unit at every character, and orders of the units that make their structure visible."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.cluster.hierarchy import leaves_list, linkage

from core.memorize.bptt import Memory, array, run_forward
from core.memorize.lstm import Model


@dataclass(frozen=True)
class Activity:
    """Gates and states of every layer, step and unit; arrays (num_layers, seq_len, hidden_size).

    Attributes:
        forget, input, output: the gates f, i, o, from 0 (closed) to 1 (open).
        candidate: the candidate g, from -1 to 1.
        cell: the cell state c after the step.
        hidden: the hidden state h after the step, from -1 to 1.
    """

    forget: np.ndarray
    input: np.ndarray
    output: np.ndarray
    candidate: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray


QUANTITIES = tuple(field.name for field in fields(Activity))


def record(model: Model, inputs: torch.Tensor) -> Activity:
    """Run the model on inputs (seq_len, 1, input_size) from zero states and record its gates and states.

    These are the arrays that the forward pass of core/memorize/bptt.py saves for backpropagation.
    """
    sequence, lstm = array(inputs), model.lstm
    zeros = np.zeros((lstm.num_layers, 1, lstm.hidden_size), sequence.dtype)
    memory = Memory.allocate(len(sequence), zeros, zeros)
    run_forward(sequence, memory, [tuple(map(array, cell.parameters())) for cell in lstm.cells])
    i, f, g, o = memory.gates[:, :, 0].transpose(2, 0, 1, 3)
    return Activity(f, i, o, g, memory.c[:, 1:, 0], memory.h[:, 1:, 0])


def order_by_similarity(values: np.ndarray) -> np.ndarray:
    """Order the units so that units with similar activity are neighbours. values: (seq_len, hidden_size).

    Hierarchical clustering of the units' correlations with average linkage and optimal leaf ordering (Bar-Joseph et
    al. 2001).
    """
    if values.shape[1] < 3:
        return np.arange(values.shape[1])
    centered = values.T - values.T.mean(axis=1, keepdims=True)  # (hidden_size, seq_len)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    normalized = np.divide(centered, lengths, out=np.zeros_like(centered), where=lengths > 1e-9)  # constant units: 0
    return leaves_list(linkage(normalized, "average", optimal_ordering=True))


def order_by_peak(values: np.ndarray) -> np.ndarray:
    """Order the units by the step at which they are furthest above their own mean, which shows as a diagonal."""
    return np.argsort((values - values.mean(axis=0)).argmax(axis=0), kind="stable")


def order_by_number(values: np.ndarray) -> np.ndarray:
    """Order the units by their number."""
    return np.arange(values.shape[1])
