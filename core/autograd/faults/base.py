"""The parts of a fault: correct and faulty code, the symptom when both run, and a question."""

from __future__ import annotations

import difflib
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from core.source import source


@dataclass(frozen=True)
class Curves:
    """The losses of both versions over the same training.

    Attributes:
        x_title: Title of the x axis.
        y_title: Title of the y axis.
        correct: Losses with the correct code.
        faulty: Losses with the faulty code.
    """

    x_title: str
    y_title: str
    correct: list[float]
    faulty: list[float]


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        label: What was measured.
        expected: The value it should have.
        correct: The value with the correct code.
        faulty: The value with the faulty code.
    """

    label: str
    expected: float | str
    correct: float | str
    faulty: float | str

    def agrees(self, got: float | str) -> bool:
        """Return whether a value is the expected one, up to the sixth digit. NaN agrees with nothing."""
        if isinstance(got, str) or isinstance(self.expected, str):
            return got == self.expected
        return math.isclose(got, self.expected, rel_tol=1e-6, abs_tol=1e-9)


@dataclass(frozen=True)
class Comparison:
    """Measurements of both versions.

    Attributes:
        source: Where the expected values come from.
        rows: The measurements.
    """

    source: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Question:
    """A multiple-choice question with one correct answer.

    Attributes:
        text: The question.
        options: The possible answers.
        answer: Index of the correct one.
        explanation: Why it is correct.
    """

    text: str
    options: tuple[str, ...]
    answer: int
    explanation: str


@dataclass(frozen=True)
class Fault:
    """A fault to find.

    Attributes:
        name: Name of the fault's module.
        title: What goes wrong, without the cause.
        setting: What is run.
        observation: What to notice in the symptom.
        hint: A hint at the cause.
        correct: The function or class as the project uses it.
        faulty: The same with a mistake.
        symptom: Runs both versions.
        question: A question about the cause.
    """

    name: str
    title: str
    setting: str
    observation: str
    hint: str
    correct: Callable
    faulty: Callable
    symptom: Callable[[], Curves | Comparison]
    question: Question

    def diff(self) -> str:
        """Return the code of both versions as a unified diff: - correct, + faulty."""
        correct, faulty = (textwrap.dedent(source(version)[0]).splitlines() for version in (self.correct, self.faulty))
        _, _, _, *lines = difflib.unified_diff(correct, faulty, n=len(correct), lineterm="")  # without the header
        return "\n".join(lines)
