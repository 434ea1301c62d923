"""Limits that a teacher sets for a class: on the size of runs, how many may be started, and how long they are kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from core.classify import ClassifyConfig
from core.memorize import MAX_CHARACTERS, MemorizeConfig
from core.plane import PlaneConfig
from core.text import graphemes
from core.training import check_range

# Limits of the whole server
MAX_STARTS_PER_ADDRESS = 1_200  # per minute; all students of a school often share one address
MAX_WAITING_RUNS = 1_000


@dataclass(frozen=True)
class Limits:
    """Limits on a class's runs, in addition to those of the configs themselves. Raises ValueError if one is invalid.

    Attributes:
        max_characters: length of a sentence to memorise.
        max_hidden_size: hidden size of an LSTM.
        max_memorize_epochs: epochs of a memorize run.
        max_layer_width: units of one hidden layer of a classify run.
        max_classify_epochs: epochs of a classify run.
        max_minutes: training time of one run, after which it is stopped.
        idle_pause_minutes: time without viewers after which a run is paused until it is viewed again; 0 for never.
        max_starts_per_minute: runs that one browser may start per minute.
        max_queued_runs: runs that one browser may have in the queue.
        max_class_starts_per_minute: runs that the whole class may start per minute.
        keep_days: age at which runs that have ended or are paused, and answers without a class, are deleted; 0: never.
        keep_megabytes: size of all ended runs above which the oldest are deleted; 0 for no limit.
        accepting_runs: whether new runs may be started at all.
    """

    max_characters: int = MAX_CHARACTERS
    max_hidden_size: int = 512
    max_memorize_epochs: int = 5_000
    max_layer_width: int = 4_096
    max_classify_epochs: int = 500
    max_minutes: float = 180.0
    idle_pause_minutes: float = 3.0
    max_starts_per_minute: int = 60
    max_queued_runs: int = 60
    max_class_starts_per_minute: int = 600
    keep_days: int = 365
    keep_megabytes: int = 10_000
    accepting_runs: bool = True

    def __post_init__(self):
        for field in fields(self):
            if field.name != "accepting_runs":
                whole = field.type == "int"
                check_range(f"{field.name.replace('_', ' ').capitalize()}", getattr(self, field.name), 0, 10**6, whole)

    def check(self, config: Any) -> None:
        """Raise ValueError, with a message for students, if the config exceeds a limit."""
        if not self.accepting_runs:
            raise ValueError("Your teacher has paused new runs. Try again when they are allowed.")
        sizes: list[tuple[str, int, int]] = []
        match config:
            case MemorizeConfig():
                sizes = [
                    ("The number of characters", len(graphemes(config.sentence)), self.max_characters),
                    ("The hidden size", config.hidden_size, self.max_hidden_size),
                    ("The number of epochs", config.epochs, self.max_memorize_epochs),
                ]
            case ClassifyConfig():
                sizes = [
                    ("The size of a hidden layer", max(config.hidden, default=0), self.max_layer_width),
                    ("The number of epochs", config.epochs, self.max_classify_epochs),
                ]
            case PlaneConfig():  # even its largest network trains in seconds
                sizes = [("The size of a hidden layer", max(config.hidden, default=0), self.max_layer_width)]
        for name, size, limit in sizes:
            if size > limit:
                raise ValueError(f"{name} may be at most {limit:,} in this class, but it is {size:,}.")
