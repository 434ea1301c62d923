"""What a fault of the Break-it lab is: a wrong twin, the right one, and what can be seen when both run."""

from __future__ import annotations

import difflib
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from core.source import source


@dataclass(frozen=True)
class Curves:
    """Both twins' loss over the same training."""

    x_title: str
    y_title: str
    right: list[float]
    wrong: list[float]


@dataclass(frozen=True)
class Row:
    """One thing that was measured: what it should be, and what each twin makes of it."""

    what: str
    expected: float | str
    right: float | str
    wrong: float | str

    def agrees(self, got: float | str) -> bool:
        """Whether this is what was expected; numbers may differ in the sixth digit. NaN agrees with nothing."""
        return (
            got == self.expected
            if isinstance(got, str)
            else math.isclose(got, self.expected, rel_tol=1e-6, abs_tol=1e-9)
        )


@dataclass(frozen=True)
class Comparison:
    """Both twins beside what they should give. source: where the expected values come from."""

    source: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Question:
    """A question with one right answer among the options, and why it is right."""

    text: str
    options: tuple[str, ...]
    answer: int
    because: str


@dataclass(frozen=True)
class Fault:
    """A fault to find.

    title: what goes wrong, without the cause. setting: what is run. look: what to look at in the symptom.
    right, wrong: the twins, two functions or classes whose sources are compared. symptom: runs both.
    """

    name: str
    title: str
    setting: str
    look: str
    hint: str
    right: Callable
    wrong: Callable
    symptom: Callable[[], Curves | Comparison]
    question: Question

    def diff(self) -> str:
        """The right twin's code with the lines that are gone (-) and those that have come (+) in the wrong one."""
        right, wrong = (textwrap.dedent(source(twin)[0]).splitlines() for twin in (self.right, self.wrong))
        _, _, _, *lines = difflib.unified_diff(right, wrong, n=len(right), lineterm="")  # without its head
        return "\n".join(lines)
