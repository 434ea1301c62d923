"""Questions that students answer before they see the result."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import Any

from core.text import clean_text

CHOICE, NUMBER, CURVE = "choice", "number", "curve"
KINDS = {CHOICE: "one of several choices", NUMBER: "a number", CURVE: "a curve"}
OPEN, REVEALED = "open", "revealed"
MAX_TEXT, MAX_OPTION, MAX_OPTIONS = 500, 120, 8
CURVE_POINTS = 41  # heights of a curve, at equal distances from 0 to the end of the x axis
BINS = 10  # of a histogram of numbers
MIN_FOR_QUARTILES = 5  # values; one outlier among fewer moves the quartiles


@dataclass(frozen=True)
class Axes:
    """The axes of a chart on which a curve is sketched. Both begin at 0.

    Attributes:
        x_title, y_title: titles of the axes.
        x_max, y_max: where the axes end.
    """

    x_title: str = "Epoch"
    y_title: str = "Loss"
    x_max: float = 100.0
    y_max: float = 3.0


@dataclass(frozen=True)
class Question:
    """A question, and its state if it has been asked.

    Attributes:
        kind: CHOICE, NUMBER or CURVE.
        text: what is asked.
        options: the choices.
        axes: the axes of a curve.
        truth: the correct answer; None if it is not known, or hidden from the visitor. A choice is given by its number
            from 0, a curve by CURVE_POINTS heights, each None where it has none.
        id: "" before it is asked.
        state: OPEN, or REVEALED when answers and truth can be seen.
        round: 1, or 2 after a second vote was called.
        asked_at: in seconds since 1970, UTC.
    """

    kind: str
    text: str
    options: tuple[str, ...] = ()
    axes: Axes | None = None
    truth: Any = None
    id: str = ""
    state: str = OPEN
    round: int = 1
    asked_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can be answered now."""
        return self.state == OPEN


@dataclass(frozen=True)
class Results:
    """The answers of a class to a revealed question, without names.

    Attributes:
        question: the question with its truth.
        rounds: the answers of each round.
    """

    question: Question
    rounds: tuple[tuple[Any, ...], ...]


def check_question(question: Question) -> Question:
    """Return the question with its texts cleaned, and without options or axes that its kind does not need.

    Raises ValueError if it cannot be asked.
    """
    if question.kind not in KINDS:
        raise ValueError(f"A question asks for one of {', '.join(KINDS)}, but not for {question.kind!r}.")
    text = clean_text(question.text, MAX_TEXT, "A question")
    if not text:
        raise ValueError("The question is empty. Type what you want to ask.")
    typed = question.options if question.kind == CHOICE else ()
    options = tuple(option for each in typed if (option := clean_text(each, MAX_OPTION, "A choice")))
    if question.kind == CHOICE and not 2 <= len(options) <= MAX_OPTIONS:
        raise ValueError(f"A question needs 2 to {MAX_OPTIONS} choices, but it has {len(options)}.")
    if len(set(options)) < len(options):
        raise ValueError("Two choices are equal. Change one of them.")
    axes = None
    if question.kind == CURVE:
        axes = question.axes or Axes()
        x_title, y_title = (
            clean_text(title, MAX_OPTION, "A title of an axis") for title in (axes.x_title, axes.y_title)
        )
        if not all(math.isfinite(end) and 0 < end <= 1e9 for end in (axes.x_max, axes.y_max)):
            raise ValueError("An axis must end at a number above 0. Change the end of the axis.")
        axes = Axes(x_title, y_title, float(axes.x_max), float(axes.y_max))
    checked = replace(question, text=text, options=options, axes=axes)
    if question.truth is None:
        return checked
    return replace(checked, truth=check_answer(checked, question.truth))


def check_answer(question: Question, answer: Any) -> Any:
    """Return an answer as it is stored. Raises ValueError if it is not an answer to the question."""
    if question.kind == CHOICE:
        if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(question.options):
            raise ValueError("Choose one of the answers.")
        return answer
    if question.kind == NUMBER:
        if not _is_number(answer):
            raise ValueError("The answer must be a number. Type it again.")
        return float(answer)
    if not isinstance(answer, list | tuple) or len(answer) != CURVE_POINTS or question.axes is None:
        raise ValueError("The curve cannot be read. Draw it again.")
    if not all(height is None or _is_number(height) for height in answer):
        raise ValueError("The curve cannot be read. Draw it again.")
    if sum(height is not None for height in answer) < 2:
        raise ValueError("The curve is empty. Draw it from left to right.")
    top = question.axes.y_max
    return [None if height is None else round(min(max(float(height), 0.0), top), 6) for height in answer]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def sample_curve(points: Sequence[tuple[float, float]], axes: Axes) -> list[float | None]:
    """Return a curve through the points as CURVE_POINTS heights; None beyond its ends.

    points: pairs of x and y, sorted by x. They are connected by straight lines.
    """
    heights: list[float | None] = []
    following = 0
    for number in range(CURVE_POINTS):
        x = axes.x_max * number / (CURVE_POINTS - 1)
        while following < len(points) and points[following][0] < x:
            following += 1
        if following < len(points) and points[following][0] == x:
            heights.append(points[following][1])
        elif 0 < following < len(points):
            (x0, y0), (x1, y1) = points[following - 1], points[following]
            heights.append(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
        else:
            heights.append(None)
    return heights


def count_choices(question: Question, answers: Sequence[int]) -> list[int]:
    """Return how many answers each choice has received."""
    counts = Counter(answers)
    return [counts[number] for number in range(len(question.options))]


def histogram(answers: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Return how many numbers lie between each edge and the next; the last interval includes its end."""
    counts = [0] * (len(edges) - 1)
    for answer in answers:
        place = sum(answer >= edge for edge in edges[1:-1])
        if edges[0] <= answer <= edges[-1]:
            counts[place] += 1
    return counts


def split_outliers(values: Sequence[float], truth: float | None = None) -> tuple[list[float], list[float]]:
    """Return the values that a histogram shows, and those so far away that they would squeeze it.

    Both lists are sorted. truth: the correct value. The histogram shows it, and all values between it and the others.
    """
    values = sorted(values)
    if len(values) < 2:
        return values, []
    low, high = _few_fences(values) if len(values) < MIN_FOR_QUARTILES else _tukey_fences(values)
    if truth is not None:
        low, high = min(low, truth), max(high, truth)
    return [value for value in values if low <= value <= high], [value for value in values if not low <= value <= high]


def _tukey_fences(values: list[float]) -> tuple[float, float]:
    """Return Tukey's outer fences, three interquartile ranges from the quartiles; outliers lie beyond them.

    If half of the values are equal, the range of the middle 80 % takes the place of the interquartile range.
    """
    tenths, quarters = (quantiles(values, n=parts, method="inclusive") for parts in (10, 4))
    reach = 3 * (quarters[2] - quarters[0] or tenths[8] - tenths[0])
    return (quarters[0] - reach, quarters[2] + reach) if reach else (values[0], values[-1])


def _few_fences(values: list[float]) -> tuple[float, float]:
    """Return the ends of the range outside which one of a few sorted values is an outlier.

    Its distance from the others is more than BINS times their range, so that they would share one or two bars.
    """
    if values[-1] - values[-2] > BINS * (values[-2] - values[0]) > 0:
        return values[0], values[-2]
    if values[1] - values[0] > BINS * (values[-1] - values[1]) > 0:
        return values[1], values[-1]
    return values[0], values[-1]


def bin_edges(values: Sequence[float]) -> list[float]:
    """Return the edges of at most BINS intervals with round ends that contain all values."""
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(1.0, abs(low), abs(high)):  # equal, or too close to count in decimal intervals
        return [low - 0.5, high + 0.5]
    width = 10.0 ** math.floor(math.log10((high - low) / BINS))
    width = next(width * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (width * factor) <= BINS - 1)
    first, last = math.floor(low / width), math.floor(high / width) + 1
    return [round(number * width, 12) for number in range(first, last + 1)]
