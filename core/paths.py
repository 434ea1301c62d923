"""Paths of the project and of its data."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """Return the folder for datasets and the run database, which may not exist yet.

    This is the environment variable DATA_DIR if it is set, otherwise data/ in the project.
    """
    return Path(os.environ.get("DATA_DIR") or PROJECT / "data").resolve()
