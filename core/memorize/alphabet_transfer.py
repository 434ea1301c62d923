"""Weights of one alphabet for another: how a network that knows a sentence goes on with another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

TOKENS = (0, 1)  # START and END come first in every alphabet
# Where the alphabet is in a weight: the axis, by how the weight's name ends.
ALPHABET_AXES = {"linear.weight": 0, "linear.bias": 0, "cells.0.weight_ih": 1, "weight_ih_l0": 1}


def translate(
    weights: Mapping[str, np.ndarray], known: Sequence[str], fresh: Mapping[str, np.ndarray], wanted: Sequence[str]
) -> dict[str, np.ndarray]:
    """The weights of a model that learned with the characters `known`, for one with the characters `wanted`.

    What belongs to characters of both is taken over; a new character has the weights it has in `fresh`, which are newly
    drawn for `wanted`. Weights that have nothing to do with characters, or that would not fit, stay as they are.
    """
    shared = [symbol for symbol in wanted if symbol in known]
    theirs, ours = (
        [*TOKENS, *(len(TOKENS) + symbols.index(symbol) for symbol in shared)] for symbols in (known, wanted)
    )
    translated = dict(weights)
    for name, weight in weights.items():
        axis = next((axis for ending, axis in ALPHABET_AXES.items() if name.endswith(ending)), None)
        if axis is not None and name in fresh and other_sizes(weight, axis) == other_sizes(fresh[name], axis):
            translated[name] = fresh[name].copy()
            np.moveaxis(translated[name], axis, 0)[ours] = np.moveaxis(weight, axis, 0)[theirs]
    return translated


def other_sizes(weight: np.ndarray, axis: int) -> tuple[int, ...]:
    """The shape without this axis."""
    return weight.shape[:axis] + weight.shape[axis + 1 :]
