"""StoreSync: carries a run's events to the store and its desired state back, in a background thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from core.runs.database import StoreUnavailable
from core.runs.job_types import JOB_TYPES
from core.runs.models import Run, Status
from core.runs.store import DesiredState, Store, event_row
from core.training import Checkpoint

logger = logging.getLogger(__name__)

SYNC_INTERVAL = 0.2  # seconds between two syncs
CHECKPOINT_INTERVAL = 5.0  # seconds of training that are lost at most when a worker dies
STORE_TIMEOUT = 120.0  # seconds that a worker waits for a store that is unavailable
Result = TypeVar("Result")


def retry_while_unavailable(act: Callable[..., Result], *arguments: Any) -> Result:
    """Call `act`, retrying while the store is unavailable (restarting, or disk full).

    Raises StoreUnavailable after STORE_TIMEOUT seconds.
    """
    deadline = time.monotonic() + STORE_TIMEOUT
    while True:
        try:
            return act(*arguments)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(10 * SYNC_INTERVAL)


class StoreSync:
    """Exchanges events and desired state between a training loop and the store, five times per second.

    It does so in a background thread: a loop that yields thousands of events per second does not wait for the database,
    and one that yields one event per minute still sends heartbeats.

    The training thread hands over events, checkpoints and whether it is paused. A lock makes each sync read all of them
    at the same moment. Each sync also puts one DesiredState into a queue, which the training thread empties with
    `desired_states`. Use it as a context manager: on exit, everything has been saved.

    Attributes:
        train_seconds: time spent in the training loop so far; counted by the training thread.
        checkpoint_interval: seconds after which the loop should yield its next checkpoint.
    """

    def __init__(self, store: Store, run: Run, last_seq: int, idle_pause_minutes: float):
        """Prepare the sync of a run that was just claimed.

        Args:
            store: where to save events and read the desired state.
            run: the run as it was claimed.
            last_seq: seq of its last event that is saved; -1 if there is none.
            idle_pause_minutes: see Limits.
        """
        self.train_seconds = run.train_seconds
        self.checkpoint_interval = CHECKPOINT_INTERVAL
        self._store, self._run, self._seq = store, run, last_seq
        self._idle_seconds = 60 * idle_pause_minutes if run.owner else 0.0

        self._lock = threading.Lock()  # guards what the training thread hands over:
        self._unsaved_rows: list[dict[str, Any]] = []
        self._unsaved_checkpoint: tuple[Checkpoint, int] | None = None
        self._metrics = run.metrics
        self._is_paused = self._closing = False

        self._desired: SimpleQueue[DesiredState] = SimpleQueue()
        self._view_count, self._last_viewed = run.view_count, time.monotonic()
        self._retrying = False  # the last sync failed
        self._sync_now = threading.Event()  # something should be saved before SYNC_INTERVAL is over

    def __enter__(self) -> StoreSync:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-sync")
        self._sync_future = self._thread.submit(self._sync_loop)
        return self

    def __exit__(self, *_exception: object) -> None:
        """Wait until everything is saved. Raises the error that ended the background thread, if there was one."""
        with self._lock:
            self._closing = True
        self._sync_now.set()
        self._thread.shutdown()
        self._sync_future.result()

    # For the training thread

    @property
    def has_failed(self) -> bool:
        """Whether the background thread has ended with an error, so that nothing more can be saved."""
        return self._sync_future.done()

    def desired_states(self) -> Iterator[DesiredState]:
        """Yield the desired states that have arrived since the last call, oldest first."""
        while not self._desired.empty():
            yield self._desired.get()

    def add_event(self, event: Any) -> None:
        """Hand over an event. Raises TypeError or ValueError if it cannot be stored."""
        self._seq += 1
        row = event_row(self._run.id, self._seq, event)
        metrics = JOB_TYPES[self._run.kind].metrics(event)
        with self._lock:
            self._unsaved_rows.append(row)
            self._metrics = self._metrics | metrics
        if self._seq == 0:
            self._sync_now.set()  # the first point appears at once

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Hand over a checkpoint. It covers all events that were handed over before."""
        parameters = checkpoint.parameter_count
        with self._lock:
            self._unsaved_checkpoint = checkpoint, self._seq
            self._metrics = self._metrics | {"parameters": parameters}

    def set_paused(self, paused: bool) -> None:
        """Say whether the training loop is paused."""
        if paused != self._is_paused:
            with self._lock:
                self._is_paused = paused
            if paused:
                self._sync_now.set()

    def is_unwatched(self) -> bool:
        """Return whether nobody has viewed the run for so long that it should pause."""
        return 0 < self._idle_seconds < time.monotonic() - self._last_viewed

    # In the background thread

    def _sync_loop(self) -> None:
        last_success, finished = time.monotonic(), False
        while not finished:
            try:
                finished = self._sync_once()
                last_success = time.monotonic()
            except StoreUnavailable as error:  # training continues, and everything is kept for the next sync
                if time.monotonic() - last_success > STORE_TIMEOUT:
                    raise
                logger.warning("Run %s: %s", self._run.id, error)
                self._retrying = True
            if not finished:
                self._sync_now.wait(SYNC_INTERVAL)
                self._sync_now.clear()

    def _sync_once(self) -> bool:
        """Save what was handed over, and pass the desired state on. Returns whether this was the last sync.

        Status, events and `closing` are read together under the lock. Read one after the other, an event could slip in
        between: then the store would show a paused run whose last events are missing, or lose them on exit.
        """
        with self._lock:
            rows, checkpoint, metrics = list(self._unsaved_rows), self._unsaved_checkpoint, self._metrics
            status, closing = Status.PAUSED if self._is_paused else Status.RUNNING, self._closing
        started = time.monotonic()
        payload = (checkpoint[0].to_bytes(), checkpoint[1]) if checkpoint else None
        desired = self._store.sync(
            self._run, rows, status, self.train_seconds, payload, metrics, retrying=self._retrying
        )
        with self._lock:
            del self._unsaved_rows[: len(rows)]
            if self._unsaved_checkpoint is checkpoint:  # else a newer one was handed over in the meantime
                self._unsaved_checkpoint = None
        self._retrying = False
        if checkpoint:  # save large ones less often, so that they take at most a twentieth of the time
            self.checkpoint_interval = max(CHECKPOINT_INTERVAL, 20 * (time.monotonic() - started))
        self._desired.put(desired)
        self._note_views(desired)
        return closing

    def _note_views(self, desired: DesiredState) -> None:
        """Auto-pause the run if nobody is viewing it any more."""
        if desired.view_count != self._view_count:
            self._view_count, self._last_viewed = desired.view_count, time.monotonic()
        elif self.is_unwatched() and not desired.pause_requested:
            self._store.auto_pause(self._run)
