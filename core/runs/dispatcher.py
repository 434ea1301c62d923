"""Wake the workers when a run is queued, and requeue runs whose worker or server has died."""

from __future__ import annotations

import atexit
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dask.system import CPU_COUNT
from distributed import Client, Security
from distributed.system import MEMORY_LIMIT

from core.paths import PROJECT
from core.runs.dask_plugin import TrainingPlugin, wake_worker
from core.runs.database import StoreUnavailable
from core.runs.identity import TeacherAuth, Visitor
from core.runs.local_cluster import START_ALL
from core.runs.processes import has_exited, process_name
from core.runs.queue_estimate import Queue
from core.runs.store import ANONYMOUS, Store
from core.runs.worker import Worker, warm_up
from core.training import Checkpoint

logger = logging.getLogger(__name__)

POLL_INTERVAL = 0.5  # seconds between two checks of the queue, if nothing notifies the dispatcher earlier
TIDY_INTERVAL = 1.0  # seconds between two portions of housekeeping
HEARTBEAT_TIMEOUT = 20.0  # seconds without a heartbeat after which a run's worker counts as dead
RECONNECT_DELAY = 5.0  # seconds between two attempts to start or reach the workers
MEMORY_SHARE_OF_SERVER = 1 / 4  # of the machine's memory that runs may take which train in the server's process


class Dispatcher:
    """Has queued runs trained by workers. All pages of a server share one; it may be called from any thread.

    Runs wait in the store. Workers claim them there, as many as they have memory for, whenever the dispatcher wakes
    them. Several servers may share one store.

    Attributes:
        store: the runs.
        teacher_auth: teacher logins.
        workers: number of workers that share the runs.
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
            workers: number of worker processes; by default TRAINING_WORKERS, or else one per CPU core.
                0 trains in a thread of this process, which saves memory but slows pages down.
            scheduler_address: a Dask scheduler to use instead of local workers; by default DASK_SCHEDULER_ADDRESS.
            teacher_auth: teacher logins; by default with the password TEACHER_PASSWORD.
        """
        self.store = Store(database_url)
        self.teacher_auth = teacher_auth or TeacherAuth(os.environ.get("TEACHER_PASSWORD", ""))
        self.error = ""
        self.workers = _worker_count_from_env() if workers is None else workers
        self._scheduler_address = scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._process = process_name()
        self._client_lock, self._thread_lock = threading.RLock(), threading.Lock()
        self._client: Client | None = None
        self._next_tidy = 0.0
        self._cluster: subprocess.Popen[str] | None = None
        self._cluster_address, self._security = "", Security(require_encryption=False)
        self._worker: Worker | None = None  # in this process, if there are no others
        self._heartbeats: dict[tuple[str, str], tuple[int, float]] = {}  # with the time when each last changed
        self._notified, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None

    def warm_up(self) -> None:
        """Start the workers, and return when the first is ready to train."""
        self._start_thread()
        self._connect()

    def submit(
        self,
        config: Any,
        parent: str | None = None,
        by: Visitor = ANONYMOUS,
        weights: Checkpoint | None = None,
        **beginning: Any,
    ) -> str:
        """Queue a run and return its id. Arguments, also the further ones, and ValueError: see Store.create."""
        run_id = self.store.create(config, parent, by, weights, **beginning)
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
            with suppress(StoreUnavailable):  # then another server requeues them later
                for worker, run_id in self.store.heartbeats():
                    if worker.startswith(f"{self._process}/"):
                        self.store.requeue(worker, run_id, died=False)

    def queue(self) -> Queue:
        """Return the waiting runs as they are now, and what they wait for."""
        runs = self.store.list_runs(limit=None, unfinished=True)
        return Queue(self.store.queue(), runs, max(self.workers, 1), self.store.mean_duration())

    # The background thread, which lives as long as this process

    def _start_thread(self) -> None:
        with self._thread_lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._dispatch_loop, name="dispatcher", daemon=True)
                self._thread.start()

    def _dispatch_loop(self) -> None:
        while not self._closing:
            try:
                if self.store.startable_count():
                    self._wake_workers()
                self._requeue_lost_runs()
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

    def _wake_workers(self) -> None:
        """Have all workers look at the queue."""
        client = self._connect()
        if client is None:
            assert self._worker is not None  # because `_connect` started it
            return self._worker.wake()
        workers = len(client.nthreads())
        if not workers:
            raise RuntimeError("there is no worker")
        if self._scheduler_address:
            self.workers = workers
        # local workers that are still starting get their share of the runs, too
        if not all(client.run(wake_worker, self.workers).values()):  # the scheduler has been started again
            self._register_plugin(client)

    def _requeue_lost_runs(self) -> None:
        """Requeue runs whose worker or server has exited, or whose heartbeat timed out."""
        now, before = time.monotonic(), self._heartbeats
        self._heartbeats = {}
        heartbeats = self.store.heartbeats()
        exited = {
            name for worker in {worker for worker, _ in heartbeats} for name in worker.split("/") if has_exited(name)
        }
        for (worker, run_id), count in heartbeats.items():
            server, *processes = worker.split("/")
            last_count, since = before.get((worker, run_id), (count, now))
            since = since if count == last_count else now
            self._heartbeats[worker, run_id] = count, since
            if server in exited or exited.intersection(processes) or now - since > HEARTBEAT_TIMEOUT:
                self.store.requeue(worker, run_id, died=server not in exited)

    # The connection to Dask

    def _connect(self) -> Client | None:
        """Return the connection to Dask; None if this process trains itself. Starts the local workers if necessary."""
        with self._client_lock:
            if self._closing:
                raise RuntimeError("the server is being stopped")
            if self.workers == 0 and not self._scheduler_address:
                if self._worker is None:
                    warm_up()
                    self._worker = Worker(lambda: self.store, self._process, MEMORY_SHARE_OF_SERVER * MEMORY_LIMIT)
                    self._worker.start()
                return None
            cluster_died = self._cluster is not None and self._cluster.poll() is not None
            if cluster_died or (self._client and self._client.status == "closed"):
                self._disconnect()  # and start again below
            if self._client is None:
                if not self._scheduler_address and self._cluster is None:
                    self._start_cluster()
                address = self._scheduler_address or self._cluster_address
                client = Client(address, set_as_default=False, timeout=30, security=self._security)
                try:
                    self._register_plugin(client)
                except Exception:  # whatever it is, leave no half-open connection behind
                    client.close()
                    raise
                self._client = client
                if self._cluster and self._cluster.stdin:
                    self._cluster.stdin.write(START_ALL)  # the first is ready
                    self._cluster.stdin.flush()
            return self._client

    def _register_plugin(self, client: Client) -> None:
        """Have every Dask worker, including later ones, train runs."""
        server = "cluster" if self._scheduler_address else self._process  # workers of a cluster outlive this process
        client.register_plugin(TrainingPlugin(self.store.url, server))

    def _disconnect(self) -> None:
        if self._worker:
            self._worker.close()
        if self._client:
            self._client.close()
            self._client = None
        if self._cluster:
            try:
                self._cluster.communicate("close\n", timeout=20)
            except subprocess.TimeoutExpired:
                self._cluster.kill()
                self._cluster.wait()
        self._cluster = None

    def _start_cluster(self) -> None:
        """Start workers on this machine, which accept only connections with this server's certificate."""
        path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(  # see local_cluster.py
            [sys.executable, Path(__file__).with_name("local_cluster.py"), str(self.workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_without_teacher_password(os.environ), "PYTHONPATH": path},
        )
        assert process.stdin is not None  # because of PIPE
        assert process.stdout is not None
        self._security = Security.temporary()
        process.stdin.write(json.dumps(certificates(self._security)) + "\n")
        process.stdin.flush()
        self._cluster_address = process.stdout.readline().strip()
        if not self._cluster_address:
            raise RuntimeError("they did not start; see the server's log")
        self._cluster = process


def certificates(security: Security) -> dict[str, str]:
    """Return the keys and certificates of Security.temporary(), as arguments of Security."""
    roles = ("client", "scheduler", "worker")
    names = ["tls_ca_file", *(f"tls_{role}_{part}" for role in roles for part in ("key", "cert"))]
    return {name: getattr(security, name) for name in names}


def _without_teacher_password(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for workers, which do not need the password."""
    return {name: value for name, value in environment.items() if name != "TEACHER_PASSWORD"}


def _worker_count_from_env() -> int:
    """Return TRAINING_WORKERS, or the number of CPU cores. Raises ValueError if it is not a whole number >= 0."""
    text = os.environ.get("TRAINING_WORKERS", "").strip()
    if text and not text.isdecimal():
        raise ValueError(f"TRAINING_WORKERS must be a whole number, 0 or more, but it is {text!r}.")
    return int(text) if text else CPU_COUNT


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
