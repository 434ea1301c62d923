"""The engine: has the runs in the store trained by Dask's workers, and picks up what was left behind."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster

from core.runs.identity import TeacherAuth, Visitor
from core.runs.store import ANONYMOUS, Store, StoreUnavailable
from core.runs.worker import WarmUp
from core.training import Checkpoint

logger = logging.getLogger(__name__)

PROJECT = Path(__file__).parents[2]
POLL_INTERVAL = 0.5  # seconds between two looks at the queue, if nothing wakes the engine before
HEARTBEAT_TIMEOUT = 20.0  # seconds without a heartbeat after which a run's worker is taken for dead
RECONNECT_DELAY = 5.0  # to start or reach the workers


class QueuePosition(NamedTuple):
    """position: 1 is next. eta_seconds: roughly how long that takes; 0: nothing is known yet."""

    position: int
    eta_seconds: float


class Dispatcher:
    """Has runs trained. Pages of all students share one; its methods may be called from any thread.

    Runs wait in the store. The engine sends a task to Dask for every worker that could take one; a task takes whichever
    run is next in line, and then the one after, until there is none. Several servers may do this with one store.

    database_url: see Store. workers: how many runs train at the same time; else TRAINING_WORKERS, else one a core; 0:
    one, in a thread of this process, which saves memory and costs pages some of their speed.
    scheduler_address: a Dask scheduler to use instead of workers on this machine; else DASK_SCHEDULER_ADDRESS.
    teacher_auth: who is a teacher; by default, who knows TEACHER_PASSWORD.
    """

    def __init__(
        self,
        database_url: str | None = None,
        workers: int | None = None,
        scheduler_address: str | None = None,
        teacher_auth: TeacherAuth | None = None,
    ):
        self.store = Store(database_url)
        self.teacher_auth = teacher_auth or TeacherAuth(os.environ.get("TEACHER_PASSWORD", ""))
        self.error = ""  # why nothing can be trained now, for a student
        self.workers = _workers_wanted() if workers is None else workers
        self._scheduler_address = scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._name = "cluster" if self._scheduler_address else _server()  # a cluster's tasks outlive this process
        self._lock, self._starting = threading.RLock(), threading.Lock()
        self._client: Client | None = None
        self._cluster: subprocess.Popen | LocalCluster | None = None
        self._cluster_address = ""
        self._tasks: dict[str, Future] = {}
        self._heartbeats: dict[str, tuple[int, float]] = {}  # of each task: its count, and when that last changed
        self._wake, self._closing = threading.Event(), False
        self._dispatcher: threading.Thread | None = None

    def warm_up(self) -> None:
        """Start the workers, and return when all are ready to train."""
        self._start_dispatcher()
        self._connected()

    def submit(
        self, config: Any, parent: str | None = None, by: Visitor = ANONYMOUS, weights: Checkpoint | None = None
    ) -> str:
        """Have a run trained as soon as it is its turn; return its id. Arguments and ValueError: see Store.create."""
        run_id = self.store.create(config, parent, by, weights)
        self.wake()
        return run_id

    def pause(self, run_id: str) -> None:
        self.store.pause(run_id)

    def resume(self, run_id: str) -> None:
        self.store.resume(run_id)
        self.wake()

    def steer(self, run_id: str, **changes: Any) -> None:
        """Train on with these settings. Raises ValueError with a sentence where one cannot be changed, or not so."""
        self.store.steer(run_id, **changes)

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch"."""
        self.store.advance(run_id, unit)
        self.wake()

    def set_pace(self, run_id: str, seconds: float) -> None:
        """Slow motion: let every step take at least so many seconds (0 to 10)."""
        self.store.set_pace(run_id, seconds)

    def stop(self, run_id: str) -> None:
        """End a run: one that has no worker at once, one that trains after the step it is at."""
        self.store.stop(run_id)

    def wake(self) -> None:
        """Look at the queue now."""
        self._start_dispatcher()
        self._wake.set()

    def close(self) -> None:
        """Stop the workers. What they were training waits for the next server. The store stays open for readers."""
        self._closing = True
        self._wake.set()
        with self._lock:
            self._disconnect()
        if not self._scheduler_address:
            for task in self._tasks:
                with suppress(StoreUnavailable):  # then it is found later
                    self.store.requeue(task, died=False)

    def queue_position(self, run_id: str) -> QueuePosition | None:
        """Where a waiting run stands in the queue; None where it does not wait."""
        line = self.store.queue()
        if run_id not in line:
            return None
        position = line.index(run_id) + 1
        return QueuePosition(position, self.store.mean_duration() * position / max(self.workers, 1))

    # The dispatcher: a thread of this process, for as long as it lives

    def _start_dispatcher(self) -> None:
        with self._starting:
            if self._dispatcher is None and not self._closing:
                self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)
                self._dispatcher.start()

    def _dispatch(self) -> None:
        while not self._closing:
            try:
                self._look_after_the_lost()
                self._call_workers()
                self.error = ""
            except StoreUnavailable as error:
                self.error = str(error)
                self._heartbeats = {}  # nobody could be heard
                logger.warning("%s", error)
            except Exception as error:  # broad on purpose: Dask has many ways to say that nobody is there
                if self._closing:
                    return
                logger.warning("The workers cannot be reached", exc_info=True)
                self.error = f"The training workers cannot be reached ({error}). Runs wait until they are back."
                time.sleep(RECONNECT_DELAY)
            self._wake.wait(POLL_INTERVAL)
            self._wake.clear()

    def _call_workers(self) -> None:
        """Send as many tasks as there are runs that idle workers could take."""
        ready = self.store.startable_count()
        if not ready:
            return
        client = self._connected()
        capacity = sum(client.nthreads().values())
        if not capacity:
            raise RuntimeError("there is no worker")
        for _ in range(min(ready, capacity - len(self._tasks))):
            task, url = f"{self._name}/{uuid.uuid4().hex}", self.store.url
            # The scheduler unpickles what is submitted. A lambda travels as bytecode: it need not import torch for it.
            self._tasks[task] = client.submit(
                lambda task=task, url=url: import_module("core.runs.worker").work(task, url), key=task, pure=False
            )

    def _look_after_the_lost(self) -> None:
        """Put runs back in line whose task has failed, whose server is gone, or who give no sign of life."""
        for task, future in list(self._tasks.items()):
            if future.done():
                del self._tasks[task]
                if future.status != "finished":
                    self.store.requeue(task)
        now, before = time.monotonic(), self._heartbeats
        self._heartbeats = {}
        for task, count in self.store.claims().items():
            seen, since = before.get(task, (count, now))
            self._heartbeats[task] = (count, since if seen == count else now)
            gone = _server_is_gone(task)
            if gone or now - self._heartbeats[task][1] > HEARTBEAT_TIMEOUT:
                self.store.requeue(task, died=not gone)

    # The connection to Dask

    def _connected(self) -> Client:
        with self._lock:
            if self._closing:
                raise RuntimeError("the server is being stopped")
            cluster_died = isinstance(self._cluster, subprocess.Popen) and self._cluster.poll() is not None
            if cluster_died or (self._client and self._client.status == "closed"):
                self._disconnect()  # and begin anew
            if self._client is None:
                if not self._scheduler_address and self._cluster is None:
                    self._cluster_address = self._start_cluster()
                address = self._scheduler_address or self._cluster_address
                client = Client(address, set_as_default=False, timeout=30)
                try:
                    client.register_plugin(WarmUp())
                except Exception:  # whatever it was goes on to the dispatcher; no half-open connection stays behind
                    client.close()
                    raise
                self._client = client
            return self._client

    def _disconnect(self) -> None:
        if self._client:
            self._client.close()
            self._client = None
        if isinstance(self._cluster, LocalCluster):
            self._cluster.close()
        elif self._cluster:
            try:
                self._cluster.communicate("close\n", timeout=10)
            except subprocess.TimeoutExpired:
                self._cluster.kill()
        self._cluster = None

    def _start_cluster(self) -> str:
        """Start workers on this machine, and return their scheduler's address."""
        if self.workers == 0:
            self._cluster = LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs=logging.ERROR
            )
            return self._cluster.scheduler_address
        path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._cluster = subprocess.Popen(  # see local_cluster.py
            [sys.executable, Path(__file__).with_name("local_cluster.py"), str(self.workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        address = self._cluster.stdout.readline().strip()
        if not address:
            self._cluster = None
            raise RuntimeError("they did not start; the server's log says why")
        return address


def _workers_wanted() -> int:
    """TRAINING_WORKERS, or one a core. Raises ValueError where it is no whole number from 0 on."""
    text = os.environ.get("TRAINING_WORKERS", "").strip()
    if text and not text.isdecimal():
        raise ValueError(f"TRAINING_WORKERS must be a whole number, 0 or more, but it is {text!r}.")
    return int(text) if text else CPU_COUNT


def _server() -> str:
    """This process: its machine, its number and its start, for numbers alone are used again."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}@{process.create_time():.0f}"


def _server_is_gone(task: str) -> bool:
    """Whether a server on this machine that sent this task has ended. Of other machines nothing is known."""
    host, _, process = task.partition("/")[0].rpartition(":")
    pid, _, start = process.partition("@")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" != start
    except psutil.NoSuchProcess:
        return True


_engine: Dispatcher | None = None
_engine_lock = threading.Lock()


def get_dispatcher() -> Dispatcher:
    """This process's engine, made at the first call; its workers warm up in the background."""
    global _engine
    with _engine_lock:
        if _engine is None:
            _engine = Dispatcher()
            atexit.register(_engine.close)
            threading.Thread(target=_engine.warm_up, daemon=True, name="warm-up").start()
        return _engine
