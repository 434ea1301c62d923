"""What a worker does: train one run, while a courier carries its events to the store and the student's wishes back."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from queue import SimpleQueue
from typing import Any

import torch
from distributed import WorkerPlugin
from threadpoolctl import threadpool_limits

from core import datasets, memorize
from core.runs.kinds import KINDS
from core.runs.store import Run, Status, Store, Wishes, row
from core.training import Checkpoint, Control, TrainingDiverged

logger = logging.getLogger(__name__)

INTERVAL = 0.1  # seconds between two exchanges with the store
CHECKPOINT_INTERVAL = 5.0  # seconds of training that a dead worker may cost
open_store = cache(Store)


def work(run_id: str, database_url: str) -> None:
    """Train a run to its end, whatever the end is: its row in the store then says which, and why.

    A run that has ended already is left alone; one whose worker died goes on from its latest checkpoint.
    """
    use_one_thread()
    store = open_store(database_url)
    run = store.begin(run_id)
    if run is None:
        return
    try:
        checkpoint, seq = store.checkpoint_and_seq(run_id)
        with Courier(store, run, seq) as courier:
            status = courier.carry(KINDS[run.kind].start(run.config, courier.control, checkpoint))
        store.end(run, status)
    except (TrainingDiverged, ValueError) as error:  # the core's own sentences, written for students
        logger.info("Run %s failed", run_id, exc_info=True)
        store.end(run, Status.FAILED, str(error))
    except Exception as error:  # broad on purpose: whatever goes wrong, the student must not be left waiting
        logger.exception("Run %s failed unexpectedly", run_id)
        sentence = f"Training was ended by an unexpected error in the program ({type(error).__name__}: {error})."
        store.end(run, Status.FAILED, sentence)


class Courier:
    """Takes events from a training loop to the store, and brings back what the student wants of the run.

    It travels in a thread of its own, ten times a second: a loop that yields thousands of events a second does not
    wait for the database, and one that yields an event a minute hides nothing from the page meanwhile.
    """

    def __init__(self, store: Store, run: Run, seq: int):
        """seq: of the last event that is kept already; -1: none is."""
        self.control = Control()
        self._store, self._run, self._seq = store, run, seq
        self._units = KINDS[run.kind].units
        self._outbox: SimpleQueue[dict | tuple[Checkpoint, int]] = SimpleQueue()
        self._news = threading.Event()  # something is worth an exchange before its time
        self._resting = self._leaving = False
        self._granted: deque[type] = deque()  # the events until which it goes on although it is paused
        self._train_seconds = run.train_seconds
        self._checkpoint_interval = CHECKPOINT_INTERVAL
        self._obey(Wishes(run.changes, run.paused, run.stopping, run.pace))

    def __enter__(self) -> Courier:
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
        """Iterate a training loop as the student wants it; how it ended: finished or stopped.

        Whenever the loop is to rest or to stop it yields a checkpoint before, and so it does every few seconds.
        """
        saved, last_saved = False, time.monotonic()  # saved: nothing was learned since the last checkpoint
        while not self._journey.done():
            stopping, resting = self._wishes.stopping, self._wishes.paused and not self._granted
            if saved and stopping:
                return Status.STOPPED
            if saved and resting:
                if not self._resting:
                    self._resting = True
                    self._news.set()
                time.sleep(INTERVAL / 2)
                continue
            self._resting = False
            due = time.monotonic() - last_saved > self._checkpoint_interval
            self.control.checkpoint_wanted = stopping or resting or due

            began = time.perf_counter()
            event = next(events, None)
            self._train_seconds += time.perf_counter() - began
            if event is None:
                return Status.FINISHED
            saved = isinstance(event, Checkpoint)
            if saved:
                last_saved = time.monotonic()
                self._outbox.put((event, self._seq))
                continue
            self._seq += 1
            self._outbox.put(row(self._run, self._seq, event))
            if self._seq == 0:
                self._news.set()  # the first point appears at once
            if self._granted and isinstance(event, self._granted[0]):
                self._granted.popleft()
            elif isinstance(event, self._units["step"]):
                self._slow_down(began)
        return Status.STOPPED

    def _slow_down(self, began: float) -> None:
        """Slow motion: wait until the step has taken as long as it should, or the student wants something else."""
        while (rest := began + self._wishes.pace - time.perf_counter()) > 0:
            if self._wishes.paused or self._wishes.stopping or self._journey.done():
                return
            time.sleep(min(rest, INTERVAL / 2))

    def _travel(self) -> None:
        while not self._leaving:
            self._exchange()
            self._news.wait(INTERVAL)
            self._news.clear()
        self._exchange()

    def _exchange(self) -> None:
        status = Status.PAUSED if self._resting else Status.RUNNING  # read first, too: paused means no more events
        rows, checkpoint = [], None
        for _ in range(self._outbox.qsize()):
            item = self._outbox.get()
            if isinstance(item, dict):
                rows.append(item)
            else:
                checkpoint = item
        began = time.monotonic()
        kept = checkpoint and (checkpoint[0].to_bytes(), checkpoint[1])
        self._obey(self._store.exchange(self._run, rows, status, self._train_seconds, kept))
        if checkpoint:  # large ones are rarer, so that they take little of the time that there is
            self._checkpoint_interval = max(CHECKPOINT_INTERVAL, 20 * (time.monotonic() - began))

    def _obey(self, wishes: Wishes) -> None:
        self._granted.extend(self._units[unit] for unit in wishes.advance)
        if not wishes.paused:
            self._granted.clear()
        self._wishes = wishes
        self.control.changes = wishes.changes


class WarmUp(WorkerPlugin):
    """Makes every worker, later ones too, load what it will need, so that a student's first click is answered soon."""

    name = "warm-up"

    def setup(self, worker: Any) -> None:
        use_one_thread()
        datasets.load("mnist-5k")
        for _ in memorize.fit(memorize.MemorizeConfig("warm", hidden_size=8, epochs=2)):
            pass


def use_one_thread() -> None:
    """There is a worker for every core: more threads in each would only get in one another's way."""
    torch.set_num_threads(1)
    threadpool_limits(1)
