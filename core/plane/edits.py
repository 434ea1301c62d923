"""Edits of a network by hand: typed weights and biases, units that are switched off, and frozen units.

A config's `edits` are a live setting. Those that are new when it changes are carried out once, in order; a switch holds
until another edit of the same unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.training import check_name, check_range

KINDS = ("weight", "bias", "off", "frozen")
SWITCHES = ("off", "frozen")
MAX_EDITS = 300
MAX_WEIGHT = 1_000  # magnitude of a typed weight


class Edit(NamedTuple):
    """One edit.

    Attributes:
        layer: counts from 0, the first hidden layer; the last is the output layer.
        unit: counts from 0 within the layer.
        kind: "weight" or "bias" sets a number, "off" forces the activation of a hidden unit to 0, "frozen" keeps the
            unit's incoming weights and its bias as they are.
        input: which of the unit's inputs a typed weight belongs to, from 0; otherwise 0.
        value: the number that was typed; for a switch, 1 to set it and 0 to clear it.
    """

    layer: int
    unit: int
    kind: str
    input: int = 0
    value: float = 1.0

    @property
    def target(self) -> tuple[int, int, str, int]:
        """What is edited."""
        return self[:4]


def checked_edits(edits: Iterable[Sequence], sizes: Sequence[int]) -> tuple[Edit, ...]:
    """Return the edits as `Edit`s. sizes: number of inputs, units of each hidden layer, number of outputs.

    Raises ValueError with a sentence for a student if one does not fit the network.
    """
    checked = []
    for entry in edits:
        if not isinstance(entry, list | tuple) or len(entry) != len(Edit._fields):
            raise ValueError(f"An edit needs {', '.join(Edit._fields)}, but it is {entry!r:.80}.")
        edit = Edit(*entry)
        check_name("The kind of an edit", edit.kind, KINDS)
        layers = len(sizes) - 1
        check_range("The layer of an edit", edit.layer, 0, layers - 1, whole=True)
        check_range("The unit of an edit", edit.unit, 0, sizes[edit.layer + 1] - 1, whole=True)
        check_range("The input of an edit", edit.input, 0, sizes[edit.layer] - 1, whole=True)
        if edit.kind != "weight" and edit.input:
            raise ValueError(f"Only a weight belongs to an input, but this edit of kind {edit.kind} names one.")
        if edit.kind in SWITCHES:
            if edit.value not in (0, 1):
                raise ValueError(f"A switch is set with 1 and cleared with 0, but it is {edit.value!r:.40}.")
            if edit.kind == "off" and edit.layer == layers - 1:
                raise ValueError("An output cannot be switched off. Switch off a unit of a hidden layer.")
        else:
            check_range(f"A typed {edit.kind}", edit.value, -MAX_WEIGHT, MAX_WEIGHT)
        checked.append(edit)
    if len(checked) > MAX_EDITS:
        raise ValueError(f"A run has at most {MAX_EDITS:,} edits, but there are {len(checked):,}. Start a new run.")
    return tuple(checked)


def with_edit(edits: Sequence[Sequence], edit: Edit) -> tuple[Edit, ...]:
    """Return the edits with one more. An earlier edit of the same switch is dropped; typed numbers are all kept.

    Only by its number of occurrences can a number be told apart that is typed again after training has moved it.
    """
    earlier = (Edit(*entry) for entry in edits)
    return (*(old for old in earlier if old.kind not in SWITCHES or old.target != edit.target), edit)


def new_edits(before: Sequence[Sequence], after: Sequence[Sequence]) -> list[Edit]:
    """Return the edits in `after` that are not in `before`, in order. One that occurs twice as often counts once."""
    known = Counter(tuple(edit) for edit in before)
    new = []
    for entry in after:
        if known[tuple(entry)]:
            known[tuple(entry)] -= 1
        else:
            new.append(Edit(*entry))
    return new


def switched(edits: Sequence[Sequence], kind: str) -> dict[int, list[int]]:
    """Return the units of each layer whose switch of this kind ("off" or "frozen") is set now."""
    state = {(edit.layer, edit.unit): edit.value for edit in (Edit(*entry) for entry in edits) if edit.kind == kind}
    layers: dict[int, list[int]] = {}
    for (layer, unit), value in sorted(state.items()):
        if value:
            layers.setdefault(layer, []).append(unit)
    return layers
