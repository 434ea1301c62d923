"""An ablation study on CIFAR-10: recorded runs, each with a further change that raises or lowers accuracy.

`python -m core.classify.ablation` trains and records them again, on all cores: 18 runs of about four minutes each.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import accumulate, product
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from core.classify import datasets
from core.classify.config import ClassifyConfig
from core.classify.training import Epoch, Result, fit

FILE = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2)
BASE = ClassifyConfig("cifar10", (1024, 512), lr=0.02, schedule="warmup", weight_decay=0.0, epochs=20)
CHANGES: Mapping[str, dict[str, Any]] = {
    "Starting point": {"average": ("mirror",)},
    "Augmentation": {"augment": ("shift", "flip")},
    "Weight decay": {"weight_decay": 1e-3},
    "Label smoothing": {"label_smoothing": 0.1},
    "Dropout": {"dropout": 0.1},
    "Whitened pixels": {"features": "whitened"},
}
"""Names of the variants, and what each changes compared with the one before."""


class RecordedRun(NamedTuple):
    """One run of a variant. Accuracies are from 0 to 1.

    Attributes:
        seed: its seed.
        train_accuracies: on the training images, in each epoch while the weights were changing.
        val_accuracies: on the validation images, after each epoch.
        test_accuracy: on the test images, after the last epoch.
        averaged_test_accuracy: likewise, with predictions averaged over an image and its mirror image.
    """

    seed: int
    train_accuracies: list[float]
    val_accuracies: list[float]
    test_accuracy: float
    averaged_test_accuracy: float


class Variant(NamedTuple):
    """Settings, and the recorded runs with them.

    Attributes:
        name: what was changed compared with the variant before.
        config: all settings; the seed is that of the first run.
        runs: one per seed.
    """

    name: str
    config: ClassifyConfig
    runs: list[RecordedRun]

    def median(self, measure: str) -> float:
        """Return the median of a measure of the runs: "test_accuracy" or "averaged_test_accuracy"."""
        return statistics.median(getattr(run, measure) for run in self.runs)


def configs() -> dict[str, ClassifyConfig]:
    """Return the settings of every variant by its name."""
    return {
        name: ClassifyConfig(**vars(BASE) | settings)
        for name, settings in zip(CHANGES, accumulate(CHANGES.values(), dict.__or__), strict=True)
    }


def load() -> list[Variant]:
    """Return the variants with the runs that are kept in the project."""
    recorded = json.loads(FILE.read_text("utf-8"))
    return [Variant(name, config, [RecordedRun(**run) for run in recorded[name]]) for name, config in configs().items()]


def record(config: ClassifyConfig) -> RecordedRun:
    """Train with these settings, on one core. Raises ValueError if they average no predictions."""
    with threadpool_limits(1):
        events = list(fit(config, datasets.load(config.dataset)))
    epochs = [event for event in events if isinstance(event, Epoch)]
    (result,) = (event for event in events if isinstance(event, Result))
    if result.averaged_accuracy is None:
        raise ValueError("These settings average no predictions: `average` is empty. Name at least one kind of copies.")
    return RecordedRun(
        config.seed,
        [round(epoch.train_accuracy, 4) for epoch in epochs],
        [round(epoch.val_accuracy, 4) for epoch in epochs],
        result.accuracy,
        result.averaged_accuracy,
    )


def record_all() -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Train every variant with every seed, on all cores; yield what is recorded after each run."""
    recorded: dict[str, list[dict[str, Any]]] = {name: [] for name in CHANGES}
    jobs = [(name, replace(config, seed=seed)) for (name, config), seed in product(configs().items(), SEEDS)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for (name, _), run in zip(jobs, pool.map(record, [config for _, config in jobs]), strict=True):
            recorded[name].append(run._asdict())
            yield recorded


if __name__ == "__main__":
    for runs in tqdm(record_all(), total=len(CHANGES) * len(SEEDS), unit="run"):
        FILE.write_text(json.dumps(runs, indent=0) + "\n", "utf-8")
