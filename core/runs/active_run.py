"""ActiveRun: one run in a worker, and what its owner wants of it: pauses, single steps, slow motion, changes, stop."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from core.runs.database import StoreUnavailable
from core.runs.job_types import JOB_TYPES
from core.runs.limits import Limits
from core.runs.models import Run, Status
from core.runs.store import DesiredState, Store
from core.runs.sync import RunSync
from core.training import Checkpoint, Control, TrainingDiverged

logger = logging.getLogger(__name__)


FOLLOWED_STEP_SECONDS = 0.05  # nobody follows faster steps one by one, where an epoch consists of several
STORE_TIMEOUT = 120.0  # seconds that a run waits for a store that is unavailable
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
            time.sleep(1)


class ActiveRun:
    """A run that a worker holds. Its training loop is a generator, so it can be left and continued at any event.

    All methods but `load` are for the training thread. None of them raises an error of the run: whatever goes wrong,
    the run fails with a message, and the worker goes on with its other runs.

    Attributes:
        run: the run as it was claimed.
        sync: see RunSync.
        key: runs with the same key share one share of the worker's time: those of one owner.
        last_turn: when its last turn began, on the clock time.monotonic; 0.0 before the first.
        must_leave: set it to have the run saved and given back to the queue.
    """

    def __init__(self, run: Run, limits: Limits, notify: Callable[[], None]):
        """Hold a run that was just claimed. notify: see RunSync."""
        self.run, self.key = run, run.owner or run.id
        self.sync = RunSync(run, limits.idle_pause_minutes, notify)
        self.last_turn, self.must_leave = 0.0, False
        self._max_minutes = limits.max_minutes
        self._control = Control(changes=run.changes)
        self._units = JOB_TYPES[run.kind].units
        self._desired = DesiredState(run.changes, run.pause_requested, run.stop_requested, run.min_step_seconds)
        self._steps_granted: deque[type] = deque()  # events that complete the steps and epochs allowed while paused
        self._loaded: Iterator[Any] | Exception | None = None  # the training loop, or why there is none
        self._has_begun = False  # it has yielded an event in this worker
        self._is_saved, self._last_saved = False, time.monotonic()  # saved: nothing was learned since
        self._step_began, self._step_ended = -math.inf, 0.0  # of the latest step, for slow motion

    def load(self, store: Store) -> None:
        """Create the training loop; in a thread of its own, because it may have to download a dataset first."""
        try:
            checkpoint, seq = retry_while_unavailable(store.checkpoint_and_seq, self.run.id)
            self.sync.start_after(seq)
            self._loaded = JOB_TYPES[self.run.kind].start(self.run.config, self._control, checkpoint)
        except Exception as error:  # broad on purpose: the training thread handles it
            logger.debug("Run %s cannot be loaded", self.run.id, exc_info=True)
            self._loaded = error

    def update(self) -> None:
        """Take over what the owner wants now."""
        for desired in self.sync.desired_states():
            if desired.pause_requested:
                self._steps_granted.extend(self._units[unit] for unit in desired.advance)
            else:
                self._steps_granted.clear()
            self._desired = desired
            self._control.changes = desired.changes
        self.sync.set_paused(self._is_saved and self._must_pause)

    def ready_at(self, others_wait: bool = False) -> float:
        """Return when the run can use its next turn, on the clock time.monotonic; infinity if it has nothing to do.

        others_wait: a paused run is then given back, because another run needs the memory or its owner's place.
        """
        if self.sync.has_ended:
            return math.inf
        if self._must_end or (self._loaded is not None and self._is_saved and self._should_release(others_wait)):
            return 0.0
        if self._loaded is None or (self._is_saved and self._must_pause):
            return math.inf
        return 0.0 if self._must_pause else self._step_began + self._desired.min_step_seconds

    def take_turn(self, seconds: float, others_wait: bool = False) -> None:
        """Train for this long, or until the run has to wait. The first turn ends with the first event."""
        self.last_turn = now = time.monotonic()
        end = now + seconds
        try:
            while self.ready_at(others_wait) <= now < end:
                had_begun = self._has_begun
                self._advance()
                self.update()
                now = time.monotonic()
                if self._has_begun and not had_begun:
                    break
        except StoreUnavailable:
            self.sync.is_over = True  # nothing can be saved; a dispatcher requeues the run
        except (TrainingDiverged, ValueError) as error:  # their messages are written for students
            logger.info("Run %s failed", self.run.id, exc_info=True)
            self._end(Status.FAILED, str(error))
        except Exception as error:  # broad on purpose: whatever goes wrong, the student must not be left waiting
            logger.exception("Run %s failed unexpectedly", self.run.id)
            self._end(Status.FAILED, unexpected(error))

    def close(self) -> None:
        """Close the training loop and free its memory."""
        if isinstance(self._loaded, Generator):
            self._loaded.close()
        self._loaded = None

    def _advance(self) -> None:
        """Iterate the training loop once, or end the run.

        Before it pauses or ends, the loop is always asked for a checkpoint, and every few seconds in between.
        """
        if self._is_saved or self._loaded is None:
            if self._must_end:
                return self._end(*self._outcome())
            if self._must_pause:
                return self._end(Status.WAITING)
        if isinstance(self._loaded, Exception):
            raise self._loaded
        assert self._loaded is not None
        is_due = time.monotonic() - self._last_saved > self.sync.checkpoint_interval
        self._control.checkpoint_requested = self._must_end or self._must_pause or is_due
        in_detail = self._control.verbose = self._is_followed()

        began = time.monotonic()
        event = next(self._loaded, None)
        now = time.monotonic()
        self.sync.train_seconds += now - began
        if event is None:
            return self._end(Status.FINISHED)
        self._is_saved = isinstance(event, Checkpoint)
        if isinstance(event, Checkpoint):
            self._last_saved = now
            return self.sync.add_checkpoint(event)
        self._has_begun = True
        self.sync.add_event(event, in_detail)
        if self._steps_granted and JOB_TYPES[self.run.kind].completes(self._steps_granted[0], event):
            self._steps_granted.popleft()
        elif isinstance(event, self._units["step"]):
            if self._desired.min_step_seconds:  # the time since the last step was spent waiting, up to this minimum
                waited = min(began - self._step_ended, self._desired.min_step_seconds)
                self.sync.slow_seconds += waited if self._step_ended else 0.0
            self._step_began, self._step_ended = began, now

    def _is_followed(self) -> bool:
        """Return whether somebody follows the run step by step."""
        shortest = 0.0 if self._units["step"] is self._units["epoch"] else FOLLOWED_STEP_SECONDS
        return bool(self._steps_granted) or self._desired.min_step_seconds > shortest

    def _end(self, status: Status, message: str = "") -> None:
        self.close()
        self.sync.end(status, message)

    @property
    def is_busy(self) -> bool:
        """Whether it uses as much time as it gets: it is not ending, paused or in slow motion."""
        return not (self.sync.has_ended or self._must_end or self._must_pause or self._desired.min_step_seconds)

    @property
    def _must_end(self) -> bool:
        return self._desired.stop_requested or self.must_leave or self._time_limit_reached

    @property
    def _must_pause(self) -> bool:
        return self._desired.pause_requested and not self._steps_granted

    @property
    def _time_limit_reached(self) -> bool:
        return self.sync.train_seconds + self.sync.slow_seconds > 60 * self._max_minutes

    def _should_release(self, others_wait: bool) -> bool:
        return self._must_pause and (others_wait or self.sync.is_unwatched())

    def _outcome(self) -> tuple[Status, str]:
        """Return how a run that must end ends."""
        if self._desired.stop_requested:
            return Status.STOPPED, ""
        if self.must_leave:
            return Status.WAITING, ""
        slow = self.sync.slow_seconds / 60
        including = f" (slow motion: {slow:.1f} minutes)" if slow >= 0.1 else ""
        return (
            Status.STOPPED,
            f"Stopped after {self._max_minutes:g} minutes of training{including}, the time limit for one run.",
        )


def unexpected(error: Exception) -> str:
    """Return the message of a run that failed because of an error that no code foresees."""
    return f"Training failed with an unexpected error ({type(error).__name__}: {error})."
