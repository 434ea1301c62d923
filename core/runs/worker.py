"""What a worker does: train one run after another, while a courier carries events to the store and wishes back."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from queue import SimpleQueue
from typing import Any, TypeVar

import torch
from distributed import WorkerPlugin
from threadpoolctl import threadpool_limits

from core import memorize
from core.classify import datasets
from core.runs.job_types import JOB_TYPES
from core.runs.limits import Limits
from core.runs.models import Run, Status
from core.runs.store import DesiredState, Store, StoreUnavailable, row
from core.training import Checkpoint, Control, TrainingDiverged

logger = logging.getLogger(__name__)

INTERVAL = 0.2  # seconds between two exchanges with the store
CHECKPOINT_INTERVAL = 5.0  # seconds of training that a dead worker may cost
PATIENCE = 120.0  # seconds that a worker waits for a store that does not answer
open_store = cache(Store)
Result = TypeVar("Result")


def work(task: str, database_url: str) -> None:
    """Train the runs that wait in the store, one after another, until there is none for this worker.

    task: names this task. When its worker dies and it begins again on another, it goes on with the run it was at.
    """
    use_one_thread()
    store = open_store(database_url)
    while run := retry_while_unavailable(store.claim, task):
        train(store, run)


def train(store: Store, run: Run) -> None:
    """Train a run, from its latest checkpoint if it has one, until it ends or gives its worker up.

    However it ends: its row in the store then says which, and why.
    """
    message = ""
    try:
        checkpoint, seq = retry_while_unavailable(store.checkpoint_and_seq, run.id)
        with StoreSync(store, run, seq, retry_while_unavailable(store.limits)) as courier:
            status = courier.carry(JOB_TYPES[run.kind].start(run.config, courier.control, checkpoint))
        message = courier.message
    except StoreUnavailable:
        raise  # nothing can be said there: whoever finds the run without a heartbeat will put it back in line
    except (TrainingDiverged, ValueError) as error:  # the core's own sentences, written for students
        logger.info("Run %s failed", run.id, exc_info=True)
        status, message = Status.FAILED, str(error)
    except Exception as error:  # broad on purpose: whatever goes wrong, the student must not be left waiting
        logger.exception("Run %s failed unexpectedly", run.id)
        status = Status.FAILED
        message = f"Training was ended by an unexpected error in the program ({type(error).__name__}: {error})."
    if status is Status.PAUSED:
        retry_while_unavailable(store.release, run)
    else:
        retry_while_unavailable(store.end, run, status, message)


def retry_while_unavailable(act: Callable[..., Result], *arguments: Any) -> Result:
    """Do it, again and again while the store does not answer: it may be starting anew, or its disk be full."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return act(*arguments)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(10 * INTERVAL)


class StoreSync:
    """Takes events from a training loop to the store, and brings back what the student wants of the run.

    It travels in a thread of its own, five times a second: a loop that yields thousands of events a second does not
    wait for the database, and one that yields an event a minute hides nothing from the page meanwhile.
    """

    def __init__(self, store: Store, run: Run, seq: int, rules: Limits):
        """seq: of the last event that is kept already; -1: none is."""
        self.control = Control()
        self.message = ""
        self._store, self._run, self._seq, self._rules = store, run, seq, rules
        self._units = JOB_TYPES[run.kind].units
        self._outbox: SimpleQueue[dict | tuple[Checkpoint, int]] = SimpleQueue()
        self._rows: list[dict] = []  # taken out of the outbox, and not yet in the store
        self._checkpoint: tuple[Checkpoint, int] | None = None
        self._summary, self._summarise = run.metrics, JOB_TYPES[run.kind].summary
        self._again = False  # the last exchange failed
        self._watched = time.monotonic()
        self._news = threading.Event()  # something is worth an exchange before its time
        self._resting = self._leaving = False
        self._granted: deque[type] = deque()  # the events until which it goes on although it is paused
        self._train_seconds = run.train_seconds
        self._checkpoint_interval = CHECKPOINT_INTERVAL
        self._wishes = DesiredState(
            run.changes, run.pause_requested, run.stop_requested, run.min_step_seconds, run.auto_paused, run.view_count
        )
        self.control.changes = run.changes

    def __enter__(self) -> StoreSync:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="courier")
        self._journey = self._thread.submit(self._travel)
        return self

    def __exit__(self, *_exception: object) -> None:
        """Return when everything is in the store. Raises what went wrong there."""
        self._leaving = True
        self._news.set()
        self._thread.shutdown()
        self._journey.result()

    def carry(self, events: Iterator[Any]) -> Status:
        """Iterate a training loop as it is wanted; how it ended: finished, stopped, or paused without a worker.

        Whenever the loop is to rest or to stop it yields a checkpoint before, and so it does every few seconds.
        """
        saved, last_saved = False, time.monotonic()  # saved: nothing was learned since the last checkpoint
        while not self._journey.done():
            stopping = self._wishes.stopping or self._time_is_up()
            resting = self._wishes.paused and not self._granted
            if saved and stopping:
                return Status.STOPPED
            if saved and resting and (self._wishes.needed or self._nobody_watches()):
                return Status.PAUSED
            if saved and resting:
                if not self._resting:
                    self._resting = True
                    self._news.set()
                time.sleep(INTERVAL / 2)
                continue
            self._resting = False
            due = time.monotonic() - last_saved > self._checkpoint_interval
            self.control.checkpoint_requested = stopping or resting or due
            self.control.verbose = bool(self._wishes.pace or self._granted)

            began = time.perf_counter()
            event = next(events, None)
            self._train_seconds += time.perf_counter() - began
            if event is None:
                return Status.FINISHED
            saved = isinstance(event, Checkpoint)
            if saved:
                last_saved = time.monotonic()
                self._outbox.put((event, self._seq))
                self._summary = self._summary | {"parameters": sum(w.size for w in event.section("model").values())}
                continue
            self._seq += 1
            self._outbox.put(row(self._run, self._seq, event))
            self._summary = self._summary | self._summarise(event)
            if self._seq == 0:
                self._news.set()  # the first point appears at once
            if self._granted and isinstance(event, self._granted[0]):
                self._granted.popleft()
            elif isinstance(event, self._units["step"]):
                self._slow_down(began)
        return Status.STOPPED

    def _time_is_up(self) -> bool:
        if self._train_seconds <= 60 * self._rules.max_minutes:
            return False
        self.message = f"It was stopped after {self._rules.max_minutes:g} minutes, the most that a run may take here."
        return True

    def _slow_down(self, began: float) -> None:
        """Slow motion: wait until the step has taken as long as it should, or the student wants something else."""
        while (rest := began + self._wishes.pace - time.perf_counter()) > 0:
            if self._wishes.paused or self._wishes.stopping or self._journey.done():
                return
            time.sleep(min(rest, INTERVAL / 2))

    def _travel(self) -> None:
        last_success = time.monotonic()
        while True:
            leaving = self._leaving  # read first: what was put into the outbox before is taken along
            try:
                self._exchange()
                last_success = time.monotonic()
            except StoreUnavailable as error:  # the loop goes on meanwhile, and everything waits
                if time.monotonic() - last_success > PATIENCE:
                    raise
                logger.warning("Run %s: %s", self._run.id, error)
                self._again = True
            if leaving and not self._again:
                return
            self._news.wait(INTERVAL)
            self._news.clear()

    def _exchange(self) -> None:
        status = Status.PAUSED if self._resting else Status.RUNNING  # read first, too: paused means no more events
        for _ in range(self._outbox.qsize()):
            item = self._outbox.get()
            if isinstance(item, dict):
                self._rows.append(item)
            else:
                self._checkpoint = item
        began = time.monotonic()
        kept = self._checkpoint and (self._checkpoint[0].to_bytes(), self._checkpoint[1])
        wishes = self._store.exchange(
            self._run, self._rows, status, self._train_seconds, kept, self._summary, self._again
        )
        self._obey(wishes)
        if kept:  # large ones are rarer, so that they take little of the time that there is
            self._checkpoint_interval = max(CHECKPOINT_INTERVAL, 20 * (time.monotonic() - began))
        self._rows, self._checkpoint, self._again = [], None, False

    def _obey(self, wishes: DesiredState) -> None:
        if wishes.views != self._wishes.views:
            self._watched = time.monotonic()
        elif self._nobody_watches() and not wishes.paused:
            self._store.park(self._run)
        self._granted.extend(self._units[unit] for unit in wishes.advance)
        if not wishes.paused:
            self._granted.clear()
        self._wishes = wishes
        self.control.changes = wishes.changes

    def _nobody_watches(self) -> bool:
        minutes = self._rules.idle_pause_minutes
        return bool(self._run.owner and minutes) and time.monotonic() - self._watched > 60 * minutes


class WarmUp(WorkerPlugin):
    """Makes every worker, later ones too, load what it will need, so that a student's first click is answered soon."""

    name = "warm-up"

    def setup(self, worker: Any) -> None:
        use_one_thread()
        datasets.load("mnist-5k")
        for _ in memorize.fit(memorize.MemorizeConfig("warm", hidden_size=8, epochs=2)):
            pass


def use_one_thread() -> None:
    """There is a worker for every core: more threads, there or in the server, would only get in one another's way."""
    import_module("scipy.linalg")  # Numba multiplies with its BLAS, which can only be told when it is there
    torch.set_num_threads(1)
    threadpool_limits(1)
