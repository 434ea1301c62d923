"""Compare the recurrent cells on texts that need a short and a long memory: python -m benchmarks.cells."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.memorize import MemorizeConfig, MemorizeEpoch, fit
from core.memorize.predictions import context_length
from core.memorize.presets import PRESETS
from core.memorize.training import seconds_per_epoch

TEXTS = ("Baseline", "100 words", "Brackets")
CELLS = ("MyLSTM", "GRU", "RNN")


@dataclass(frozen=True)
class Row:
    """One cell on one text.

    Attributes:
        text: name of the preset.
        cell: the cell.
        learned: epochs until the whole text was generated, one per seed; None if it never was.
        losses: loss after the last epoch, one per seed.
        milliseconds: time of one epoch.
    """

    text: str
    cell: str
    learned: list[int | None]
    losses: list[float]
    milliseconds: float


def measure(text: str, config: MemorizeConfig, seeds: Sequence[int]) -> Row:
    """Train once per seed, to the last epoch; the text is generated every 20 epochs."""
    learned, losses = [], []
    for seed in seeds:
        history = [event for event in fit(replace(config, seed=seed)) if isinstance(event, MemorizeEpoch)]
        learned.append(next((epoch.epoch + 1 for epoch in history if epoch.char_accuracy == 1), None))
        losses.append(history[-1].loss)
    return Row(text, config.cell, learned, losses, 1e3 * seconds_per_epoch(config))


def format_row(row: Row) -> str:
    """Format a row of the table in docs/benchmarks.md."""
    epochs = ", ".join("–" if epoch is None else str(epoch) for epoch in row.learned)
    loss = statistics.median(row.losses)
    return f"| {row.text} | {row.cell} | {epochs} | {loss:.4f} | {row.milliseconds:.1f} ms |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cells", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="runs per cell and text (default: 5)")
    options = parser.parse_args()
    configs = {preset.name: preset.config for preset in PRESETS}
    for text in TEXTS:
        print(f"{text}: at most {context_length(configs[text].sentence)} characters of context are needed")
    print("| Text | Cell | Whole text after, seeds 0 to 4 | Median of the final loss | One epoch |")
    for text in TEXTS:
        for cell in CELLS:
            print(format_row(measure(text, replace(configs[text], cell=cell), range(options.seeds))), flush=True)


if __name__ == "__main__":
    main()
