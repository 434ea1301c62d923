"""Counts of what happened recently, for limits per minute."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque


class RecentCounts:
    """Counts per key how often something happened within the last minute. Threads may share it."""

    def __init__(self, seconds: float = 60.0):
        """Start with no counts. seconds: how long something counts."""
        self._seconds = seconds
        self._moments: deque[tuple[float, str]] = deque()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, key: str) -> None:
        """Count one more for the key."""
        with self._lock:
            self._moments.append((time.monotonic(), key))
            self._counts[key] += 1

    def count(self, key: str) -> int:
        """Return how often the key was added recently."""
        with self._lock:
            expired = time.monotonic() - self._seconds
            while self._moments and self._moments[0][0] <= expired:
                _, old = self._moments.popleft()
                self._counts[old] -= 1
                if not self._counts[old]:
                    del self._counts[old]
            return self._counts[key]
