"""What a teacher allows: bounds on what one run may ask for, and on how much of the machine one student gets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from core.classify import ClassifyConfig
from core.memorize import MAX_CHARACTERS, MemorizeConfig, characters
from core.training import check_range


@dataclass(frozen=True)
class Rules:
    """Bounds on new runs. The configs' own bounds hold, too. Raises ValueError where a field is wrong.

    characters, hidden_size, memorize_epochs: of a sentence to memorise, and of the LSTM that does it.
    layer_width, classify_epochs: of a network for pictures.
    minutes: of training that a run may take, then it is stopped. unwatched_minutes: after so long without anybody who
    looks at it a run is paused, until it is looked at again; 0: never.
    starts_a_minute, runs_waiting: how many a browser may start, and have in the queue.
    open: whether new runs may be started at all.
    """

    characters: int = MAX_CHARACTERS
    hidden_size: int = 512
    memorize_epochs: int = 5_000
    layer_width: int = 4_096
    classify_epochs: int = 500
    minutes: float = 60.0
    unwatched_minutes: float = 3.0
    starts_a_minute: int = 60
    runs_waiting: int = 60
    open: bool = True

    def __post_init__(self):
        for field in fields(self):
            if field.name != "open":
                whole = field.type == "int"
                check_range(f"{field.name.replace('_', ' ').capitalize()}", getattr(self, field.name), 0, 10**6, whole)

    def check(self, config: Any) -> None:
        """Raise ValueError with a sentence for a student where the config asks for more than is allowed."""
        if not self.open:
            raise ValueError("Your teacher has paused new runs: wait until they are open again.")
        match config:
            case MemorizeConfig():
                bounds = [
                    ("The number of characters", len(characters(config.sentence)), self.characters),
                    ("The hidden size", config.hidden_size, self.hidden_size),
                    ("The number of epochs", config.epochs, self.memorize_epochs),
                ]
            case ClassifyConfig():
                bounds = [
                    ("The size of a hidden layer", max(config.hidden, default=0), self.layer_width),
                    ("The number of epochs", config.epochs, self.classify_epochs),
                ]
        for name, value, most in bounds:
            if value > most:
                raise ValueError(f"{name} may be at most {most:,} in this class, but it is {value:,}.")
