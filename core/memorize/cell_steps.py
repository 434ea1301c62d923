"""What an LSTM cell computes at every character of the sentence, and the lines of code that compute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.memorize.alphabet import Alphabet
from core.memorize.gates import QUANTITIES, record
from core.memorize.lstm import Model, MyLSTMCell
from core.memorize.predictions import teacher_forced, top
from core.source import source
from core.text import graphemes

MAX_CHARACTERS, MAX_UNITS = 200, 32

# The four stages of a step, and the parts of MyLSTMCell.step that compute them.
STAGES = {
    "read": ("gates = torch.addmm(projected, h, self.weight_hh.T)", "i, f, g, o = gates.chunk(4, dim=-1)"),
    "forget": ("torch.sigmoid(f) * c",),
    "write": ("torch.sigmoid(i) * torch.tanh(g)",),
    "show": ("h = torch.sigmoid(o) * torch.tanh(c)",),
}


@dataclass(frozen=True)
class CellSteps:
    """The steps of one layer: START first, then each character of the sentence, correct whatever was predicted.

    Attributes:
        inputs: the characters that are read; "" is START.
        targets: the correct next characters; "" is END.
        predictions: the most likely next characters according to the whole network; "" is START or END.
        probabilities: their probabilities, (steps,).
        units: number of units in the layer, of which `values` contains the first MAX_UNITS.
        values: every quantity of core.memorize.gates and "cell_before", the cell state before the step;
            (steps, units shown) each.
        means: the mean over all units of the layer, (steps,) each.
    """

    inputs: list[str]
    targets: list[str]
    predictions: list[str]
    probabilities: np.ndarray
    units: int
    values: dict[str, np.ndarray]
    means: dict[str, np.ndarray]


def cell_steps(model: Model, alphabet: Alphabet, sentence: str, layer: int) -> CellSteps:
    """Record what a layer computes, from START on, at the first MAX_CHARACTERS characters of the sentence.

    layer: its number, from 0. Raises IndexError if there is no such layer.
    """
    characters = graphemes(sentence)
    read = characters[:MAX_CHARACTERS]
    activity = record(model, alphabet.one_hot([Alphabet.START, *alphabet.encode("".join(read))]))
    values = {name: getattr(activity, name)[layer] for name in QUANTITIES}  # (steps, units) each
    values["cell_before"] = np.concatenate([np.zeros_like(values["cell"][:1]), values["cell"][:-1]])
    likeliest, probabilities = top(teacher_forced(model, alphabet, "".join(read)), count=1)
    return CellSteps(
        inputs=["", *read],
        targets=[*characters, ""][: len(read) + 1],
        predictions=[alphabet.decode([int(token_id)]) for token_id in likeliest[:, 0]],
        probabilities=probabilities[:, 0],
        units=model.lstm.hidden_size,
        values={name: array[:, :MAX_UNITS] for name, array in values.items()},
        means={name: array.mean(axis=1) for name, array in values.items()},
    )


class CodeLine(NamedTuple):
    """A line of MyLSTMCell.step.

    Attributes:
        number: its line number in core/memorize/lstm.py.
        text: the line without indentation and comment.
        marks: stage -> (start, end) of the part that computes it.
    """

    number: int
    text: str
    marks: dict[str, tuple[int, int]]


def code_lines() -> list[CodeLine]:
    """Return the lines of MyLSTMCell.step that compute a stage."""
    text, first = source(MyLSTMCell.step)
    lines = []
    for number, line in enumerate(text.splitlines(), start=first):
        code = line.partition("  # ")[0].strip()
        marks = {
            stage: (code.index(part), code.index(part) + len(part))
            for stage, parts in STAGES.items()
            for part in parts
            if part in code
        }
        if marks:
            lines.append(CodeLine(number, code, marks))
    return lines
