"""The command memorize."""

from __future__ import annotations

import argparse
import sys

from tqdm import tqdm

from core import memorize
from core.memorize import MemorizeConfig, lstm
from core.memorize.rnn_variants import CELLS
from core.terminal.options import add_json, add_options, given
from core.terminal.output import Stopwatch, count, print_json, sparkline

OPTIONS = {
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sentence and options."""
    parser.add_argument("sentence", metavar="TEXT", help="the sentence; put -- before a sentence that starts with -")
    add_options(parser, MemorizeConfig, OPTIONS)
    add_json(parser)


def run(options: argparse.Namespace) -> None:
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
