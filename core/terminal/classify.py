"""The command classify."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from core import classify, plane
from core.autograd import nn, optim
from core.classify import ClassifyConfig, augment, copies, datasets, inputs
from core.classify.presets import PRESETS
from core.classify.weights_file import to_file
from core.plane import PlaneConfig
from core.plane.features import FEATURES
from core.terminal import points
from core.terminal.options import add_json, add_options, check_writable, flag, given
from core.terminal.output import Stopwatch, count, print_json

OPTIONS = {
    "dataset": (
        f"images to classify: {', '.join(datasets.DATASETS)}; downloaded if necessary. Or points in a plane: "
        f"{', '.join(plane.DATASETS)}"
    ),
    "hidden": "units per hidden layer, first layer first; none for no hidden layer",
    "lr": "learning rate: how far a step follows the gradient, before the schedule scales it",
    "momentum": "fraction of the last step that is added to the next one, so that steps in one direction add up",
    "weight_decay": "how strongly each weight is pulled towards 0, to reduce overfitting",
    "dropout": "fraction of the hidden units that are switched off at random in each step",
    "label_smoothing": (
        "probability that is taken from the target class and spread evenly over all classes, so that the network does "
        "not become overconfident"
    ),
    "schedule": f"how the learning rate changes during training: {', '.join(optim.SCHEDULES)}",
    "batch_size": "number of images per training step",
    "epochs": "number of passes through the training images",
    "seed": "seed of the random numbers; the same seed gives the same curve",
    "activation": f"function after each hidden layer: {', '.join(nn.ACTIVATIONS)}",
    "initialisation": f"distribution of the initial weights: {', '.join(nn.INIT_STDS)}",
    "optimizer": f"optimiser: {', '.join(optim.OPTIMIZERS)}; for adam, --momentum is its first beta",
    "features": (
        f"input of the network: {', '.join(inputs.FEATURES)}; for points in a plane, some of {','.join(FEATURES)}"
    ),
    "patches": "patch features: number of filters; half are cut from training images, half are their mirror images",
    "grid": "patch features: filter responses are averaged in a grid of N by N cells",
    "threshold": "patch features: subtracted from the strength of every filter response; weaker ones count as 0",
    "augment": f"random changes of the training images: {', '.join(augment.AUGMENTATIONS)}",
    "average": (
        "at the end, also measure accuracy with predictions averaged over copies of each image: "
        f"{', '.join(copies.COPIES)}"
    ),
    "train_size": "number of training images to use; 0 for all",
    "shuffled_labels": "shuffle the training labels, so that the network can only memorise them",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add options for images and for points in a plane."""
    defaults = PlaneConfig()
    parser.epilog = (
        "Some of the training images are held out for validation; train_size in the JSON output does not include "
        "them. The test images are used only once, at the end. With points in a plane, other defaults apply: "
        f"--hidden {','.join(map(str, defaults.hidden))} --activation {defaults.activation} --initialisation "
        f"{defaults.initialisation} --weight-decay {defaults.weight_decay:g} --batch-size {defaults.batch_size} "
        f"--epochs {defaults.epochs} --features {','.join(defaults.features)}, and no schedule."
    )
    parser.add_argument("--save", metavar="FILE", help="save the weights as .npz; the Classify page can load this file")
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        metavar="NAME",
        default="baseline",
        help=f"sets the defaults of the other options: {', '.join(PRESETS)} (default: baseline, as below)",
    )
    add_options(parser, ClassifyConfig, OPTIONS)
    add_options(parser, PlaneConfig, points.OPTIONS)
    parser.add_argument(
        "--points",
        metavar="FILE",
        help="points in a plane: CSV of x, y and a label, for the datasets own and own-values",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Train a classifier and print its losses and accuracies."""
    if options.save is not None:
        check_writable(Path(options.save))
    settings = given(ClassifyConfig, options)
    preset = PRESETS[options.preset]
    dataset_name = settings.get("dataset", preset.dataset or ClassifyConfig.dataset)
    if dataset_name in plane.DATASETS:
        return points.run(dataset_name, options)
    if wrong := [name for name in (*points.OPTIONS, "points") if getattr(options, name, None) is not None]:
        raise ValueError(f"{flag(wrong[0])} is for points in a plane, but {dataset_name} is a dataset of images.")
    features = settings.get("features", preset.features or ClassifyConfig.features)
    config = replace(preset.config(dataset_name, features), **settings)
    dataset = load(config.dataset)
    validation_size = classify.validation_size(len(dataset.y_train))
    train_size = config.train_size or len(dataset.y_train) - validation_size
    history = []
    training = Stopwatch(classify.fit(config, dataset))
    if not options.json:
        print(
            f"{dataset.name}: {train_size:,} training images, {validation_size:,} validation images, "
            f"{len(dataset.y_test):,} test images; input: {config.features}\n\n"
            "        learning     training             validation\n"
            "epochs      rate     loss   accuracy      loss   accuracy"
        )
    steps = config.epochs * math.ceil(train_size / config.batch_size)
    with tqdm(total=steps, desc="Training", unit="step", leave=False, disable=sys.stderr is None) as bar:
        for event in training:
            match event:
                case classify.PreparationProgress():
                    bar.set_description_str(f"{event.text}, {event.fraction:.0%}")
                case classify.Step():
                    if event.step == 0:
                        bar.set_description_str("Training")
                    bar.update()
                case classify.Epoch():
                    history.append(metrics(event))
                    if not options.json:
                        bar.write(table_row(event), file=sys.stdout)
                case classify.Result():
                    result = event
    if options.save is not None and training.checkpoint:
        Path(options.save).write_bytes(to_file(config, training.checkpoint))
    if options.json:
        print_json(
            dataset=dataset.name,
            features=config.features,
            test_accuracy=result.accuracy,
            average=config.average,
            averaged_test_accuracy=result.averaged_accuracy,
            averaged_val_accuracy=result.averaged_val_accuracy,
            epochs=len(history),
            train_seconds=training.seconds,
            train_size=train_size,
            test_size=result.size,
            history=history,
        )
        return
    received = inputs.FEATURES[config.features]
    print(f"\nTest accuracy  {result.accuracy:.2%} of {result.size:,} test images, from {received}")
    if result.averaged_accuracy is not None:
        print(
            f"Averaged       {result.averaged_accuracy:.2%} (validation: {result.averaged_val_accuracy:.2%}), with "
            f"predictions averaged over {' and '.join(config.average)}"
        )
    print(
        f"Time           {training.seconds:.1f} s for {count(len(history), 'epoch')}"
        + ("" if config.features == "pixels" else f", including the {received}")
    )


def metrics(event: classify.Epoch) -> dict[str, float]:
    """Return the event's fields that are numbers."""
    return {name: value for name, value in vars(event).items() if isinstance(value, int | float)}


def table_row(event: classify.Epoch) -> str:
    """Format an epoch as a row of the table."""
    return (
        f"{event.epoch + 1:6d}  {event.lr:8.3g}  {event.train_loss:7.4f}  {event.train_accuracy:8.2%}  "
        f"  {event.val_loss:7.4f}  {event.val_accuracy:8.2%}"
    )


def load(name: str) -> datasets.Dataset:
    """Load a dataset, with a progress bar if it takes a while. Raises DatasetError if it is not available."""
    bar_format = "{desc} {percentage:3.0f}% |{bar}|"
    with tqdm(total=1.0, bar_format=bar_format, delay=0.5, leave=False, disable=sys.stderr is None) as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update(fraction - bar.n)

        return datasets.load(name, progress=show)
