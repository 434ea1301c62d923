"""Train queued runs one after another.

A background thread (see sync) writes their events to the store and reads their desired state.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import torch
from distributed import WorkerPlugin
from threadpoolctl import threadpool_limits

from core import memorize
from core.classify import datasets
from core.runs.database import StoreUnavailable
from core.runs.job_types import JOB_TYPES
from core.runs.models import Run, Status
from core.runs.store import DesiredState, Store
from core.runs.sync import SYNC_INTERVAL, StoreSync, retry_while_unavailable
from core.training import Checkpoint, Control, TrainingDiverged

logger = logging.getLogger(__name__)

open_store = cache(Store)


def run_worker(task: str, database_url: str) -> None:
    """Train waiting runs, one after another, until there is none for this worker.

    task: this task's name. If its worker dies and the task starts again on another one, it continues with the same run.
    """
    use_one_thread()
    store = open_store(database_url)
    while run := retry_while_unavailable(store.claim, task):
        train_run(store, run)


def train_run(store: Store, run: Run) -> None:
    """Train a run from its latest checkpoint until it ends or gives up its worker.

    However that happens, the run's status and message are then saved.
    """
    try:
        checkpoint, last_seq = retry_while_unavailable(store.checkpoint_and_seq, run.id)
        limits = retry_while_unavailable(store.limits, run.classroom)
        with StoreSync(store, run, last_seq, limits.idle_pause_minutes) as sync:
            driver = Driver(run, sync, limits.max_minutes)
            status, message = driver.drive(JOB_TYPES[run.kind].start(run.config, driver.control, checkpoint))
    except StoreUnavailable:
        raise  # nothing can be saved; a dispatcher requeues the run when its heartbeat times out
    except (TrainingDiverged, ValueError) as error:  # their messages are written for students
        logger.info("Run %s failed", run.id, exc_info=True)
        status, message = Status.FAILED, str(error)
    except Exception as error:  # broad on purpose: whatever goes wrong, the student must not be left waiting
        logger.exception("Run %s failed unexpectedly", run.id)
        status, message = Status.FAILED, f"Training failed with an unexpected error ({type(error).__name__}: {error})."
    if status is Status.PAUSED:
        retry_while_unavailable(store.release_worker, run)
    else:
        retry_while_unavailable(store.finish, run, status, message)


class Driver:
    """Iterates a training loop as its owner wants: pauses, single steps, slow motion, live changes, stop.

    Attributes:
        control: passed to the training loop; tells it which settings have changed and when to yield a checkpoint.
    """

    def __init__(self, run: Run, sync: StoreSync, max_minutes: float):
        """Prepare to drive a run that was just claimed. max_minutes: see Limits."""
        self.control = Control(changes=run.changes)
        self._sync, self._max_minutes = sync, max_minutes
        self._units = JOB_TYPES[run.kind].units
        self._desired = DesiredState(run.changes, run.pause_requested, run.stop_requested, run.min_step_seconds)
        self._steps_granted: deque[type] = deque()  # events that complete the steps and epochs allowed while paused

    def drive(self, events: Iterator[Any]) -> tuple[Status, str]:
        """Iterate the training loop until it ends or gives up its worker.

        Before it pauses or stops, the loop is always asked for a checkpoint, and every few seconds in between.

        Returns:
            FINISHED, STOPPED, or PAUSED if the worker was given up; and a message that explains it, or "".
        """
        is_saved, last_saved = False, time.monotonic()  # is_saved: nothing was learned since the last checkpoint
        while not self._sync.has_failed:
            self._update_desired_state()
            time_is_up = self._sync.train_seconds > 60 * self._max_minutes
            must_stop = self._desired.stop_requested or time_is_up
            must_pause = self._desired.pause_requested and not self._steps_granted
            if is_saved and must_stop:
                return Status.STOPPED, "" if self._desired.stop_requested else self._time_limit_message()
            if is_saved and must_pause:
                if self._desired.worker_needed or self._sync.is_unwatched():
                    return Status.PAUSED, ""
                self._sync.set_paused(True)
                time.sleep(SYNC_INTERVAL / 2)
                continue
            self._sync.set_paused(False)
            is_due = time.monotonic() - last_saved > self._sync.checkpoint_interval
            self.control.checkpoint_requested = must_stop or must_pause or is_due
            self.control.verbose = bool(self._desired.min_step_seconds or self._steps_granted)

            started = time.perf_counter()
            event = next(events, None)
            self._sync.train_seconds += time.perf_counter() - started
            if event is None:
                return Status.FINISHED, ""
            is_saved = isinstance(event, Checkpoint)
            if is_saved:
                last_saved = time.monotonic()
                self._sync.add_checkpoint(event)
                continue
            self._sync.add_event(event)
            if self._steps_granted and isinstance(event, self._steps_granted[0]):
                self._steps_granted.popleft()
            elif isinstance(event, self._units["step"]):
                self._throttle(started)
        return Status.STOPPED, ""

    def _update_desired_state(self) -> None:
        for desired in self._sync.desired_states():
            if desired.pause_requested:
                self._steps_granted.extend(self._units[unit] for unit in desired.advance)
            else:
                self._steps_granted.clear()
            self._desired = desired
            self.control.changes = desired.changes

    def _throttle(self, started: float) -> None:
        """Slow motion: wait until the step has taken its minimum duration, or the run should pause or stop."""
        while (remaining := started + self._desired.min_step_seconds - time.perf_counter()) > 0:
            self._update_desired_state()
            if self._desired.pause_requested or self._desired.stop_requested or self._sync.has_failed:
                return
            time.sleep(min(remaining, SYNC_INTERVAL / 2))

    def _time_limit_message(self) -> str:
        return f"Stopped after {self._max_minutes:g} minutes of training, the time limit for one run."


class WarmUp(WorkerPlugin):
    """Makes every worker, including later ones, load what it will need, so that the first click is answered soon."""

    name = "warm-up"

    def setup(self, worker: Any) -> None:
        """Load the libraries and the default dataset, and compile; Dask calls this on every worker."""
        use_one_thread()
        datasets.load("mnist-5k")
        for _ in memorize.fit(memorize.MemorizeConfig("warm", hidden_size=8, epochs=2)):
            pass


def use_one_thread() -> None:
    """Limit BLAS and PyTorch to one thread: there is already one worker per core."""
    import_module("scipy.linalg")  # Numba multiplies with its BLAS, which can be limited only once it is loaded
    torch.set_num_threads(1)
    threadpool_limits(1)
