"""A student's own points, from pasted text or an uploaded CSV file: x, y and a label or a target per line."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

import numpy as np

from core.plane.config import MAX_CLASSES, MAX_POINTS, MAX_TARGET
from core.plane.features import LIMIT

MAX_BYTES = 200_000
SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma"}
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
MAX_LABEL = 40  # characters
SCALED = LIMIT - 1  # coordinates outside the plane are scaled to reach from -SCALED to SCALED


@dataclass(frozen=True)
class ParsedPoints:
    """Points from a text.

    Attributes:
        points: (x, y, label or target) each, as `PlaneConfig.points`; labels count from 0.
        labels: the label of each class as it was written, sorted; () for regression.
        notes: sentences about what was changed to fit the points into the plane.
    """

    points: tuple[tuple[float, float, float], ...]
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def parse_points(data: str | bytes, task: str = "classification") -> ParsedPoints:
    """Read points: two columns of numbers and a label or, for regression, a number.

    Columns are separated by tabs, semicolons or commas; with tabs and semicolons, numbers may have a decimal comma.
    The first line may contain names. Empty lines are skipped.
    Raises ValueError with a sentence for a student that names the line that cannot be read.
    """
    third, example = ("a value", "0.3") if task == "regression" else ("a label", "red")
    rows: list[list[float]] = []
    cells_of_third: list[str] = []
    separator = ""
    for number, line in enumerate(_decoded(data).splitlines(), start=1):
        if not line.strip():
            continue
        is_first, separator = not separator, separator or _separator(line, number, third)
        cells = _cells(line, number, separator, third)
        if is_first and not (_number(cells[0], separator) or _number(cells[1], separator)):
            continue  # names of the columns
        if len(rows) == MAX_POINTS:
            raise ValueError(f"There are more than {MAX_POINTS:,} points. Keep at most {MAX_POINTS:,} lines.")
        rows.append([_value(cells[i], "xy"[i], number, separator) for i in range(2)])
        if task == "regression":
            rows[-1].append(_value(cells[2], "the value", number, separator))
        elif not cells[2] or len(cells[2]) > MAX_LABEL:
            raise ValueError(
                f"Line {number:,}: the label must have 1 to {MAX_LABEL} characters, but it has {len(cells[2]):,}."
            )
        cells_of_third.append(cells[2])
    if not rows:
        raise ValueError(
            f"There are no points in this text. Write one per line: x, y and {third}, such as 1.5, -2, {example}."
        )
    table, notes = np.array([row[:2] for row in rows]), []
    for axis, name in enumerate("xy"):
        table[:, axis], note = _fitted(table[:, axis], name, LIMIT, SCALED)
        notes += note
    if task == "regression":
        targets, note = _fitted(np.array([row[2] for row in rows]), "The value", MAX_TARGET, 1.0)
        points = tuple((x, y, target) for (x, y), target in zip(table.tolist(), targets.tolist(), strict=True))
        return ParsedPoints(points, (), (*notes, *note))
    labels = _sorted_labels(cells_of_third)
    points = tuple((x, y, labels.index(cell)) for (x, y), cell in zip(table.tolist(), cells_of_third, strict=True))
    return ParsedPoints(points, labels, tuple(notes))


def _decoded(data: str | bytes) -> str:
    """Return the data as text. Raises ValueError if it is too long or not text."""
    size = len(data)
    if size > MAX_BYTES:
        raise ValueError(
            f"This text is too long: {size:,} characters, at most {MAX_BYTES:,} are read. "
            f"Keep at most {MAX_POINTS:,} lines with three columns."
        )
    if isinstance(data, str):
        return data.removeprefix("\N{BYTE ORDER MARK}")
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("This file is not a text in UTF-8. In a spreadsheet, save it as CSV UTF-8.") from None


def _separator(line: str, number: int, third: str) -> str:
    for separator in SEPARATORS:
        if separator in line:
            return separator
    raise ValueError(f"Line {number:,} has only one column. Separate x, y and {third} by commas, semicolons or tabs.")


def _cells(line: str, number: int, separator: str, third: str) -> list[str]:
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]
    except csv.Error as error:
        raise ValueError(f"Line {number:,} cannot be read as CSV: {error}. Correct it.") from None
    while len(cells) > 3 and not cells[-1]:
        cells.pop()
    if len(cells) != 3:
        columns = "1 column" if len(cells) == 1 else f"{len(cells):,} columns"
        raise ValueError(
            f"Line {number:,} has {columns}, separated by a {SEPARATORS[separator]}, but it needs three: "
            f"x, y and {third}."
        )
    return cells


def _number(cell: str, separator: str) -> str | None:
    """Return a cell as Python writes numbers, or None if it is not a number."""
    text = cell.replace("\N{MINUS SIGN}", "-")
    if separator != "," and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    return text if NUMBER.fullmatch(text) else None


def _value(cell: str, name: str, line: int, separator: str) -> float:
    text = _number(cell, separator)
    if text is None or abs(float(text)) > 1e100:
        what = "empty" if not cell else f"{cell!r:.40}"
        raise ValueError(f"Line {line:,}: {name} must be a number, but it is {what}. Correct or remove this line.")
    return float(text)


def _fitted(values: np.ndarray, name: str, limit: float, scaled: float) -> tuple[np.ndarray, list[str]]:
    """Scale values to -scaled to scaled if one is beyond the limit, and say so."""
    if np.abs(values).max() <= limit:
        return values, []
    low, high = values.min(), values.max()
    note = f"{name} was scaled: {low:.6g} became {-scaled:g} and {high:.6g} became {scaled:g}."
    if low == high:
        return np.zeros_like(values), [f"{name} is {low:.6g} in every line; it became 0."]
    return scaled * (2 * ((values - low) / (high - low)) - 1), [note]


def _sorted_labels(cells: list[str]) -> tuple[str, ...]:
    """Return the different labels, numbers in their order. Raises ValueError if there are too many, or only one."""
    labels = set(cells)
    if len(labels) > MAX_CLASSES:
        shown = ", ".join(sorted(labels)[:6])
        raise ValueError(
            f"There are {len(labels):,} different labels in the third column ({shown:.80}, …), but at most "
            f"{MAX_CLASSES} classes are possible. If the column contains values, choose regression."
        )
    if len(labels) == 1:
        raise ValueError(f"All points have the label {cells[0]}. Add points of at least one other class.")
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))
