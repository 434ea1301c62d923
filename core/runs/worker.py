"""A worker: trains many runs at the same time, in turns of a fraction of a second.

It has two threads. The training thread iterates the training loop of one run for TURN seconds, then that of another;
the loops are generators, so a turn can end at any event. The sync thread saves what the runs have yielded, reads what
their owners want, and claims new runs, five times per second and whenever something should be saved at once.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module

import torch
from threadpoolctl import threadpool_limits

from core import classify, memorize, plane
from core.classify import datasets
from core.runs.active_run import ActiveRun, retry_while_unavailable
from core.runs.database import StoreUnavailable
from core.runs.job_types import JOB_TYPES, MemoryNeed
from core.runs.models import Run, Status
from core.runs.processes import process_name
from core.runs.store import RunUpdate, Store, SyncResult

logger = logging.getLogger(__name__)

TURN = 0.05  # seconds
SYNC_INTERVAL = 0.2  # seconds between two syncs
SYNC_PAUSE = 0.02  # seconds between two syncs at least
PATIENCE = 1.0  # seconds that a run may wait for its turn in the queue before paused runs make room for it
BALANCE_INTERVAL = 5.0  # seconds between two checks whether other workers have less to do
STORE_TIMEOUT = 120.0  # seconds without a sync after which a worker gives up its runs


class Worker:
    """Trains the runs of a store. Every process that trains has one.

    Attributes:
        name: names the worker in `Run.claimed_by`: the server it belongs to, its process, and a random part, which
            makes it unique for ever. So a run that another worker has claimed is never mistaken for this one's.
    """

    def __init__(self, open_store: Callable[[], Store], server: str, memory: float):
        """Prepare a worker; `start` starts it.

        Args:
            open_store: opens the store; called again while it raises StoreUnavailable.
            server: name of the process whose end is the end of this worker; any other word if there is none.
            memory: bytes that its runs may take, as far as that can be estimated.
        """
        self.name = f"{server}/{process_name()}/{uuid.uuid4().hex}"
        self._open_store, self._memory = open_store, memory
        self._runs: dict[str, ActiveRun] = {}  # the training thread removes runs, the sync thread adds them
        self._changed = threading.Condition()  # guards _runs; notified when a run may have become ready
        self._closing = False
        # For the training thread: the fair share of each owner, see _next_run
        self._used: dict[str, float] = defaultdict(float)
        self._virtual_time = 0.0
        # For the sync thread
        self._sync_now = threading.Event()
        self._claim_wanted, self._has_room, self._workers = False, False, 1
        self._retrying, self._last_sync = False, time.monotonic()
        self._first_waiting: tuple[str | None, float] = (None, 0.0)  # the run that waits longest, and since when
        self._last_claim = self._last_balance = 0.0
        self._threads = [
            threading.Thread(target=self._training_loop, name="training", daemon=True),
            threading.Thread(target=self._sync_loop, name="sync", daemon=True),
        ]

    def start(self) -> None:
        """Start both threads. Runs are claimed whenever `wake` is called."""
        for thread in self._threads:
            thread.start()

    def wake(self, workers: int = 1) -> None:
        """Claim waiting runs now, and read what owners want. workers: how many workers share the runs."""
        self._workers, self._claim_wanted = workers, True
        self._sync_now.set()

    def close(self, timeout: float = 10.0) -> None:
        """Save all runs, give them back to the queue, and stop. timeout: seconds to wait for that."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._sync_now.set()
        for thread in self._threads:
            thread.join(timeout / 2)

    # The training thread

    def _training_loop(self) -> None:
        while True:
            with self._changed:
                self._remove_ended_runs()
                if self._closing and not self._runs:
                    return self._sync_now.set()
                now = time.monotonic()
                run, ready_at = self._next_run(now)
                if run is None:
                    self._changed.wait(min(ready_at - now, threading.TIMEOUT_MAX))
                    continue
            self._begin_turn(run)
            run.take_turn(TURN, self._others_wait())
            self._end_turn(run, time.monotonic() - now)

    def _next_run(self, now: float) -> tuple[ActiveRun | None, float]:
        """Return the run whose turn it is; if there is none, None and when the next run will be ready.

        The next turn belongs to the owner who has used the least time. Someone who had nothing to train for a while
        does not get that time later, but is next, at once. (Start-time fair queueing: Goyal, Vin & Cheng 1996.)
        """
        next_ready_at, ready = math.inf, []
        for run in self._runs.values():
            run.must_leave |= self._closing
            run.update()
            ready_at = run.ready_at(self._others_wait())
            next_ready_at = min(next_ready_at, ready_at)
            if ready_at <= now:
                ready.append(run)
        ready.sort(key=lambda run: (max(self._used[run.key], self._virtual_time), run.last_turn))
        return (ready[0] if ready else None), next_ready_at

    def _begin_turn(self, run: ActiveRun) -> None:
        self._virtual_time = self._used[run.key] = max(self._used[run.key], self._virtual_time)

    def _end_turn(self, run: ActiveRun, seconds: float) -> None:
        self._used[run.key] += seconds

    def _remove_ended_runs(self) -> None:
        for run in [run for run in self._runs.values() if run.sync.is_over]:
            run.close()
            del self._runs[run.run.id]
            if all(other.key != run.key for other in self._runs.values()):
                self._used.pop(run.key, None)
            self._has_room = True
            self._sync_now.set()  # the owner's next run may be waiting for this one's end

    def _others_wait(self) -> bool:
        """Return whether a run has been waiting in the queue for so long that paused runs should make room."""
        run_id, since = self._first_waiting
        return run_id is not None and time.monotonic() - since > PATIENCE

    # The sync thread

    def _sync_loop(self) -> None:
        store = None
        while self._threads[0].is_alive():  # it ends when this worker is closed
            self._sync_now.wait(SYNC_INTERVAL if self._runs or self._claim_wanted else None)
            self._sync_now.clear()
            try:
                store = store or self._open_store()
                self._sync(store)
                if not self._closing:
                    self._balance(store)
                    self._claim(store)
                self._last_sync = time.monotonic()
            except StoreUnavailable as error:  # training continues, and everything is kept for the next sync
                logger.warning("%s", error)
                self._retrying = True
                if self._closing or time.monotonic() - self._last_sync > STORE_TIMEOUT:
                    self._give_up()
                time.sleep(SYNC_INTERVAL)
            except Exception:  # broad on purpose: a worker without this thread would hold its runs for ever
                logger.exception("The worker's sync failed")
                time.sleep(SYNC_INTERVAL)
            time.sleep(SYNC_PAUSE)

    def _sync(self, store: Store) -> None:
        """Exchange everything with the store, in one transaction."""
        with self._changed:
            runs = [run for run in self._runs.values() if not run.sync.is_over]
        updates = [run.sync.take() for run in runs]
        began = time.monotonic()
        result = self._save(store, updates)
        saved = sum(update.checkpoint is not None for update in updates)
        seconds = (time.monotonic() - began) / max(saved, 1) * len(runs)
        for run, update in zip(runs, updates, strict=True):
            desired = result.desired.get(run.run.id)
            run.sync.confirm(update, desired, seconds)
            if desired and run.sync.is_unwatched() and not desired.pause_requested:
                store.auto_pause(run.run)
        self._retrying = False
        if result.first_waiting != self._first_waiting[0]:
            self._first_waiting = result.first_waiting, time.monotonic()
        with self._changed:
            self._changed.notify()

    def _save(self, store: Store, updates: list[RunUpdate]) -> SyncResult:
        """Save the updates. One that cannot be saved, for whatever reason, fails its run and no other."""
        try:
            return store.sync(self.name, updates, self._retrying)
        except StoreUnavailable:
            raise
        except Exception:  # broad on purpose, see above
            logger.exception("A sync failed; saving the runs one by one")
        result = SyncResult({}, None)
        for update in updates:
            try:
                desired, first_waiting = store.sync(self.name, [update], self._retrying)
                result = SyncResult(result.desired | desired, first_waiting)
            except StoreUnavailable:
                raise
            except Exception as error:  # broad on purpose, see above
                logger.exception("Run %s cannot be saved", update.run.id)
                # without the error's own text: a database puts statements and data into it
                message = f"This run could not be saved ({type(error).__name__}). Start it again, or tell your teacher."
                store.finish(update.run, Status.FAILED, message)
        return result

    def _claim(self, store: Store) -> None:
        """Claim waiting runs for which there is memory, and load each in a thread of its own."""
        now = time.monotonic()
        is_due = self._has_room or now - self._last_claim > PATIENCE
        if not (self._claim_wanted or (is_due and self._first_waiting[0] is not None)):
            return
        self._claim_wanted, self._has_room, self._last_claim = False, False, now
        with self._changed:
            needs = [memory_need(run.run) for run in self._runs.values()]

        def fits(run: Run) -> bool:
            needs.append(memory_need(run))
            return len(needs) == 1 or total_bytes(needs) <= self._memory  # a run that is too large may train alone

        # Runs that nobody has taken for a while are taken by any worker, whoever's share they are.
        claimed = store.claim(self.name, fits, 1 if self._others_wait() else self._workers)
        for run in claimed:
            active = ActiveRun(run, retry_while_unavailable(store.limits, run.classroom), self._sync_now.set)
            with self._changed:
                self._runs[run.id] = active
            threading.Thread(target=self._load, args=[active, store], name="loading", daemon=True).start()

    def _load(self, run: ActiveRun, store: Store) -> None:
        run.load(store)
        with self._changed:
            self._changed.notify()

    def _balance(self, store: Store) -> None:
        """Give runs back to the queue if this worker has more than its share of all running runs."""
        now = time.monotonic()
        if self._workers == 1 or now - self._last_balance < BALANCE_INTERVAL:
            return
        self._last_balance = now
        surplus = store.surplus(self.name, self._workers)
        with self._changed:
            surplus -= sum(run.must_leave for run in self._runs.values())
            for run in [run for run in self._runs.values() if run.is_busy][-surplus:] if surplus > 0 else []:
                run.must_leave = True
            self._changed.notify()

    def _give_up(self) -> None:
        """Forget all runs, because nothing can be saved. A dispatcher requeues them when it misses their heartbeat."""
        with self._changed:
            for run in self._runs.values():
                run.sync.is_over = True
            self._changed.notify()


def memory_need(run: Run) -> MemoryNeed:
    """Return what a run needs; nothing if its config cannot be read, because it will fail."""
    try:
        return JOB_TYPES[run.kind].memory(run.config)
    except ValueError:
        return MemoryNeed(0, 0)


def total_bytes(needs: list[MemoryNeed]) -> int:
    """Return what one worker needs for these runs: they share their datasets, and only one at a time has a turn."""
    shared = {need.dataset: need.dataset_bytes for need in needs}
    return sum(need.own for need in needs) + max(need.turn for need in needs) + sum(shared.values())


def warm_up() -> None:
    """Load the libraries and the default dataset, and compile, so that the first click is answered soon."""
    use_one_thread()
    dataset = datasets.load("mnist-5k")
    for _ in memorize.fit(memorize.MemorizeConfig("warm", hidden_size=8, epochs=2)):
        pass
    for _ in plane.fit(plane.PlaneConfig(epochs=1)):
        pass
    config = classify.ClassifyConfig(train_size=100, hidden=(8,), epochs=1, augment=("shift",))
    for _ in classify.fit(config, dataset):
        pass


def use_one_thread() -> None:
    """Limit BLAS and PyTorch to one thread: there is already one worker per core."""
    import_module("scipy.linalg")  # Numba multiplies with its BLAS, which can be limited only once it is loaded
    torch.set_num_threads(1)
    threadpool_limits(1)
