"""What all commands print: seconds, numbers, a curve, JSON."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from core.training import Checkpoint


class Stopwatch:
    """Iterator over the events of a training loop, except its checkpoints.

    Attributes:
        seconds: Time spent in the loop so far.
        checkpoint: The last checkpoint.
    """

    def __init__(self, events: Iterator[Any]):
        self.events, self.seconds = events, 0.0
        self.checkpoint: Checkpoint | None = None

    def __iter__(self) -> Iterator[Any]:
        while True:
            began = time.perf_counter()
            event = next(self.events, None)
            self.seconds += time.perf_counter() - began
            if event is None:
                return
            if isinstance(event, Checkpoint):
                self.checkpoint = event
            else:
                yield event


def count(number: int, noun: str) -> str:
    """Format a number with its noun: "1 epoch", "2 epochs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_json(**result: Any) -> None:
    """Print the result in one line of JSON."""
    print(json.dumps(result, allow_nan=False))


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Draw the values as a row of at most `width` bars, with heights on a logarithmic scale."""
    bars = "▁▂▃▄▅▆▇█"
    chosen = [values[i * len(values) // width] for i in range(width)] if len(values) > width else values
    logs = [math.log(max(value, 1e-12)) for value in chosen]
    low, spread = min(logs), (max(logs) - min(logs)) or 1.0
    return "".join(bars[round((value - low) / spread * (len(bars) - 1))] for value in logs)
