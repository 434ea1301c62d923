"""What every training loop shares: how it is steered, put down and taken up again, and how it ends when it explodes."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

Config = TypeVar("Config")


@dataclass
class Control:
    """What is wanted of a loop while it runs. The loop reads it before every step.

    changes: config fields that were changed, with their new values. checkpoint_requested: the loop is to yield a
    Checkpoint before its next step; it then takes the wish back. verbose: somebody follows step by step, so that
    what is otherwise looked at now and then is looked at every time.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    checkpoint_requested: bool = False
    verbose: bool = False
    _applied: tuple[Any, dict[str, Any], Any] = field(default=(None, {}, None), repr=False)

    def apply(self, config: Config) -> Config:
        """The config as it is now: the same object until something changes.

        Raises ValueError where the config refuses a change, TypeError for what is no field of it.
        """
        if self._applied[:2] != (config, self.changes):
            changes = dict(self.changes)
            self._applied = config, changes, replace(config, **changes)  # which looks at every field: not at every step
        return self._applied[2]


@dataclass(frozen=True)
class Change:
    """A setting was changed by hand. at: the step (of a run that counts none: the epoch) that is the first with it."""

    at: int
    name: str
    value: float | str


def changed_fields(before: Any, now: Any) -> dict[str, Any]:
    """The fields of the config `now` that are not what they were in `before`."""
    if before is now:
        return {}
    values = {field.name: getattr(now, field.name) for field in fields(now)}
    return {name: value for name, value in values.items() if value != getattr(before, name)}


@dataclass(frozen=True)
class Checkpoint:
    """All that a loop needs to go on exactly as if it had never been interrupted.

    arrays: weights (their names begin with "model."), what the optimiser remembers, and the like, all copies.
    metadata: everything that fits into JSON, such as how far the run is and the state of its random numbers; without any,
    the weights are where a new run begins.
    """

    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, Any]

    def section(self, name: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin with `name` and a dot, by the rest of their names."""
        return {key.removeprefix(f"{name}."): array for key, array in self.arrays.items() if key.startswith(f"{name}.")}

    def weights(self) -> Checkpoint:
        """Only the weights: a run that starts from them is a new one."""
        return Checkpoint(prefixed("model", self.section("model")), {})

    def to_bytes(self) -> bytes:
        """A file in NumPy's .npz format. Raises TypeError or ValueError for what could not be read back."""
        facts = json.dumps(self.metadata, allow_nan=False)
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, metadata=np.array(facts), **self.arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """What `to_bytes` made. Nothing in it is run. Raises ValueError for anything else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return cls(arrays, json.loads(str(arrays.pop("metadata"))))
        except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"This is not a checkpoint of a run: {error}") from error


def checked_weights(state: Mapping[str, Any], checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The checkpoint's weights for a model whose state_dict is `state`. Raises ValueError unless they fit."""
    weights = checkpoint.section("model")
    shapes, expected = ({name: tuple(array.shape) for name, array in arrays.items()} for arrays in (weights, state))
    if odd := sorted(name for name in shapes | expected if shapes.get(name) != expected.get(name)):
        there, here = shapes.get(odd[0], "missing"), expected.get(odd[0], "unknown")
        raise ValueError(
            f"These weights belong to another network: {odd[0]} is {there} in them, but {here} here. "
            "Continue with the layers that they were learned with."
        )
    return weights


def prefixed(part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays as a part of a checkpoint: "weight" becomes "model.weight"."""
    return {f"{part}.{name}": array for name, array in arrays.items()}


class TrainingDiverged(ArithmeticError):
    """The loss, or a gradient, is no longer a finite number. Its text tells a student at which step and what to try."""


def check_finite(value: float, step: str, lr: float, name: str = "the loss") -> None:
    """Raise TrainingDiverged where the value is NaN or infinite. step: where we are, e.g. "epoch 3"."""
    if not math.isfinite(value):
        raise TrainingDiverged(
            f"At {step} {name} became {'infinite' if math.isinf(value) else 'NaN (not a number)'}: the steps were so "
            f"large that the weights overflowed. Try a learning rate well below {lr:.2g}, for example {lr / 10:.2g}."
        )


def check_range(name: str, value: float, low: float, high: float, whole: bool = False) -> None:
    """Raise ValueError with a sentence unless `value` is a (whole) number from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:
        raise ValueError(f"{name} must be {kind} from {low:,} to {high:,}, but it is {value!r}.")


def check_name(name: str, value: str, known: Collection[str]) -> None:
    """Raise ValueError with a sentence unless `value` is one of the names that are known."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, but it is {value!r:.60}.")
