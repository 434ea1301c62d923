"""Lessons: Markdown files with YAML front matter, one per lesson, in the folder `lessons`.

The front matter holds what a program needs: goals, links, questions and exercises. The text is the plan: one heading of
the second level per part, with its minutes in parentheses. A line `@link NAME` or `@question NAME` shows that link or
question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from core.lessons.link import LessonLink

FOLDER = Path(__file__).parents[2] / "lessons"
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
HEADING = re.compile(r"^## (?P<title>.+?)(?: \((?P<minutes>\d+) minutes?\))?$", re.MULTILINE)
REFERENCE = re.compile(r"^@(?P<kind>link|question) (?P<name>[\w-]+)$", re.MULTILINE)
CHOICE, NUMBER, CURVE = KINDS = ("choice", "number", "curve")


class LessonError(ValueError):
    """A lesson's file is wrong. The message names the file and the mistake, for its author."""


@dataclass(frozen=True)
class Question:
    """A question that the class answers before a demonstration.

    Attributes:
        text: the question.
        truth: the answer: one of the options, a number, or points (x, y) of a curve.
        kind: "choice", "number" or "curve".
        options: the answers to choose from, of a choice.
        why: the reason, to be read after the reveal.
        tolerance: how far from the truth a number still counts as correct.
        x_title: title of a curve's x axis.
        y_title: title of a curve's y axis.
        x_max: where the x axis of a curve ends; both axes begin at 0.
        y_max: where its y axis ends.
    """

    text: str
    truth: str | float | tuple[tuple[float, float], ...]
    kind: str = CHOICE
    options: tuple[str, ...] = ()
    why: str = ""
    tolerance: float = 0.0
    x_title: str = ""
    y_title: str = ""
    x_max: float = 1.0
    y_max: float = 1.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"The kind of a question is one of {', '.join(KINDS)}, but it is {self.kind!r}.")
        if self.kind == CHOICE and (len(set(self.options)) < 2 or self.truth not in self.options):
            raise ValueError(f"The truth {self.truth!r} must be one of at least two different options.")
        if self.kind == NUMBER and (isinstance(self.truth, bool) or not isinstance(self.truth, int | float)):
            raise ValueError(f"The truth of a question for a number must be a number, but it is {self.truth!r}.")
        if self.kind == CURVE:
            points = tuple((float(x), float(y)) for x, y in (self.truth if isinstance(self.truth, tuple) else ()))
            if len(points) < 2 or any(not (0 <= x <= self.x_max and 0 <= y <= self.y_max) for x, y in points):
                raise ValueError("The truth of a question for a curve needs at least two points within its axes.")
            if list(points) != sorted(points):
                raise ValueError("The points of a curve must be sorted by x.")
            object.__setattr__(self, "truth", points)

    @property
    def answer(self) -> str:
        """The truth in words."""
        if isinstance(self.truth, str):
            return self.truth
        if isinstance(self.truth, tuple):
            return "Through " + ", ".join(f"({x:g}, {y:g})" for x, y in self.truth)
        number = f"{self.truth:,}".replace("-", "−")
        return number + (f" ± {self.tolerance:g}" if self.tolerance else "")


@dataclass(frozen=True)
class Exercise:
    """An exercise on the worksheet.

    Attributes:
        text: the exercise.
        answer: the answer, for the key.
        lines: empty lines to write on.
    """

    text: str
    answer: str
    lines: int = 2


@dataclass(frozen=True)
class Part:
    """A part of the plan.

    Attributes:
        title: its heading.
        minutes: how long it takes; 0 for what is not a step of the lesson.
        text: Markdown with references, see `blocks`.
    """

    title: str
    minutes: int
    text: str

    def blocks(self) -> Iterator[tuple[str, str]]:
        """Yield the part's blocks in order: ("text", Markdown), ("link", name) or ("question", name)."""
        end = 0
        for reference in REFERENCE.finditer(self.text):
            if text := self.text[end : reference.start()].strip():
                yield "text", text
            yield reference["kind"], reference["name"]
            end = reference.end()
        if text := self.text[end:].strip():
            yield "text", text


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        name: the file's name without number and ending.
        title: a few words.
        summary: a sentence for the list of lessons.
        needs: what the class must know before.
        goals: what each student can do afterwards.
        links: addresses that set a page, by name.
        labels: what each link does, in a few words.
        questions: questions to ask first, by name.
        exercises: the worksheet's exercises.
        parts: the plan.
    """

    name: str
    title: str
    summary: str
    needs: str
    goals: tuple[str, ...]
    links: Mapping[str, LessonLink]
    labels: Mapping[str, str]
    questions: Mapping[str, Question]
    exercises: tuple[Exercise, ...]
    parts: tuple[Part, ...]

    @property
    def minutes(self) -> int:
        """How long the lesson takes."""
        return sum(part.minutes for part in self.parts)


@cache
def load_lessons(folder: Path = FOLDER) -> Mapping[str, Lesson]:
    """Read all lessons, by name, in the order of their files. Raises LessonError if one is wrong."""
    lessons = [parse_lesson(path.read_text(encoding="utf-8"), path.name) for path in sorted(folder.glob("*.md"))]
    return {lesson.name: lesson for lesson in lessons}


def parse_lesson(text: str, file: str) -> Lesson:
    """Parse a lesson. file: the name of its file, such as "01-memorising.md". Raises LessonError if it is wrong."""
    try:
        return _parse(text.replace("\r\n", "\n"), re.sub(r"^\d+-", "", Path(file).stem))
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        reason = f"{error} is missing." if isinstance(error, KeyError) else str(error)
        raise LessonError(f"The lesson {file} cannot be read. {reason}") from error


def _parse(text: str, name: str) -> Lesson:
    match = FRONT_MATTER.match(text)
    if not match:
        raise ValueError("It must begin with front matter between two lines ---.")
    front = yaml.safe_load(match[1])
    if not isinstance(front, dict):
        raise ValueError("Its front matter must consist of names and values.")
    unknown = set(front) - {"title", "summary", "needs", "goals", "links", "questions", "exercises"}
    if unknown:
        raise ValueError(f"Its front matter has unknown names: {', '.join(map(str, sorted(unknown)))}.")
    for kind in ("links", "questions"):
        if wrong := [name for name in front.get(kind) or () if not isinstance(name, str)]:
            raise ValueError(f"A name in {kind} is not text for YAML: {wrong[0]}. Choose another one.")
    links = {key: dict(value) for key, value in (front.get("links") or {}).items()}
    labels = {key: link.pop("label") for key, link in links.items()}
    lesson = Lesson(
        name,
        str(front["title"]),
        str(front["summary"]),
        str(front.get("needs", "")),
        tuple(front["goals"]),
        {key: _link(key, link) for key, link in links.items()},
        labels,
        {key: _build(Question, value, f"question {key}") for key, value in (front.get("questions") or {}).items()},
        tuple(_build(Exercise, value, "exercise") for value in front.get("exercises") or ()),
        tuple(_parts(text[match.end() :])),
    )
    _check_references(lesson)
    return lesson


def _link(name: str, values: dict[str, Any]) -> LessonLink:
    """Build a link. Its settings may be numbers or lists, which the address writes as text."""
    values["settings"] = {key: _setting(value) for key, value in (values.get("settings") or {}).items()}
    for shown in ("tabs", "controls"):
        if values.get(shown) is not None:
            values[shown] = tuple(values[shown])
    return _build(LessonLink, values, f"link {name}")


def _setting(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, bool):
        return str(value).lower()
    return tuple(map(str, value)) if isinstance(value, list) else str(value)


def _build(make: type[Any], values: Any, what: str) -> Any:
    """Build a dataclass from a mapping, lists as tuples. Raises ValueError, naming `what`, if it does not fit."""
    if not isinstance(values, dict):
        raise ValueError(f"The {what} must consist of names and values.")
    known = {each.name: each for each in fields(make)}
    if wrong := sorted(set(values) - set(known)):
        raise ValueError(f"The {what} has unknown names: {', '.join(wrong)}.")
    required = {key for key, each in known.items() if each.default is MISSING and each.default_factory is MISSING}
    if missing := sorted(required - set(values)):
        raise ValueError(f"The {what} lacks {', '.join(missing)}.")
    try:
        return make(**{key: _tuple(value) for key, value in values.items()})
    except ValueError as error:
        raise ValueError(f"The {what} is wrong. {error}") from error


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def _parts(text: str) -> Iterator[Part]:
    headings = list(HEADING.finditer(text))
    if not headings or text[: headings[0].start()].strip():
        raise ValueError("Its text must begin with a heading of the second level, such as ## Ask first (5 minutes).")
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        yield Part(heading["title"], int(heading["minutes"] or 0), text[heading.end() : end].strip())


def _check_references(lesson: Lesson) -> None:
    """Raise ValueError unless every reference exists and every link and question is used."""
    used = {(kind, name) for part in lesson.parts for kind, name in part.blocks() if kind != "text"}
    defined = {("link", name) for name in lesson.links} | {("question", name) for name in lesson.questions}
    if missing := sorted(used - defined):
        raise ValueError(
            f"Its text refers to {' and '.join(' '.join(pair) for pair in missing)}, which does not exist."
        )
    if unused := sorted(defined - used):
        raise ValueError(f"Its text never refers to {' and '.join(' '.join(pair) for pair in unused)}.")
