"""What a worker does: train one run, while a courier carries its events to the store and the student's wishes back."""

from __future__ import annotations

import logging
import threading
import time
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
from core.training import Control, TrainingDiverged

logger = logging.getLogger(__name__)

INTERVAL = 0.1  # seconds between two exchanges with the store
open_store = cache(Store)


def work(run_id: str, database_url: str) -> None:
    """Train a run to its end, whatever the end is: its row in the store then says which, and why.

    A run that has ended already is left alone; one whose worker died begins again.
    """
    use_one_thread()
    store = open_store(database_url)
    run = store.begin(run_id)
    if run is None:
        return
    try:
        with Courier(store, run) as courier:
            status = courier.carry(KINDS[run.kind].start(run.config, courier.control))
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

    def __init__(self, store: Store, run: Run):
        self.control = Control()
        self._store, self._run = store, run
        self._outbox: SimpleQueue[dict] = SimpleQueue()
        self._news = threading.Event()  # something is worth an exchange before its time
        self._resting = self._leaving = False
        self._train_seconds = 0.0
        self._obey(Wishes(run.lr, run.paused, run.stopping))

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
        """Iterate a training loop as the student wants it; how it ended: finished or stopped."""
        seq = 0
        while not self._wishes.stopping and not self._journey.done():
            if self._wishes.paused:
                self._resting = True
                time.sleep(INTERVAL / 2)
                continue
            self._resting = False
            began = time.perf_counter()
            event = next(events, None)
            self._train_seconds += time.perf_counter() - began
            if event is None:
                return Status.FINISHED
            self._outbox.put(row(self._run, seq, event))
            if seq == 0:
                self._news.set()  # the first point appears at once
            seq += 1
        return Status.STOPPED

    def _travel(self) -> None:
        while not self._leaving:
            self._exchange()
            self._news.wait(INTERVAL)
            self._news.clear()
        self._exchange()

    def _exchange(self) -> None:
        status = Status.PAUSED if self._resting else Status.RUNNING  # read first, too: paused means no more events
        rows = [self._outbox.get() for _ in range(self._outbox.qsize())]
        self._obey(self._store.exchange(self._run, rows, status, self._train_seconds))

    def _obey(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self.control.lr = wishes.lr


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
