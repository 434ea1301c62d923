"""The dashboard's two jobs from a terminal: `python -m core --help`."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tqdm import tqdm

from core import classify, memorize
from core.autograd import nn, optim
from core.classify import ClassifyConfig, augment, datasets, inputs
from core.classify.presets import PRESETS
from core.classify.weights_file import to_file
from core.memorize import MemorizeConfig, lstm
from core.memorize.rnn_variants import CELLS
from core.training import Checkpoint, TrainingDiverged

MEMORIZE_OPTIONS = {
    "hidden_size": "units in each layer; more of them hold a longer sentence, and take longer",
    "num_layers": "LSTM layers on top of each other; each reads the hidden states of the one below",
    "lr": "learning rate: how far Adam moves the weights at each step",
    "epochs": "how often the whole sentence is seen, one step each",
    "backend": f"who finds the gradients, of {', '.join(lstm.BACKENDS)}: PyTorch, step by step, or ours, much faster",
    "seed": "where the random numbers begin; the same seed gives the same curve",
    "cell": f"what stands in the LSTM's place, of {', '.join(CELLS)}",
    "stop_when_learned": "end as soon as the whole sentence comes back",
}
CLASSIFY_OPTIONS = {
    "dataset": f"which pictures, of {', '.join(datasets.DATASETS)}; those that are not here are downloaded",
    "hidden": "units of each hidden layer, from the pictures on; none for no hidden layer",
    "lr": "learning rate: how far a step follows the gradient, before the schedule scales it",
    "momentum": "share of the last step that is kept in the next one, so that steps in one direction add up",
    "weight_decay": "pull of every weight towards 0, against learning the training pictures by heart",
    "dropout": "share of the hidden units that are switched off at random in each step",
    "schedule": f"how the learning rate changes while training goes on: {', '.join(optim.SCHEDULES)}",
    "batch_size": "pictures that are averaged over in one step",
    "epochs": "how often every training picture is seen",
    "seed": "where the random numbers begin; the same seed gives the same curve",
    "activation": f"what follows each hidden layer: {', '.join(nn.ACTIVATIONS)}",
    "initialisation": f"how large the first weights are: {', '.join(nn.INIT_STDS)}",
    "optimizer": f"what makes steps of gradients: {', '.join(optim.OPTIMIZERS)} (momentum is then Adam's first beta)",
    "features": f"what the network sees: {', '.join(inputs.FEATURES)}",
    "patches": "with --features patches, how many filters: half cut from training pictures, half their mirror images",
    "grid": "with --features patches, into how many cells a side what they find is added up",
    "augment": f"random changes of the pictures learned from, of {', '.join(augment.AUGMENTATIONS)}",
    "train_size": "learn from so many pictures only; 0 for all",
    "shuffled_labels": "deal the labels out at random: what is learned then is learned by heart",
}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that complains in one line, and shows the usage only when it is asked for it."""

    def error(self, message: str) -> NoReturn:
        self.exit(complain(f"{self.prog}: {message} (--help explains the options)", status=2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments (by default the command line's) say.

    Returns the exit status: 0, 1 where the training diverged, 2 for bad arguments, 130 after Ctrl-C.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without emoji can show the report, too
    options = build_parser().parse_args(arguments)
    try:
        with np.errstate(all="ignore"):  # a loss that explodes is told in a sentence, not in NumPy's warnings
            options.command(options)
    except TrainingDiverged as error:
        return complain(str(error), status=1)
    except ValueError as error:  # the core's own sentences (a DatasetError is one, too)
        return complain(str(error), status=2)
    except KeyboardInterrupt:
        return complain("Stopped.", status=130)
    return 0


def complain(message: str, status: int) -> int:
    """Say in one line on standard error what went wrong; gives the status back."""
    print(" ".join(message.split()), file=sys.stderr)
    return status


def build_parser() -> Parser:
    parser = Parser(prog="python -m core", description="Watch two neural networks learn, from a terminal.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    about = "An LSTM learns a sentence by heart, character by character, and says it back by itself."
    command = commands.add_parser("memorize", description=about, help=about)
    command.set_defaults(command=run_memorize)
    command.add_argument("sentence", metavar="TEXT", help="the sentence; put -- before one that begins with -")
    add_options(command, MemorizeConfig, MEMORIZE_OPTIONS)

    about = "A multilayer perceptron learns from labelled pictures to tell new ones apart."
    epilog = (
        "A part of the training pictures is set aside for validation: train_size, in the JSON object, counts those "
        "that were learned from. The test pictures are only used once, at the end."
    )
    command = commands.add_parser("classify", description=about, help=about, epilog=epilog)
    command.set_defaults(command=run_classify)
    command.add_argument("--save", metavar="FILE", help="write the weights to this .npz: the page's Take home loads it")
    command.add_argument(
        "--preset",
        choices=list(PRESETS),
        metavar="NAME",
        default="baseline",
        help=f"where the other options' defaults come from, of {', '.join(PRESETS)} (default: baseline)",
    )
    add_options(command, ClassifyConfig, CLASSIFY_OPTIONS)

    about = "Lists the data sets, and which of them are on this machine."
    command = commands.add_parser("datasets", description=about, help=about)
    command.set_defaults(command=list_datasets)
    return parser


def add_options(parser: Parser, config: type, helps: dict[str, str]) -> None:
    """An option for each of these fields of a config dataclass; one that is not given is no attribute of the result."""
    defaults = {field.name: field.default for field in fields(config)}
    kinds = {int: (whole_number, "N"), float: (number, "X"), tuple: (layers, "N,N"), str: (str, "NAME")}
    for name, text in helps.items():
        default = defaults[name]
        flag = f"--{name.replace('_', '-')}"
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)
            continue
        convert, metavar = (names, "NAME,NAME") if name == "augment" else kinds[type(default)]
        shown = (",".join(map(str, default)) or "none") if isinstance(default, tuple) else default
        text = f"{text} (default: {shown})"
        parser.add_argument(flag, type=convert, metavar=metavar, default=argparse.SUPPRESS, help=text)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON instead of a report")


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}") from None


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}") from None


def layers(text: str) -> tuple[int, ...]:
    """'256,128' -> (256, 128); '' or 'none' -> ()."""
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected sizes such as 256,128, or none, not {text!r}") from None


def names(text: str) -> tuple[str, ...]:
    """'shift,flip' -> ("shift", "flip"); '' or 'none' -> ()."""
    return () if text.strip().lower() in ("", "none") else tuple(name.strip() for name in text.split(","))


def given(cls: type, options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a config dataclass that were given as options."""
    return {field.name: getattr(options, field.name) for field in fields(cls) if hasattr(options, field.name)}


class Stopwatch:
    """Passes a training loop's events on, keeps its last checkpoint, and counts the seconds that the loop took."""

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
    config = MemorizeConfig(**given(MemorizeConfig, options))
    losses = []
    training = Stopwatch(memorize.fit(config))
    with tqdm(training, total=config.epochs, desc="Memorizing", unit="epoch", leave=False) as bar:
        for event in bar:
            losses.append(event.loss)
            bar.set_postfix_str(f"loss {event.loss:.4f}, {event.char_accuracy:.0%} right", refresh=False)
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
        f"It said     {event.reconstruction}\n"
        f"Characters  {event.char_accuracy:.1%} right" + (": the whole sentence came back" if whole else "") + "\n"
        f"Loss        {losses[0]:.4f} {sparkline(losses)} {losses[-1]:.4f}\n"
        f"Time        {training.seconds:.1f} s for {len(losses):,} epochs"
    )
    if not whole:
        print("More epochs, more units in a layer, or another learning rate may bring back the rest: see --help.")


def run_classify(options: argparse.Namespace) -> None:
    if options.save and not Path(options.save).parent.is_dir():
        raise ValueError(f"--save {options.save}: there is no such folder to write to.")
    settings = given(ClassifyConfig, options)
    dataset_name = settings.get("dataset", ClassifyConfig.dataset)
    preset = PRESETS[options.preset].config(dataset_name, settings.get("features", ClassifyConfig.features))
    config = replace(preset, **settings)
    dataset = load(config.dataset)
    validation_size = classify.validation_size(len(dataset.y_train))
    train_size = config.train_size or len(dataset.y_train) - validation_size
    history = []
    training = Stopwatch(classify.fit(config, dataset))
    if not options.json:
        print(
            f"{dataset.name}: {train_size:,} pictures to learn from, {validation_size:,} for validation, "
            f"{len(dataset.y_test):,} to test with; the network sees {config.features}\n\n"
            "        learning     training             validation\n"
            "epochs      rate     loss   accuracy      loss   accuracy"
        )
    steps = config.epochs * math.ceil(train_size / config.batch_size)
    with tqdm(total=steps, desc="Learning", unit="step", leave=False) as bar:
        for event in training:
            match event:
                case classify.PreparationProgress():
                    bar.set_description_str(f"{event.text}, {event.fraction:.0%} done")
                case classify.Step():
                    if event.step == 0:
                        bar.set_description_str("Learning")
                    bar.update()
                case classify.Epoch():
                    history.append(metrics(event))
                    if not options.json:
                        bar.write(table_row(event), file=sys.stdout)
                case classify.Result():
                    result = event
    if options.save:
        Path(options.save).write_bytes(to_file(config, training.checkpoint))
    if options.json:
        print_json(
            dataset=dataset.name,
            features=config.features,
            test_accuracy=result.accuracy,
            epochs=len(history),
            train_seconds=training.seconds,
            train_size=train_size,
            test_size=result.size,
            history=history,
        )
        return
    print(
        f"\nTest accuracy  {result.accuracy:.2%} of {result.size:,} pictures that it had never seen, from "
        f"{config.features}\n"
        f"Time           {training.seconds:.1f} s for {len(history):,} epochs"
        + (", the patch features included" if config.features == "patches" else "")
    )


def metrics(event: classify.Epoch) -> dict[str, float]:
    """The event's own numbers."""
    return {name: value for name, value in vars(event).items() if isinstance(value, int | float)}


def table_row(event: classify.Epoch) -> str:
    return (
        f"{event.epoch + 1:6d}  {event.lr:8.3g}  {event.train_loss:7.4f}  {event.train_accuracy:8.2%}  "
        f"  {event.val_loss:7.4f}  {event.val_accuracy:8.2%}"
    )


def load(name: str) -> datasets.Dataset:
    """The data set, with a bar if it takes a while to get it. Raises DatasetError where it cannot be had."""
    with tqdm(total=1.0, bar_format="{desc} {percentage:3.0f}% |{bar}|", delay=0.5, leave=False) as bar:

        def show(share: float, text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update(share - bar.n)

        return datasets.load(name, progress=show)


def list_datasets(options: argparse.Namespace) -> None:
    for name, info in datasets.DATASETS.items():
        place = (
            "built in"
            if info.is_builtin
            else "here"
            if info.is_available
            else f"download, {info.download_megabytes} MB"
        )
        sizes = f"{info.train_size:,} to learn from, {info.test_size:,} to test with"
        print(f"{name:14}  {info.title:24}  {sizes:44}  {place}")


def print_json(**result: Any) -> None:
    print(json.dumps(result, allow_nan=False))


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The values as a row of at most `width` bars, their heights on a logarithmic scale."""
    bars = "▁▂▃▄▅▆▇█"
    chosen = [values[i * len(values) // width] for i in range(width)] if len(values) > width else values
    logs = [math.log(max(value, 1e-12)) for value in chosen]
    low, spread = min(logs), (max(logs) - min(logs)) or 1.0
    return "".join(bars[round((value - low) / spread * (len(bars) - 1))] for value in logs)


if __name__ == "__main__":
    sys.exit(main())
