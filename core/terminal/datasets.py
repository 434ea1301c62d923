"""The command datasets."""

from __future__ import annotations

import argparse

from core.classify import datasets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options."""


def run(options: argparse.Namespace) -> None:
    """Print a line per dataset: name, title, sizes and location."""
    for name, info in datasets.DATASETS.items():
        if info.is_builtin:
            location = "built in"
        else:
            location = "on this machine" if info.is_available else f"download, {info.download_megabytes} MB"
        sizes = f"{info.train_size:,} for training, {info.test_size:,} for testing"
        print(f"{name:14}  {info.title:24}  {sizes:39}  {location}")
