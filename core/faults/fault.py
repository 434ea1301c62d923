"""What a fault of the Break-it lab is: a wrong twin, the right one, and what can be seen when both run."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass


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
        """The lines in which the wrong twin differs from the right one, with all their neighbours."""
        right, wrong = (textwrap.dedent(inspect.getsource(twin)).splitlines() for twin in (self.right, self.wrong))
        return "\n".join(difflib.unified_diff(right, wrong, "right", "wrong", n=len(right), lineterm=""))
