"""Command-line options from the fields of a config."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any


def add_options(parser: argparse.ArgumentParser, config: type, helps: dict[str, str]) -> None:
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


def add_json(parser: argparse.ArgumentParser) -> None:
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
