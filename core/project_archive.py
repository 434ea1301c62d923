"""The project as a zip archive, for students who want to run its notebooks and pages on a computer of their own."""

from __future__ import annotations

import io
import zipfile
from functools import cache

from core.paths import PROJECT

FOLDERS, FILES = ("core", "pages"), ("app.py", "requirements.txt", "README.md", "LICENSE")
SUFFIXES = {".py", ".npz", ".json", ".md", ".html", ".css", ".js"}


@cache
def project_archive() -> bytes:
    """Return a zip archive of the program, without datasets, runs and secrets."""
    paths = [PROJECT / name for name in FILES]
    for folder in FOLDERS:
        paths += sorted(path for path in (PROJECT / folder).rglob("*") if path.suffix in SUFFIXES)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, "project" / path.relative_to(PROJECT))
    return file.getvalue()
