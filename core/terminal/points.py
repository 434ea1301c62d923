"""The command classify with points in a plane."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tqdm import tqdm

from core import plane
from core.classify import ClassifyConfig
from core.plane import PlaneConfig
from core.plane.pasted import parse_points
from core.plane.weights_file import to_file
from core.terminal.options import flag, given, names
from core.terminal.output import Stopwatch, count, print_json

OPTIONS = {
    "classes": "points in a plane: number of classes of blobs, circles and spiral",
    "n_points": "points in a plane: number of points, validation included",
    "noise": "points in a plane: how far points are scattered, from 0 to 1",
    "validation": "points in a plane: fraction of the points that is held out for validation",
    "formula": "points in a plane: formula of x and y, for the datasets formula and surface",
}


def run(dataset: str, options: argparse.Namespace) -> None:
    """Train on points in a plane and print losses and accuracies."""
    known = {field.name for field in fields(PlaneConfig)}
    if wrong := sorted(given(ClassifyConfig, options).keys() - known):
        raise ValueError(f"{flag(wrong[0])} is for images, but {dataset} is a dataset of points in a plane.")
    if options.preset != "baseline":
        raise ValueError(f"--preset {options.preset} is for images, but {dataset} is a dataset of points in a plane.")
    info, settings = plane.DATASETS[dataset], given(PlaneConfig, options)
    settings.pop("points", None)
    if "features" in settings:
        settings["features"] = names(settings["features"])
    elif info.inputs == 1:
        settings["features"] = ("x",)
    if options.points is not None:
        parsed = parse_points(Path(options.points).read_bytes(), info.task)
        settings["points"] = parsed.points
        print(*parsed.notes, sep="\n", end="\n" if parsed.notes else "", file=sys.stderr)
    config = PlaneConfig(**{**settings, "task": info.task})
    data, history = plane.make(config), []
    training = Stopwatch(plane.fit(config))
    if not options.json:
        print(
            f"{dataset}: {len(data.training):,} training points, {len(data.validation):,} validation points, "
            f"{len(data.test_points):,} test points; input: {', '.join(config.features)}\n\n"
            "          training             validation\n"
            "epochs    loss   accuracy      loss   accuracy"
        )
    with tqdm(total=config.epochs, desc="Training", unit="epoch", leave=False, disable=sys.stderr is None) as bar:
        for event in training:
            match event:
                case plane.PlaneEpoch():
                    bar.update(event.epoch - bar.n)
                    history.append({name: value for name, value in vars(event).items() if name != "weights"})
                    if not options.json and (event.is_last or event.epoch % max(1, config.epochs // 20) == 0):
                        bar.write(table_row(event), file=sys.stdout)
                case plane.PlaneResult():
                    result = event
    if options.save is not None and training.checkpoint:
        Path(options.save).write_bytes(to_file(config, training.checkpoint))
    if options.json:
        print_json(
            dataset=dataset,
            features=config.features,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            epochs=config.epochs,
            train_seconds=training.seconds,
            train_size=len(data.training),
            test_size=result.size,
            history=history,
        )
        return
    print()
    if result.accuracy is not None:
        print(f"Test accuracy  {result.accuracy:.2%} of {result.size:,} test points")
    if result.loss is not None:
        print(f"Test loss      {result.loss:.4f}")
    print(f"Time           {training.seconds:.1f} s for {count(config.epochs, 'epoch')}")


def table_row(event: plane.PlaneEpoch) -> str:
    """Format an epoch of points in a plane as a row of the table; "-" where there is no number."""
    parts = [f"{event.epoch:6d}"]
    pairs = ((event.train_loss, event.train_accuracy), (event.val_loss, event.val_accuracy))
    for loss, accuracy in pairs:
        parts.append(f"{'-':>7}" if loss is None else f"{loss:7.4f}")
        parts.append(f"{'-':>9}" if accuracy is None else f"{accuracy:9.2%}")
    return "  ".join(parts[:3]) + "    " + "  ".join(parts[3:])
