"""A recorded run of the default settings, which the home page plays.

`python -m core.memorize.recording` records it again, after a change of the settings or of the training loop.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from core.memorize.config import MemorizeConfig
from core.memorize.training import MemorizeEpoch, fit
from core.training import Control

FILE = Path(__file__).with_suffix(".json")
EPOCHS = 100  # the first ones of the run; by then the whole sentence is generated


class Recording(NamedTuple):
    """The first epochs of a run.

    Attributes:
        sentence: the sentence that it memorises.
        losses: the loss of each epoch, in nats per character, rounded to four digits.
        texts: the text generated after each epoch.
    """

    sentence: str
    losses: list[float]
    texts: list[str]


def record(config: MemorizeConfig, epochs: int = EPOCHS) -> Recording:
    """Train the config's first epochs, and generate the text after each of them."""
    run = (event for event in fit(config, Control(verbose=True)) if isinstance(event, MemorizeEpoch))
    recorded = list(islice(run, epochs))
    return Recording(
        config.sentence,
        [float(f"{event.loss:.4g}") for event in recorded],
        [event.reconstruction for event in recorded],
    )


def load() -> Recording:
    """Return the recording that is kept in the project."""
    return Recording(**json.loads(FILE.read_text("utf-8")))


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(MemorizeConfig())._asdict(), indent=0) + "\n", "utf-8")
