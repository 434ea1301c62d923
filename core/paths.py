"""Where the project and its data are on disk."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """Return the folder for datasets and the run database: DATA_DIR, or data/ in this project. It may not exist yet."""
    return Path(os.environ.get("DATA_DIR") or PROJECT / "data").resolve()
