"""Weights learned with one alphabet, reused with another: a trained network continues with a new sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

TOKENS = (0, 1)  # START and END come first in every alphabet
# The axis along which a weight is indexed by token id, by the ending of the weight's name.
ALPHABET_AXES = {"linear.weight": 0, "linear.bias": 0, "cells.0.weight_ih": 1, "weight_ih_l0": 1}


def translate(
    weights: Mapping[str, np.ndarray],
    old_symbols: Sequence[str],
    initial: Mapping[str, np.ndarray],
    new_symbols: Sequence[str],
) -> dict[str, np.ndarray]:
    """Convert weights learned with the characters `old_symbols` for a model with `new_symbols`.

    Characters in both alphabets keep their weights; new characters get theirs from `initial`, the newly initialised
    weights of the model with `new_symbols`. Weights without an alphabet axis, or of another size, are left unchanged.
    """
    common = [symbol for symbol in new_symbols if symbol in old_symbols]
    old_ids, new_ids = (
        [*TOKENS, *(len(TOKENS) + symbols.index(symbol) for symbol in common)] for symbols in (old_symbols, new_symbols)
    )
    translated = dict(weights)
    for name, weight in weights.items():
        axis = next((axis for ending, axis in ALPHABET_AXES.items() if name.endswith(ending)), None)
        if axis is not None and name in initial and other_sizes(weight, axis) == other_sizes(initial[name], axis):
            translated[name] = initial[name].copy()
            np.moveaxis(translated[name], axis, 0)[new_ids] = np.moveaxis(weight, axis, 0)[old_ids]
    return translated


def other_sizes(weight: np.ndarray, axis: int) -> tuple[int, ...]:
    """Return the shape without this axis."""
    return weight.shape[:axis] + weight.shape[axis + 1 :]
