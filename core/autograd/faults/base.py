"""The parts of a fault: correct and faulty code, the symptom when both run, and a question."""

from __future__ import annotations

import ast
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
        replies: The possible answers, each with the reply to a student who chooses it.
        answer: The correct one.
    """

    text: str
    replies: dict[str, str]
    answer: str


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
        faulty_lines: Lines of the faulty code that a student may point at: those that are wrong, or, where a line is
            missing, those beside the gap.
        repair: What the correct lines do differently.
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
    faulty_lines: tuple[str, ...]
    repair: str
    symptom: Callable[[], Curves | Comparison]
    question: Question

    def code(self) -> list[str]:
        """Return the lines of the faulty code without its docstring, which describes the correct code."""
        text = textwrap.dedent(source(self.faulty)[0])
        function = ast.parse(text).body[0]
        assert isinstance(function, ast.FunctionDef)
        docstring = function.body[0] if ast.get_docstring(function) else None
        hidden = range(docstring.lineno, (docstring.end_lineno or 0) + 1) if docstring else ()
        return [line for number, line in enumerate(text.splitlines(), 1) if number not in hidden]

    def is_faulty_line(self, number: int) -> bool:
        """Return whether a line of `code()`, counted from 0, is one of those to find."""
        return self.code()[number].strip() in self.faulty_lines

    def repair_diff(self) -> str:
        """Return the repair as a unified diff: - faulty, + correct."""
        faulty, correct = (textwrap.dedent(source(version)[0]).splitlines() for version in (self.faulty, self.correct))
        _, _, _, *lines = difflib.unified_diff(faulty, correct, n=len(faulty), lineterm="")  # without the header
        return "\n".join(lines)
