"""Train the networks from a terminal: see `python -m core --help`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

COMMANDS = {  # each is a module in core.terminal
    "memorize": "Train an LSTM to memorise a sentence and generate it character by character.",
    "classify": "Train a multilayer perceptron to classify images, or points in a plane.",
    "datasets": "List the datasets and whether they are on this machine.",
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
    arguments = sys.argv[1:] if arguments is None else arguments
    options = build_parser(arguments[0] if arguments else "").parse_args(arguments)

    import numpy as np  # what follows is not needed for --help, and takes a while to import

    from core.training import TrainingDiverged

    try:
        with np.errstate(all="ignore"):  # divergence is reported once, without NumPy's warnings
            options.run(options)
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


def build_parser(used: str) -> Parser:
    """Build the parser of all commands, with the arguments of the one that is used: only its module is imported."""
    parser = Parser(prog="python -m core", description="Train neural networks from a terminal.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, description=about, help=about)
        if name == used:
            module = import_module(f"core.terminal.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
