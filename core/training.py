"""Shared by both training loops: live changes, checkpoints, and the check for divergence."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")

FULL_RESOLUTION = 400  # steps that are all part of a curve; of twice as many, every second one is, and so on


@dataclass
class Control:
    """Requests to a running training loop, which reads them before every step.

    Attributes:
        changes: Changed config fields with their new values.
        checkpoint_requested: Whether to yield a Checkpoint before the next step; the loop resets it.
        verbose: Whether to evaluate at every step, for someone who follows step by step, instead of now and then.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    checkpoint_requested: bool = False
    verbose: bool = False


def is_in_curve(number: int, resolution: int = FULL_RESOLUTION) -> bool:
    """Return whether a step, counting from 0, is part of the stored curve.

    From step `resolution` on, every second one is, from twice as many on every fourth, and so on. So a curve has the
    same resolution, relative to its length, at any time, and a few thousand steps at most.
    """
    interval = 1 << (number // resolution).bit_length()
    return number % interval == 0


@dataclass(frozen=True)
class Change:
    """A setting was changed during training.

    Attributes:
        at: First step with the new value (or epoch, in runs that do not count steps).
        name: Name of the config field.
        value: The new value.
    """

    at: int
    name: str
    value: float | str | tuple


class LoopState(Generic[Config]):
    """The config of a training loop with the changes made so far, and the requests to the loop.

    Attributes:
        config: The config that the run started with.
        now: The same with all changes applied.
        control: The requests.
    """

    def __init__(self, config: Config, control: Control | None, checkpoint: Checkpoint | None):
        """Start from the config, or from the changes that a checkpoint has recorded."""
        self.config, self.control = config, control or Control()
        self._applied: dict[str, Any] = dict(checkpoint.metadata.get("changes", {})) if checkpoint else {}
        self.control.changes = {**self._applied, **self.control.changes}
        self.now = replace(config, **self._applied) if self._applied else config

    def apply_changes(self, at: int) -> Iterator[Change]:
        """Apply what has changed since the last call, and yield a Change per field. at: the next step, or epoch.

        Raises ValueError if the config rejects a value, TypeError if it has no such field.
        """
        changes = dict(self.control.changes)
        if changes == self._applied:
            return
        before, self.now = self.now, replace(self.config, **changes)
        self._applied = changes
        for name, value in changed_fields(before, self.now).items():
            yield Change(at, name, value)

    def take_checkpoint_request(self) -> bool:
        """Return whether a checkpoint was requested, and reset the request."""
        requested, self.control.checkpoint_requested = self.control.checkpoint_requested, False
        return requested

    def changes(self) -> dict[str, Any]:
        """Return the changed fields and their values now."""
        return changed_fields(self.config, self.now)


def changed_fields(before: Any, now: Any) -> dict[str, Any]:
    """Return the fields of the config `now` that differ from `before`, with their values."""
    if before is now:
        return {}
    values = {field.name: getattr(now, field.name) for field in fields(now)}
    return {name: value for name, value in values.items() if value != getattr(before, name)}


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training loop needs to resume exactly where it was interrupted.

    Attributes:
        arrays: Copies of the weights (names that begin with "model."), the optimiser state and similar arrays.
        metadata: Everything else, as JSON values: progress, state of the random generator. If empty, the weights are
            the initial weights of a new run.
    """

    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, Any]

    def section(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays of one section, such as "model", by their names without the prefix "model."."""
        return {key.removeprefix(f"{name}."): array for key, array in self.arrays.items() if key.startswith(f"{name}.")}

    @property
    def parameter_count(self) -> int:
        """How many numbers the weights consist of; an alphabet that is stored beside them does not count."""
        return sum(array.size for array in self.section("model").values() if array.dtype.kind == "f")

    def weights(self) -> Checkpoint:
        """Return a checkpoint with the weights only, as the initial weights of a new run."""
        return Checkpoint(prefixed("model", self.section("model")), {})

    def to_bytes(self) -> bytes:
        """Return the content of an .npz file. Raises TypeError or ValueError for data that could not be read back."""
        metadata = json.dumps(self.metadata, allow_nan=False)
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, metadata=np.array(metadata), **self.arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read the result of `to_bytes`, without executing anything in it. Raises ValueError for any other data."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return cls(arrays, json.loads(str(arrays.pop("metadata"))))
        except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"This is not a checkpoint of a run: {error}.") from error


def checked_weights(expected: Mapping[str, tuple[int, ...]], checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the weights of a checkpoint. Raises ValueError unless they have the expected names and shapes."""
    weights = checkpoint.section("model")
    shapes = {name: array.shape for name, array in weights.items()}
    if different := sorted(name for name in {**shapes, **expected} if shapes.get(name) != expected.get(name)):
        got, wanted = shapes.get(different[0], "missing"), expected.get(different[0], "unknown")
        raise ValueError(
            f"These weights belong to another network: {different[0]} is {got} in them, but {wanted} in this one. "
            "Choose the layers that the weights were trained with."
        )
    return weights


def prefixed(section: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Prefix the names of the arrays with a section of a checkpoint: "weight" becomes "model.weight"."""
    return {f"{section}.{name}": array for name, array in arrays.items()}


class TrainingDiverged(ArithmeticError):
    """The loss or a gradient is no longer finite. The message says at which step, and what to try."""


def check_finite(value: float, step: str, lr: float, name: str = "the loss") -> None:
    """Raise TrainingDiverged if the value is NaN or infinite. step: the current step in words, such as "epoch 3"."""
    if not math.isfinite(value):
        raise TrainingDiverged(
            f"At {step} {name} became {'infinite' if math.isinf(value) else 'NaN (not a number)'}: the steps were so "
            f"large that the weights overflowed. Try a learning rate well below {lr:.2g}, for example {lr / 10:.2g}."
        )


def check_range(name: str, value: float, low: float, high: float, whole: bool = False) -> None:
    """Raise ValueError, with a sentence, unless `value` is a (whole) number from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    valid_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not valid_type or not low <= value <= high:
        raise ValueError(f"{name} must be {kind} from {low:,} to {high:,}, but it is {value!r}.")


def check_name(name: str, value: str, known: Collection[str]) -> None:
    """Raise ValueError, with a sentence, unless `value` is one of the known names."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, but it is {value!r:.60}.")
