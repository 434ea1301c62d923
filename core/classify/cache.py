"""Size limits for folders of files that can be made or uploaded again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def evict_least_recently_used(folder: Path, pattern: str, max_bytes: float) -> None:
    """Delete the least recently used files that match, until the others take at most `max_bytes`.

    A file's modification time counts as its last use: whoever uses a file calls `os.utime` on it. The most recently
    used file is never deleted.
    """
    files = []
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):  # another process may be evicting, too
            stat = path.stat()
            files.append((stat.st_mtime, stat.st_size, path))
    files.sort(reverse=True)
    total = 0
    for number, (_, size, path) in enumerate(files):
        total += size
        if total > max_bytes and number > 0:
            path.unlink(missing_ok=True)
