"""Dispatch queued runs to Dask workers, and requeue runs whose worker or server has died."""

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
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster

from core.paths import PROJECT
from core.runs.database import StoreUnavailable
from core.runs.identity import TeacherAuth, Visitor
from core.runs.store import ANONYMOUS, Store
from core.runs.worker import WarmUp
from core.training import Checkpoint

logger = logging.getLogger(__name__)

POLL_INTERVAL = 0.5  # seconds between two checks of the queue, if nothing notifies the dispatcher earlier
TIDY_INTERVAL = 1.0  # seconds between two portions of housekeeping
HEARTBEAT_TIMEOUT = 20.0  # seconds without a heartbeat after which a run's worker counts as dead
RECONNECT_DELAY = 5.0  # seconds between two attempts to start or reach the workers


class QueuePosition(NamedTuple):
    """Where a waiting run is in the queue.

    Attributes:
        position: 1 for the next run.
        eta_seconds: estimated time until it starts; 0 if nothing is known yet.
    """

    position: int
    eta_seconds: float


class Dispatcher:
    """Has queued runs trained by Dask workers. All pages of a server share one; it may be called from any thread.

    Runs wait in the store. The dispatcher sends Dask one task for every worker that could take a run; a task trains
    whichever run is next, and then the one after, until there is none. Several servers may share one store.

    Attributes:
        store: the runs.
        teacher_auth: teacher logins.
        workers: number of local workers.
        error: why nothing can be trained now, for a student; "" if everything works.
    """

    def __init__(
        self,
        database_url: str | None = None,
        workers: int | None = None,
        scheduler_address: str | None = None,
        teacher_auth: TeacherAuth | None = None,
    ):
        """Open the store; workers are started when they are first needed.

        Args:
            database_url: see core.runs.database.connect.
            workers: number of runs that train in parallel; by default TRAINING_WORKERS, or else one per CPU core.
                0 trains one run at a time in a thread of this process, which saves memory but slows pages down.
            scheduler_address: a Dask scheduler to use instead of local workers; by default DASK_SCHEDULER_ADDRESS.
            teacher_auth: teacher logins; by default with the password TEACHER_PASSWORD.
        """
        self.store = Store(database_url)
        self.teacher_auth = teacher_auth or TeacherAuth(os.environ.get("TEACHER_PASSWORD", ""))
        self.error = ""
        self.workers = _worker_count_from_env() if workers is None else workers
        self._scheduler_address = scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._name = "cluster" if self._scheduler_address else _process_id()  # tasks on a cluster outlive this process
        self._client_lock, self._thread_lock = threading.RLock(), threading.Lock()
        self._client: Client | None = None
        self._cluster: subprocess.Popen[str] | LocalCluster | None = None
        self._cluster_address = ""
        self._tasks: dict[str, Future] = {}
        self._heartbeats: dict[str, tuple[int, float]] = {}  # per task: its heartbeat, and when that last changed
        self._next_tidy = 0.0
        self._notified, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None

    def warm_up(self) -> None:
        """Start the workers, and return when all are ready to train."""
        self._start_thread()
        self._get_client()

    def submit(
        self, config: Any, parent: str | None = None, by: Visitor = ANONYMOUS, weights: Checkpoint | None = None
    ) -> str:
        """Queue a run and return its id. Arguments and ValueError: see Store.create."""
        run_id = self.store.create(config, parent, by, weights)
        self.notify()
        return run_id

    def resume(self, run_id: str) -> None:
        """Let a paused run continue."""
        self.store.resume(run_id)
        self.notify()

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch"."""
        self.store.advance(run_id, unit)
        self.notify()

    def notify(self) -> None:
        """Check the queue now: a run may be waiting for a worker."""
        self._start_thread()
        self._notified.set()

    def close(self) -> None:
        """Stop the workers. Their runs wait for the next server. The store stays open for reading."""
        self._closing = True
        self._notified.set()
        with self._client_lock:
            self._disconnect()
        if not self._scheduler_address:
            for task in self._tasks:
                with suppress(StoreUnavailable):  # then another server requeues it later
                    self.store.requeue(task, died=False)

    def queue_position(self, run_id: str) -> QueuePosition | None:
        """Return a waiting run's position in the queue; None if it is not waiting."""
        queue = self.store.queue()
        if run_id not in queue:
            return None
        position = queue.index(run_id) + 1
        return QueuePosition(position, self.store.mean_duration() * position / max(self.workers, 1))

    # The background thread, which lives as long as this process

    def _start_thread(self) -> None:
        with self._thread_lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._dispatch_loop, name="dispatcher", daemon=True)
                self._thread.start()

    def _dispatch_loop(self) -> None:
        while not self._closing:
            try:
                self._requeue_lost_runs()
                self._submit_tasks()
                self._tidy()
                self.error = ""
            except StoreUnavailable as error:
                self.error = str(error)
                self._heartbeats = {}  # no heartbeat could be read in the meantime
                logger.warning("%s", error)
            except Exception as error:  # broad on purpose: Dask raises many types of errors for a lost connection
                if self._closing:
                    return
                logger.warning("Cannot reach the workers", exc_info=True)
                self.error = f"The training workers cannot be reached ({error}). Runs wait until they are back."
                time.sleep(RECONNECT_DELAY)
            self._notified.wait(POLL_INTERVAL)
            self._notified.clear()

    def _tidy(self) -> None:
        """Do a portion of the store's housekeeping, at most once per TIDY_INTERVAL."""
        if time.monotonic() >= self._next_tidy:
            self.store.tidy()
            self._next_tidy = time.monotonic() + TIDY_INTERVAL

    def _submit_tasks(self) -> None:
        """Send as many tasks as there are runs that idle workers could take."""
        startable = self.store.startable_count()
        if not startable:
            return
        client = self._get_client()
        capacity = sum(client.nthreads().values())
        if not capacity:
            raise RuntimeError("there is no worker")
        for _ in range(min(startable, capacity - len(self._tasks))):
            task, url = f"{self._name}/{uuid.uuid4().hex}", self.store.url
            # The scheduler unpickles tasks. A lambda travels as bytecode, so the scheduler need not import torch.
            self._tasks[task] = client.submit(
                lambda task=task, url=url: import_module("core.runs.worker").run_worker(task, url), key=task, pure=False
            )

    def _requeue_lost_runs(self) -> None:
        """Requeue runs whose task failed, whose server exited, or whose heartbeat timed out."""
        for task, future in list(self._tasks.items()):
            if future.done():
                del self._tasks[task]
                if future.status != "finished":
                    self.store.requeue(task)
        now, before = time.monotonic(), self._heartbeats
        self._heartbeats = {}
        for task, count in self.store.heartbeats().items():
            last_count, since = before.get(task, (count, now))
            self._heartbeats[task] = (count, since if last_count == count else now)
            exited = _process_exited(task)
            if exited or now - self._heartbeats[task][1] > HEARTBEAT_TIMEOUT:
                self.store.requeue(task, died=not exited)

    # The connection to Dask

    def _get_client(self) -> Client:
        """Return the connection to Dask. Starts the local workers and connects if necessary."""
        with self._client_lock:
            if self._closing:
                raise RuntimeError("the server is being stopped")
            cluster_died = isinstance(self._cluster, subprocess.Popen) and self._cluster.poll() is not None
            if cluster_died or (self._client and self._client.status == "closed"):
                self._disconnect()  # and start again below
            if self._client is None:
                if not self._scheduler_address and self._cluster is None:
                    self._cluster_address = self._start_cluster()
                address = self._scheduler_address or self._cluster_address
                client = Client(address, set_as_default=False, timeout=30)
                try:
                    client.register_plugin(WarmUp())
                except Exception:  # whatever it is, leave no half-open connection behind
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
        """Start workers on this machine and return their scheduler's address."""
        if self.workers == 0:
            self._cluster = LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs=logging.ERROR
            )
            return self._cluster.scheduler_address
        path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(  # see local_cluster.py
            [sys.executable, Path(__file__).with_name("local_cluster.py"), str(self.workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_without_teacher_password(os.environ), "PYTHONPATH": path},
        )
        assert process.stdout is not None  # because of PIPE
        address = process.stdout.readline().strip()
        if not address:
            raise RuntimeError("they did not start; see the server's log")
        self._cluster = process
        return address


def _without_teacher_password(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for workers, which do not need the password."""
    return {name: value for name, value in environment.items() if name != "TEACHER_PASSWORD"}


def _worker_count_from_env() -> int:
    """Return TRAINING_WORKERS, or the number of CPU cores. Raises ValueError if it is not a whole number >= 0."""
    text = os.environ.get("TRAINING_WORKERS", "").strip()
    if text and not text.isdecimal():
        raise ValueError(f"TRAINING_WORKERS must be a whole number, 0 or more, but it is {text!r}.")
    return int(text) if text else CPU_COUNT


def _process_id() -> str:
    """Return a unique process id: host, pid and start time (pids are reused)."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}@{process.create_time():.0f}"


def _process_exited(task: str) -> bool:
    """Return whether the server on this machine that sent the task has exited; False if it is another machine's."""
    host, _, process = task.partition("/")[0].rpartition(":")
    pid, _, start = process.partition("@")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" != start
    except psutil.NoSuchProcess:
        return True


_dispatcher: Dispatcher | None = None
_dispatcher_lock = threading.Lock()


def get_dispatcher() -> Dispatcher:
    """Return this process's dispatcher. The first call creates it and warms its workers up in the background."""
    global _dispatcher
    with _dispatcher_lock:
        if _dispatcher is None:
            _dispatcher = Dispatcher()
            atexit.register(_dispatcher.close)
            threading.Thread(target=_dispatcher.warm_up, daemon=True, name="warm-up").start()
        return _dispatcher
