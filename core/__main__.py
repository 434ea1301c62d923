"""Train the networks from a terminal: see `python -m core --help`."""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tqdm import tqdm

from core import classify, memorize, plane
from core.autograd import nn, optim
from core.classify import ClassifyConfig, augment, copies, datasets, inputs
from core.classify.presets import PRESETS
from core.classify.weights_file import to_file
from core.memorize import MemorizeConfig, lstm
from core.memorize.rnn_variants import CELLS
from core.plane import PlaneConfig
from core.plane.features import FEATURES
from core.plane.pasted import parse_points
from core.plane.weights_file import to_file as to_plane_file
from core.training import Checkpoint, TrainingDiverged

MEMORIZE_OPTIONS = {
    "hidden_size": "units per layer; more units can hold a longer sentence, but take longer",
    "num_layers": "number of LSTM layers; each reads the hidden states of the layer below",
    "lr": "learning rate: how far Adam moves the weights at each step",
    "epochs": "number of passes through the sentence, one training step each",
    "backend": (
        f"how gradients are computed: {', '.join(lstm.BACKENDS)}; torch is PyTorch's autograd, bptt is "
        "backpropagation through time written by hand, which is much faster"
    ),
    "seed": "seed of the random numbers; the same seed gives the same curve",
    "cell": f"recurrent layer: {', '.join(CELLS)}",
    "stop_when_learned": "stop as soon as the network generates the whole sentence",
}
CLASSIFY_OPTIONS = {
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
        "share of the target's probability that all classes get alike, so that the network does not become too sure"
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
    "threshold": "patch features: weaker filter responses count as 0",
    "augment": f"random changes of the training images: {', '.join(augment.AUGMENTATIONS)}",
    "average": (
        "at the end, also measure accuracy with predictions averaged over copies of each image: "
        f"{', '.join(copies.COPIES)}"
    ),
    "train_size": "number of training images to use; 0 for all",
    "shuffled_labels": "shuffle the training labels, so that the network can only memorise them",
}
PLANE_OPTIONS = {
    "classes": "points in a plane: number of classes of blobs, circles and spiral",
    "n_points": "points in a plane: number of points, validation included",
    "noise": "points in a plane: how far points are scattered, from 0 to 1",
    "validation": "points in a plane: fraction of the points that is held out for validation",
    "formula": "points in a plane: formula of x and y, for the datasets formula and surface",
}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports errors in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with status 2."""
        self.exit(print_error(f"{self.prog}: {message} (see --help)", status=2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in the arguments, by default those of the command line.

    Returns the exit status: 0, 1 if training diverged or nobody reads the output, 2 for invalid arguments or files that
    cannot be used, 130 after Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals that cannot show all characters
    options = build_parser().parse_args(arguments)
    try:
        with np.errstate(all="ignore"):  # divergence is reported once, without NumPy's warnings
            options.command(options)
        if sys.stdout:
            sys.stdout.flush()
    except TrainingDiverged as error:
        return print_error(str(error), status=1)
    except ValueError as error:  # includes DatasetError
        return print_error(str(error), status=2)
    except BrokenPipeError:  # as in `python -m core datasets | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it when it exits
        return 1
    except OSError as error:
        return print_error(str(error), status=2)
    except KeyboardInterrupt:
        return print_error("Stopped.", status=130)
    return 0


def print_error(message: str, status: int) -> int:
    """Print a message in one line on standard error and return the status."""
    print(" ".join(message.split()), file=sys.stderr)
    return status


def build_parser() -> Parser:
    """Build the parser of all commands."""
    parser = Parser(prog="python -m core", description="Train neural networks from a terminal.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    about = "Train an LSTM to memorise a sentence and generate it character by character."
    command = commands.add_parser("memorize", description=about, help=about)
    command.set_defaults(command=run_memorize)
    command.add_argument("sentence", metavar="TEXT", help="the sentence; put -- before a sentence that starts with -")
    add_options(command, MemorizeConfig, MEMORIZE_OPTIONS)
    add_json(command)

    about = "Train a multilayer perceptron to classify images, or points in a plane."
    defaults = PlaneConfig()
    epilog = (
        "Some of the training images are held out for validation; train_size in the JSON output does not include "
        "them. The test images are used only once, at the end. With points in a plane, other defaults apply: "
        f"--hidden {','.join(map(str, defaults.hidden))} --activation {defaults.activation} --initialisation "
        f"{defaults.initialisation} --weight-decay {defaults.weight_decay:g} --batch-size {defaults.batch_size} "
        f"--epochs {defaults.epochs} --features {','.join(defaults.features)}, and no schedule."
    )
    command = commands.add_parser("classify", description=about, help=about, epilog=epilog)
    command.set_defaults(command=run_classify)
    command.add_argument(
        "--save", metavar="FILE", help="save the weights as .npz; the Classify page can load this file"
    )
    command.add_argument(
        "--preset",
        choices=list(PRESETS),
        metavar="NAME",
        default="baseline",
        help=f"sets the defaults of the other options: {', '.join(PRESETS)} (default: baseline, as below)",
    )
    add_options(command, ClassifyConfig, CLASSIFY_OPTIONS)
    add_options(command, PlaneConfig, PLANE_OPTIONS)
    command.add_argument(
        "--points",
        metavar="FILE",
        help="points in a plane: CSV of x, y and a label, for the datasets own and own-values",
    )
    add_json(command)

    about = "List the datasets and whether they are on this machine."
    command = commands.add_parser("datasets", description=about, help=about)
    command.set_defaults(command=list_datasets)
    return parser


def add_options(parser: Parser, config: type, helps: dict[str, str]) -> None:
    """Add an option for each of these fields of a config dataclass; without the option, the attribute is not set."""
    defaults = {field.name: field.default for field in fields(config)}
    kinds: dict[type, tuple[Callable[[str], Any], str]] = {
        int: (whole_number, "N"),
        float: (number, "X"),
        tuple: (layers, "N,N"),
        str: (str, "NAME"),
    }
    for name, text in helps.items():
        default = defaults[name]
        if isinstance(default, bool):
            parser.add_argument(flag(name), action="store_true", default=argparse.SUPPRESS, help=text)
            continue
        convert, metavar = (names, "NAME,NAME") if name in ("augment", "average") else kinds[type(default)]
        shown = (",".join(map(str, default)) or "none") if isinstance(default, tuple) else default
        text = f"{text} (default: {shown})"
        parser.add_argument(flag(name), type=convert, metavar=metavar, default=argparse.SUPPRESS, help=text)


def add_json(parser: Parser) -> None:
    """Add the option --json."""
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of text")


def whole_number(text: str) -> int:
    """Convert a command-line argument to an int."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}") from None


def number(text: str) -> float:
    """Convert a command-line argument to a float."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}") from None


def layers(text: str) -> tuple[int, ...]:
    """Convert '256,128' to (256, 128), and '' or 'none' to ()."""
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected sizes such as 256,128, or none, not {text!r}") from None


def names(text: str) -> tuple[str, ...]:
    """Convert 'shift,flip' to ("shift", "flip"), and '' or 'none' to ()."""
    return () if text.strip().lower() in ("", "none") else tuple(name.strip() for name in text.split(","))


def given(cls: type, options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a config dataclass that were given as options."""
    return {field.name: getattr(options, field.name) for field in fields(cls) if hasattr(options, field.name)}


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


def run_memorize(options: argparse.Namespace) -> None:
    """Memorise a sentence and print the result."""
    config = MemorizeConfig(**given(MemorizeConfig, options))
    losses = []
    training = Stopwatch(memorize.fit(config))
    total, disabled = config.epochs, sys.stderr is None
    with tqdm(training, total=total, desc="Training", unit="epoch", leave=False, disable=disabled) as bar:
        for event in bar:
            losses.append(event.loss)
            bar.set_postfix_str(f"loss {event.loss:.4f}, {event.char_accuracy:.0%} correct", refresh=False)
    if options.json:
        print_json(
            sentence=config.sentence,
            reconstruction=event.reconstruction,
            char_accuracy=event.char_accuracy,
            final_loss=event.loss,
            epochs=len(losses),
            train_seconds=training.seconds,
            losses=losses,
        )
        return
    whole = event.reconstruction == config.sentence
    print(
        f"Sentence    {config.sentence}\n"
        f"Generated   {event.reconstruction}\n"
        f"Characters  {event.char_accuracy:.1%} correct" + (": the whole sentence" if whole else "") + "\n"
        f"Loss        {losses[0]:.4f} {sparkline(losses)} {losses[-1]:.4f}\n"
        f"Time        {training.seconds:.1f} s for {count(len(losses), 'epoch')}"
    )
    if not whole:
        print("Try more epochs, more units per layer or another learning rate: see --help.")


def run_classify(options: argparse.Namespace) -> None:
    """Train a classifier and print its losses and accuracies."""
    if options.save is not None:
        check_writable(Path(options.save))
    settings = given(ClassifyConfig, options)
    dataset_name = settings.get("dataset", ClassifyConfig.dataset)
    if dataset_name in plane.DATASETS:
        return run_plane(dataset_name, options)
    if wrong := [name for name in (*PLANE_OPTIONS, "points") if getattr(options, name, None) is not None]:
        raise ValueError(f"{flag(wrong[0])} is for points in a plane, but {dataset_name} is a dataset of images.")
    preset = PRESETS[options.preset].config(dataset_name, settings.get("features", ClassifyConfig.features))
    config = replace(preset, **settings)
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


def run_plane(dataset: str, options: argparse.Namespace) -> None:
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
                        bar.write(plane_row(event), file=sys.stdout)
                case plane.PlaneResult():
                    result = event
    if options.save is not None and training.checkpoint:
        Path(options.save).write_bytes(to_plane_file(config, training.checkpoint))
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


def plane_row(event: plane.PlaneEpoch) -> str:
    """Format an epoch of points in a plane as a row of the table; "-" where there is no number."""
    parts = [f"{event.epoch:6d}"]
    pairs = ((event.train_loss, event.train_accuracy), (event.val_loss, event.val_accuracy))
    for loss, accuracy in pairs:
        parts.append(f"{'-':>7}" if loss is None else f"{loss:7.4f}")
        parts.append(f"{'-':>9}" if accuracy is None else f"{accuracy:9.2%}")
    return "  ".join(parts[:3]) + "    " + "  ".join(parts[3:])


def flag(name: str) -> str:
    """Return the option that sets a field."""
    return f"--{name.replace('_', '-')}"


def check_writable(path: Path) -> None:
    """Raise ValueError, or OSError for an impossible name, if no file can be written there. Nothing is created."""
    if path.is_dir():
        raise ValueError(f"--save: {path} is a folder. Name a file in it, such as {path / 'weights.npz'}.")
    if not path.parent.is_dir():
        raise ValueError(f"--save: the folder {path.parent} does not exist. Create it first.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"--save: {path} cannot be written. Choose another file.")


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


def list_datasets(options: argparse.Namespace) -> None:
    """Print a line per dataset: name, title, sizes and location."""
    for name, info in datasets.DATASETS.items():
        if info.is_builtin:
            location = "built in"
        else:
            location = "on this machine" if info.is_available else f"download, {info.download_megabytes} MB"
        sizes = f"{info.train_size:,} for training, {info.test_size:,} for testing"
        print(f"{name:14}  {info.title:24}  {sizes:39}  {location}")


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


if __name__ == "__main__":
    sys.exit(main())
