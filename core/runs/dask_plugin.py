"""TrainingPlugin: starts a Worker in every Dask worker. Dask starts the processes, on one machine or on many."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from distributed import WorkerPlugin
from distributed.system import MEMORY_LIMIT

from core.runs.store import Store
from core.runs.worker import Worker, warm_up

MEMORY_SHARE = 1 / 2  # of a Dask worker's memory that runs may take; the rest is for libraries and for peaks


class TrainingPlugin(WorkerPlugin):
    """Makes every Dask worker, including later ones, train runs. Several servers may register it; the first one counts.

    Attributes:
        worker: the Worker of this process, once it is set up.
    """

    name, idempotent = "training", True
    worker: Worker

    def __init__(self, database_url: str, server: str):
        """database_url: where the runs are. server: see Worker."""
        self._database_url, self._server = database_url, server

    def setup(self, worker: Any) -> None:
        """Load what the worker will need, and start it; Dask calls this in every worker process."""
        warm_up()
        memory = worker.memory_manager.memory_limit or MEMORY_LIMIT
        self.worker = Worker(partial(Store, self._database_url), self._server, MEMORY_SHARE * memory)
        self.worker.start()

    async def teardown(self, worker: Any) -> None:
        """Save the runs and give them back; Dask calls this before it ends the process, if it still can."""
        await asyncio.to_thread(self.worker.close)


def wake_worker(workers: int, dask_worker: Any) -> bool:
    """Wake the Worker of a Dask worker; for Client.run. workers: see Worker.wake. Returns whether there is one."""
    plugin = dask_worker.plugins.get(TrainingPlugin.name)
    if plugin:
        plugin.worker.wake(workers)
    return plugin is not None
