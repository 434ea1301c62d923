"""RunSync: what the training thread of a worker and its sync thread hand each other for one run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from core.runs.job_types import JOB_TYPES, is_worth_storing
from core.runs.models import Run, Status
from core.runs.store import SUSPICIOUS_CRASHES, DesiredState, RunUpdate, event_row
from core.training import Checkpoint

CHECKPOINT_INTERVAL = 5.0  # seconds of training that are lost at most when a worker dies
TRIAL_SECONDS = 1.0  # the same for a run that its worker suspects of killing workers
MAX_CHECKPOINT_SHARE = 1 / 20  # of the time that a worker may spend on checkpoints
MAX_DETAILED_EVENTS = 5_000  # after that many, steps in slow motion and single steps are thinned out like all others


class RunSync:
    """Carries one run's events and checkpoints to the sync thread, and its desired state to the training thread.

    A lock makes the sync thread take all of them at the same moment. Taken one after the other, an event could slip in
    between: then the store would show a paused run whose last events are missing, or lose them when the run ends.

    Attributes:
        train_seconds: time spent in the training loop so far; counted by the training thread.
        slow_seconds: time that the run has waited between steps because of slow motion; likewise.
        checkpoint_interval: seconds after which the loop should yield its next checkpoint.
        is_over: nothing more can be saved: the run's end has been saved, or the worker has lost the run.
    """

    def __init__(self, run: Run, idle_pause_minutes: float, notify: Callable[[], None]):
        """Prepare the sync of a run that was just claimed.

        Args:
            run: the run as it was claimed.
            idle_pause_minutes: see Limits.
            notify: called when something should be saved before the sync interval is over.
        """
        self.train_seconds = run.train_seconds
        self.slow_seconds = run.metrics.get("slow_seconds", 0.0)
        is_suspicious = run.worker_crashes >= SUSPICIOUS_CRASHES
        self.checkpoint_interval = TRIAL_SECONDS if is_suspicious else CHECKPOINT_INTERVAL
        self.is_over = False
        self.run, self._notify = run, notify
        self._first_seq = self._seq = -1
        self._idle_seconds = 60 * idle_pause_minutes if run.owner else 0.0
        self._desired: SimpleQueue[DesiredState] = SimpleQueue()
        self._view_count, self._last_viewed = run.view_count, time.monotonic()

        self._lock = threading.Lock()  # guards what is handed over:
        self._rows: list[dict[str, Any]] = []
        self._checkpoint: tuple[bytes, int] | None = None
        self._metrics = run.metrics
        self._status, self._message = Status.RUNNING, ""

    # For the training thread

    def start_after(self, seq: int) -> None:
        """Say that the run resumes after the event with this seq; -1 if it starts from scratch."""
        self._first_seq = self._seq = seq

    def desired_states(self) -> Iterator[DesiredState]:
        """Yield the desired states that have arrived since the last call, oldest first."""
        while not self._desired.empty():
            yield self._desired.get()

    def add_event(self, event: Any, in_detail: bool = False) -> None:
        """Hand over an event. Raises TypeError or ValueError if it cannot be stored.

        in_detail: store it even if it is one of many steps; for someone who follows step by step.
        """
        if not (is_worth_storing(event) or (in_detail and self._seq < MAX_DETAILED_EVENTS)):
            return
        row = event_row(self.run.id, self._seq + 1, event)
        metrics = JOB_TYPES[self.run.kind].metrics(event)
        with self._lock:
            self._seq += 1
            self._rows.append(row)
            self._metrics = self._metrics | metrics
        if self._seq == 0:
            self._notify()  # the first point appears at once

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Hand over a checkpoint, which covers all events before it. Raises ValueError if it cannot be stored."""
        payload, parameters = checkpoint.to_bytes(), checkpoint.parameter_count
        with self._lock:
            self._checkpoint = payload, self._seq
            self._metrics = self._metrics | {"parameters": parameters}

    def set_paused(self, paused: bool) -> None:
        """Say whether the run is paused, unless it has ended."""
        status = Status.PAUSED if paused else Status.RUNNING
        if self._status not in (status, Status.WAITING) and not self._status.is_terminal:
            with self._lock:
                self._status = status
            self._notify()

    def end(self, status: Status, message: str = "") -> None:
        """Say how the run has ended, or with WAITING, that this worker gives it back."""
        with self._lock:
            self._status, self._message = status, message
        self._notify()

    @property
    def has_ended(self) -> bool:
        """Whether the training thread has nothing more to do with the run."""
        return self.is_over or self._status is Status.WAITING or self._status.is_terminal

    def is_unwatched(self) -> bool:
        """Return whether nobody has viewed the run for so long that it should pause."""
        return 0 < self._idle_seconds < time.monotonic() - self._last_viewed

    # For the sync thread

    def take(self) -> RunUpdate:
        """Return what is new and has not been confirmed yet."""
        with self._lock:
            metrics = self._metrics | ({"slow_seconds": self.slow_seconds} if self.slow_seconds else {})
            has_progressed = self._checkpoint is not None and self._checkpoint[1] > self._first_seq
            return RunUpdate(
                self.run,
                list(self._rows),
                self._status,
                self.train_seconds,
                self._checkpoint,
                metrics,
                self._message,
                has_progressed,
            )

    def confirm(self, update: RunUpdate, desired: DesiredState | None, seconds: float = 0.0) -> None:
        """Note that an update was saved, and pass the desired state on; None if the worker has lost the run.

        seconds: time that the worker spends on the checkpoints of all its runs when they are like this one.
        """
        with self._lock:
            del self._rows[: len(update.rows)]
            if self._checkpoint is update.checkpoint:  # else a newer one was handed over in the meantime
                self._checkpoint = None
        if desired is None or update.status is Status.WAITING or update.status.is_terminal:
            self.is_over = True
            return
        if update.checkpoint:
            self.checkpoint_interval = max(CHECKPOINT_INTERVAL, seconds / MAX_CHECKPOINT_SHARE)
        if desired.view_count != self._view_count:
            self._view_count, self._last_viewed = desired.view_count, time.monotonic()
        self._desired.put(desired)
