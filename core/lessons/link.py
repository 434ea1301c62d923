"""Lesson links: an address that sets a page, names a task, and chooses what else the page shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

MAX_TASK = 240  # characters
MAX_SENTENCES = 2
TASK, TABS, CONTROLS, SOLUTIONS = RESERVED = ("task", "tabs", "controls", "solutions")
CLOSED, NONE = "closed", "none"
Value = str | tuple[str, ...]
SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)]*(?:\s+|$)")


@dataclass(frozen=True)
class LessonLink:
    """What an address sets on a page.

    Attributes:
        page: the page's path, such as "memorize".
        settings: values of the page's settings by their names in the address, the open tab among them; several values
            of one setting as a tuple.
        task: what to do, in at most two sentences; "" for no task.
        tabs: the tabs that the page shows; None for all.
        controls: the settings that can be changed; None for all.
        solutions: whether solutions can be opened.

    Raises ValueError if the task is too long.
    """

    page: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    task: str = ""
    tabs: tuple[str, ...] | None = None
    controls: tuple[str, ...] | None = None
    solutions: bool = True

    def __post_init__(self):
        object.__setattr__(self, "task", " ".join(self.task.split()))
        if len(self.task) > MAX_TASK:
            raise ValueError(
                f"A task may have at most {MAX_TASK} characters, but this one has {len(self.task):,}. Shorten it."
            )
        if (sentences := count_sentences(self.task)) > MAX_SENTENCES:
            raise ValueError(f"A task may have at most two sentences, but this one has {sentences}. Shorten it.")

    @property
    def query(self) -> dict[str, Value]:
        """The query parameters of the address."""
        query: dict[str, Value] = dict(self.settings)
        if self.task:
            query[TASK] = self.task
        for name, shown in ((TABS, self.tabs), (CONTROLS, self.controls)):
            if shown is not None:
                query[name] = ",".join(shown) or NONE
        if not self.solutions:
            query[SOLUTIONS] = CLOSED
        return query

    @property
    def address(self) -> str:
        """The address, relative to the dashboard's."""
        query = urlencode(self.query, doseq=True, quote_via=quote)
        return f"{self.page}?{query}" if query else self.page

    @classmethod
    def from_query(cls, page: str, query: Mapping[str, str], settings: Mapping[str, Value] | None = None) -> LessonLink:
        """Read the task and what is shown from the query parameters of an address.

        Raises ValueError if the task is too long.
        """
        shown = {name: split_names(query.get(name)) for name in (TABS, CONTROLS)}
        return cls(page, settings or {}, query.get(TASK, ""), **shown, solutions=query.get(SOLUTIONS) != CLOSED)


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Split names at commas; "none" gives no name, and None stands for all."""
    if text is None:
        return None
    return tuple(name for part in text.split(",") if (name := part.strip()) and name != NONE)


def count_sentences(text: str) -> int:
    """Count the sentences of a text: parts that end with a full stop, a question mark or an exclamation mark."""
    return sum(bool(part.strip()) for part in SENTENCE_END.split(text))
