"""What a teacher allows: bounds on what one run may ask for, and on how much of the machine one student gets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from core.classify import ClassifyConfig
from core.memorize import MAX_CHARACTERS, MemorizeConfig
from core.text import graphemes
from core.training import check_range


@dataclass(frozen=True)
class Limits:
    """Bounds on new runs. The configs' own bounds hold, too. Raises ValueError where a field is wrong.

    characters, hidden_size, max_memorize_epochs: of a sentence to memorise, and of the LSTM that does it.
    max_layer_width, max_classify_epochs: of a network for pictures.
    max_minutes: of training that a run may take, then it is stopped. idle_pause_minutes: after so long without anybody who
    looks at it a run is paused, until it is looked at again; 0: never.
    max_starts_per_minute, max_queued_runs: how many a browser may start, and have in the queue.
    accepting_runs: whether new runs may be started at all.
    """

    max_characters: int = MAX_CHARACTERS
    max_hidden_size: int = 512
    max_memorize_epochs: int = 5_000
    max_layer_width: int = 4_096
    max_classify_epochs: int = 500
    max_minutes: float = 60.0
    idle_pause_minutes: float = 3.0
    max_starts_per_minute: int = 60
    max_queued_runs: int = 60
    accepting_runs: bool = True

    def __post_init__(self):
        for field in fields(self):
            if field.name != "accepting_runs":
                whole = field.type == "int"
                check_range(f"{field.name.replace('_', ' ').capitalize()}", getattr(self, field.name), 0, 10**6, whole)

    def check(self, config: Any) -> None:
        """Raise ValueError with a sentence for a student where the config asks for more than is allowed."""
        if not self.accepting_runs:
            raise ValueError("Your teacher has paused new runs: wait until they are open again.")
        match config:
            case MemorizeConfig():
                bounds = [
                    ("The number of characters", len(graphemes(config.sentence)), self.max_characters),
                    ("The hidden size", config.hidden_size, self.max_hidden_size),
                    ("The number of epochs", config.epochs, self.max_memorize_epochs),
                ]
            case ClassifyConfig():
                bounds = [
                    ("The size of a hidden layer", max(config.hidden, default=0), self.max_layer_width),
                    ("The number of epochs", config.epochs, self.max_classify_epochs),
                ]
        for name, value, most in bounds:
            if value > most:
                raise ValueError(f"{name} may be at most {most:,} in this class, but it is {value:,}.")
