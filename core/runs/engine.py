"""The engine: takes configs from pages, has them trained by Dask's workers, and steers what is running."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
from dask.system import CPU_COUNT
from distributed import Client, Future

from core.runs.store import Status, Store
from core.runs.worker import WarmUp
from core.training import Checkpoint

PROJECT = Path(__file__).parents[2]
REPEAT = "Press Train again to repeat it: the same seed gives the same curve."


class Engine:
    """Runs training jobs. Pages of all students share one; its methods may be called from any thread.

    database_url: see Store. workers: how many runs train at the same time, by default one a core.
    scheduler_address: a Dask scheduler to use instead of workers on this machine; else DASK_SCHEDULER_ADDRESS.
    """

    def __init__(
        self, database_url: str | None = None, workers: int | None = None, scheduler_address: str | None = None
    ):
        self.store = Store(database_url)
        self._workers = workers or CPU_COUNT
        self._scheduler_address = scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._server = "" if self._scheduler_address else _identity(psutil.Process())
        self._lock = threading.RLock()
        self._client: Client | None = None
        self._cluster: subprocess.Popen | None = None
        self._futures: dict[str, Future] = {}
        self._fail_runs_left_behind()

    @property
    def workers(self) -> int:
        """How many runs train at the same time, where the workers are this machine's."""
        return self._workers

    def warm_up(self) -> None:
        """Start the workers and return when all are ready to train."""
        self._connected()

    def submit(
        self,
        config: Any,
        parent: str | None = None,
        *,
        weights: Checkpoint | None = None,
        background: bool = False,
    ) -> str:
        """Have a run trained as soon as a worker is free; return its id.

        parent: a run whose weights it begins with. Raises ValueError where that has none, or is of another kind.
        weights: those that it begins with, where they are no run's. background: all others go first.
        """
        client = self._connected()
        run_id, url = self.store.create(config, self._server, parent, weights), self.store.url
        # The scheduler unpickles what is submitted. A lambda travels as bytecode: it need not import torch for it.
        future = client.submit(
            lambda: import_module("core.runs.worker").work(run_id, url),
            key=f"train-{run_id}",
            pure=False,
            priority=-1 if background else 0,
        )
        self._futures[run_id] = future
        threading.Thread(target=self._watch, args=[run_id, future], name=f"watch-{run_id}", daemon=True).start()
        return run_id

    def pause(self, run_id: str) -> None:
        self.store.pause(run_id)

    def resume(self, run_id: str) -> None:
        self.store.resume(run_id)

    def steer(self, run_id: str, **changes: Any) -> None:
        """Train on with these settings. Raises ValueError with a sentence where one cannot be changed, or not so."""
        self.store.steer(run_id, **changes)

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch"."""
        self.store.advance(run_id, unit)

    def set_pace(self, run_id: str, seconds: float) -> None:
        """Slow motion: let every step take at least so many seconds (0 to 10)."""
        self.store.set_pace(run_id, seconds)

    def stop(self, run_id: str) -> None:
        """End a run: one that waits at once, one that trains after the step it is at."""
        self.store.stop(run_id)

    def close(self) -> None:
        """Stop the workers. What they were training fails with a sentence. The store stays open for readers."""
        with self._lock:
            for run_id in list(self._futures):
                self.store.fail(run_id, f"The server was stopped before this run had ended. {REPEAT}")
            if self._client:
                self._client.close()
                self._client = None
            if self._cluster:
                try:
                    self._cluster.communicate("close\n", timeout=10)
                except subprocess.TimeoutExpired:
                    self._cluster.kill()
                self._cluster = None

    def _connected(self) -> Client:
        with self._lock:
            cluster_died = self._cluster and self._cluster.poll() is not None
            if cluster_died or (self._client and self._client.status == "closed"):
                self.close()  # and begin anew
            if self._client is None:
                self._client = Client(self._scheduler_address or self._start_cluster(), set_as_default=False)
                self._client.register_plugin(WarmUp())
            return self._client

    def _start_cluster(self) -> str:
        """Start cluster.py, which see, and return its scheduler's address."""
        path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._cluster = subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("cluster.py"), str(self._workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        address = self._cluster.stdout.readline().strip()
        if not address:
            raise RuntimeError("The training workers did not start; the server's log says why.")
        return address

    def _watch(self, run_id: str, future: Future) -> None:
        """Wait until Dask is done with a run: where its worker could not say how it ended, we do.

        In a thread of ours: Dask's own callbacks need threads that are gone while the interpreter ends.
        """
        error = future.exception()
        self._futures.pop(run_id, None)
        if future.status != "finished":
            died = f"its worker could not go on ({type(error).__name__})"
            why = died if error else "the connection to the workers was lost"
            self.store.fail(run_id, f"Training ended early: {why}. {REPEAT}")

    def _fail_runs_left_behind(self) -> None:
        """Runs of a server on this machine that is gone can never end by themselves."""
        for run in self.store.recent(limit=None, unfinished=True):
            if self._server and run.server and not _is_alive(run.server):
                doing = "waiting" if run.status is Status.WAITING else "training"
                self.store.fail(run.id, f"The server was restarted while this run was {doing}. {REPEAT}")


def _identity(process: psutil.Process) -> str:
    """A process's number and start: numbers alone are used again."""
    return f"{process.pid}@{process.create_time():.0f}"


def _is_alive(identity: str) -> bool:
    try:
        return _identity(psutil.Process(int(identity.partition("@")[0]))) == identity
    except psutil.NoSuchProcess:
        return False


_engine: Engine | None = None
_engine_lock = threading.Lock()


def get_engine() -> Engine:
    """This process's engine, made at the first call; its workers warm up in the background."""
    global _engine
    with _engine_lock:
        if _engine is None:
            _engine = Engine()
            atexit.register(_engine.close)
            threading.Thread(target=_engine.warm_up, daemon=True, name="warm-up").start()
        return _engine
