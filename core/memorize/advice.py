"""Advice on a run that did not learn its sentence: what its loss says about the settings."""

from __future__ import annotations

from collections.abc import Sequence

from core.memorize.config import MemorizeConfig
from core.memorize.training import MemorizeEpoch
from core.text import graphemes

CHARACTERS_PER_UNIT = 10  # with less than one unit per ten characters, 1,000 epochs are not enough for the example


def advice(config: MemorizeConfig, history: Sequence[MemorizeEpoch]) -> str:
    """Say why the network does not generate the whole sentence, and what to change. history: at least one epoch.

    The first reason that the loss shows is given: it rose, units are few, it falls slowly, it still falls.
    """
    first, last = history[0], history[-1]
    highest = max(epoch.loss for epoch in history)
    before = history[int(0.8 * (len(history) - 1))].loss
    whole = next((epoch.epoch + 1 for epoch in history if epoch.char_accuracy == 1), None)
    characters, units = len(graphemes(config.sentence)), config.hidden_size
    if whole:
        return (
            f"The network knew the sentence after {whole} epochs and lost it again: the loss jumped up, because Adam's "
            f"steps do not shrink with the gradient. Train a little longer, or lower the learning rate ({last.lr:g})."
        )
    if highest > 1.15 * first.loss:
        return (
            f"The loss rose to {highest:.3g}, above the {first.loss:.3g} of random guessing: the learning rate "
            f"({last.lr:g}) is too high. Try {min(MemorizeConfig.lr, last.lr / 10):g}."
        )
    if units * CHARACTERS_PER_UNIT < characters:
        return (
            f"{units} {'unit' if units == 1 else 'units'} per layer can hardly tell the positions of {characters} "
            f"characters apart: the loss is still {last.loss:.3g}. Choose a larger hidden size."
        )
    if last.lr < MemorizeConfig.lr / 3 and last.loss < before:
        return (
            f"The loss falls, but slowly: from {first.loss:.3g} to {last.loss:.3g} in {len(history)} epochs. The "
            f"learning rate ({last.lr:g}) is low. Try {10 * last.lr:g}."
        )
    if last.loss < 0.9 * before:
        return f"The loss is still falling: it is {last.loss:.3g} after {len(history)} epochs. Train for more epochs."
    return f"The loss no longer falls: it is {last.loss:.3g}. Try a larger hidden size or another learning rate."
