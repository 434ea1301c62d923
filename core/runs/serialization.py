"""Serialize frozen dataclasses to JSON and back, for configs and events in the database.

Fields may hold numbers, strings, None, tuples, small arrays and nested dataclasses. Reading never runs code, and what
could not be read back is rejected when it is written.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

T = TypeVar("T")
ARRAY_KEYS = {"dtype", "shape", "base64"}


def to_json(value: Any) -> str:
    """Return a dataclass as a JSON object of its fields.

    Raises TypeError if a field has an unsupported type, ValueError if a number is NaN or infinite.
    """
    return json.dumps(_pack_fields(value), allow_nan=False)


def from_json(cls: type[T], text: str) -> T:
    """Return the dataclass `cls` that `to_json` wrote. Arrays are read-only.

    Raises ValueError if `text` is not valid JSON, lacks a field without a default, has an unknown field, or holds a
    value that `cls` itself rejects.
    """
    try:
        return _unpack_fields(cls, json.loads(text))
    except (ValueError, TypeError) as error:
        raise ValueError(f"Cannot read a stored {cls.__name__}: {error}") from error


def _pack_fields(value: Any) -> dict[str, Any]:
    return {field.name: _pack(getattr(value, field.name), field.name) for field in fields(value)}


def _pack(value: Any, name: str) -> Any:
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, but it is {value}.")
        case None | bool() | int() | float() | str():
            return value
        case tuple():
            return [_pack(item, name) for item in value]
        case np.ndarray() if value.dtype.kind in "biuf":
            packed = b64encode(value.tobytes()).decode()
            return {"dtype": value.dtype.str, "shape": value.shape, "base64": packed}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {type(value).__name__: _pack_fields(value)}
    raise TypeError(
        f"{name} has type {type(value).__name__}. Only numbers, strings, None, tuples, arrays and dataclasses can be "
        "stored."
    )


def _unpack_fields(cls: type, packed: Any) -> Any:
    if not isinstance(packed, dict):
        raise ValueError(f"{cls.__name__} must be an object with named fields, but it is {packed!r:.80}.")
    expected = _nested_classes(cls)
    # A field that was added later has a default, which stands for what the program did before.
    needed = {field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING}
    missing, unknown = needed - packed.keys(), packed.keys() - expected.keys()
    if missing or unknown:
        raise ValueError(f"{cls.__name__}: missing fields {sorted(missing)}, unknown fields {sorted(unknown)}.")
    return cls(**{name: _unpack(value, expected[name], name) for name, value in packed.items()})


def _unpack(packed: Any, nested: dict[str, type], name: str) -> Any:
    match packed:
        case None | bool() | int() | float() | str():
            return packed
        case list():
            return tuple(_unpack(item, nested, name) for item in packed)
        case dict() if packed.keys() == ARRAY_KEYS:
            flat = np.frombuffer(b64decode(packed["base64"], validate=True), np.dtype(packed["dtype"]))
            return flat.reshape(packed["shape"])
        case dict() if len(packed) == 1 and packed.keys() <= nested.keys():
            [(class_name, inner)] = packed.items()
            return _unpack_fields(nested[class_name], inner)
    raise ValueError(f"{name} must be an array or one of {sorted(nested)}, but it is another object.")


@cache
def _nested_classes(cls: type) -> dict[str, dict[str, type]]:
    """Return, for each field of a dataclass, the dataclasses that its type allows inside, by name."""
    hints = get_type_hints(cls)
    return {field.name: {c.__name__: c for c in _dataclasses_in(hints[field.name])} for field in fields(cls)}


def _dataclasses_in(hint: Any) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [cls for argument in get_args(hint) for cls in _dataclasses_in(argument)]
