"""The local Dask cluster, in its own process, which ends whenever the server that started it ends.

The dispatcher runs this file as a script. If the cluster were started inside the server, every worker would import the
server's main script again, which under Streamlit is whatever page is running at that moment.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading

import dask
from distributed import LocalCluster, Security
from distributed.system import MEMORY_LIMIT

# By default Dask measures itself up to a hundred times per second for its own dashboard, which is off here. With two
# workers and a scheduler, that would cost an eighth of a CPU core.
DASK_CONFIG = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.deploy.lost-worker-timeout": "1s",
}
LOCAL = "127.0.0.1:0"  # Dask opens a port for HTTP in every process, even without a dashboard
REPAIR_INTERVAL = 2.0  # seconds


def main(workers: int) -> None:
    """Start the workers, print the scheduler's address, and stay until a line or the end of input arrives.

    The first line of input contains the certificates that all connections use, see distributed.Security.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the server, which then closes us
    if hasattr(os, "nice"):
        os.nice(5)  # pages come first: when all cores are busy, a class would rather wait for a run than for a page
    security = Security(require_encryption=True, **json.loads(sys.stdin.readline()))
    address_pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers print goes to the server's log
    dask.config.set(DASK_CONFIG)
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=MEMORY_LIMIT // workers,
        security=security,
        dashboard_address=None,
        worker_dashboard_address=LOCAL,
        scheduler_kwargs={"dashboard_address": LOCAL},
        silence_logs=logging.ERROR,
    ) as cluster:
        print(cluster.scheduler_address, file=address_pipe, flush=True)
        closing = threading.Event()
        threading.Thread(target=_wait_for_input, args=[closing], daemon=True).start()
        while not closing.wait(REPAIR_INTERVAL):
            cluster.scale(workers)  # starts a new worker in place of one that has lost its connection and exited


def _wait_for_input(closing: threading.Event) -> None:
    if not sys.stdin.readline():  # end of input: the server was killed
        os._exit(1)  # the workers notice, and exit at once
    closing.set()


if __name__ == "__main__":
    main(int(sys.argv[1]))
