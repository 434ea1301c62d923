"""Settings of a memorize run, and the check of its sentence."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from core.memorize.lstm import BACKENDS
from core.memorize.rnn_variants import CELLS
from core.text import graphemes, unify_line_breaks
from core.training import check_name, check_range

EXAMPLE_SENTENCE = "hello pytorch, how long can a rnn cell remember? show me your limit!"
MAX_CHARACTERS = 2_000
MAX_CODE_POINTS = 8 * MAX_CHARACTERS  # one character, such as a family emoji, may consist of many


@dataclass(frozen=True)
class MemorizeConfig:
    """All settings of a run; the same config gives the same curve.

    Attributes:
        sentence: the text to memorise, 1 to 2,000 characters. Line breaks of any kind become line feeds.
        hidden_size: units per layer.
        num_layers: recurrent layers.
        lr: Adam's learning rate.
        epochs: passes over the whole sentence, with one optimizer step each.
        seed: seed of the initial weights.
        cell: the recurrent layer, one of CELLS.
        stop_when_learned: stop as soon as the whole sentence is generated correctly.
        backend: how MyLSTM's gradients are computed, one of BACKENDS.

    Raises ValueError with a message for students if a field is invalid.
    """

    sentence: str = EXAMPLE_SENTENCE
    hidden_size: int = 64
    num_layers: int = 2
    lr: float = 0.01
    epochs: int = 300
    seed: int = 0
    cell: str = "MyLSTM"
    stop_when_learned: bool = False
    backend: str = "bptt"

    def __post_init__(self):
        check_sentence(self.sentence)
        object.__setattr__(self, "sentence", unify_line_breaks(self.sentence))
        check_range("The hidden size", self.hidden_size, 1, 512, whole=True)
        check_range("The number of layers", self.num_layers, 1, 6, whole=True)
        check_range("The learning rate", self.lr, 1e-6, 10)
        check_range("The number of epochs", self.epochs, 1, 5_000, whole=True)
        check_range("The seed", self.seed, 0, 2**31 - 1, whole=True)
        check_name("The cell", self.cell, CELLS)
        check_name("The backend", self.backend, BACKENDS)


def check_sentence(sentence: str) -> None:
    """Raise ValueError with a message for students unless the sentence can be memorised."""
    empty = "There is nothing to memorise yet. Type a sentence with at least one visible character."
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError(empty)
    sentence = unify_line_breaks(sentence)
    for unit, length, limit in (
        ("characters", len(graphemes(sentence)), MAX_CHARACTERS),
        ("letters, accents and parts of emoji", len(sentence), MAX_CODE_POINTS),
    ):
        if length > limit:
            raise ValueError(
                f"The sentence has {length:,} {unit} and at most {limit:,} are allowed. Please shorten it."
            )
    for position, character in enumerate(graphemes(sentence), start=1):
        for symbol in character:
            if unicodedata.category(symbol) in ("Cc", "Cs") and symbol not in "\n\t":
                raise ValueError(
                    f"Character {position} is an invisible control character (U+{ord(symbol):04X}), which cannot be "
                    "shown. Please delete it. Letters, punctuation, emoji, spaces and line breaks are fine."
                )
    if all(unicodedata.category(symbol)[0] in "ZC" for symbol in sentence):  # spaces, joiners, direction marks
        raise ValueError(empty)
