"""When and where the members of classes were seen, collected in memory and written to the database in batches."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

WRITE_INTERVAL = 2.0  # seconds


class Sighting(NamedTuple):
    """Where a member was seen.

    Attributes:
        code: the class.
        owner: the member.
        at: in seconds since 1970, UTC.
        page, tab: what the browser shows.
        run_id: the member's own run that it shows; "" for none, which keeps the last one.
    """

    code: str
    owner: str
    at: float
    page: str
    tab: str
    run_id: str


class Presence:
    """Collects sightings of one server's visitors; threads share it."""

    def __init__(self, interval: float = WRITE_INTERVAL):
        """Start without sightings. interval: seconds between two writes."""
        self._interval = interval
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], Sighting] = {}
        self._next_write = 0.0

    def add(self, sighting: Sighting) -> list[Sighting]:
        """Add a sighting. Returns those that the caller must write now; usually none."""
        with self._lock:
            key = sighting.code, sighting.owner
            before = self._seen.get(key)
            run_id = sighting.run_id or (before.run_id if before else "")
            self._seen[key] = sighting._replace(run_id=run_id)
            if time.monotonic() < self._next_write:
                return []
            self._next_write = time.monotonic() + self._interval
            due, self._seen = list(self._seen.values()), {}
        return due
