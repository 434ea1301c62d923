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
START_ALL = "start all\n"


def main(workers: int) -> None:
    """Start one worker, print the scheduler's address, and obey the lines of input until it ends.

    The first line contains the certificates that all connections use, see distributed.Security. START_ALL starts the
    other workers: if all started at once, the first run would have to wait until all have loaded their libraries. Any
    other line closes the cluster.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the server, which then closes us
    if hasattr(os, "nice"):
        os.nice(5)  # pages come first: when all cores are busy, a class would rather wait for a run than for a page
    security = Security(require_encryption=True, **json.loads(sys.stdin.readline()))
    address_pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers print goes to the server's log
    dask.config.set(DASK_CONFIG)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        memory_limit=MEMORY_LIMIT // workers,
        security=security,
        dashboard_address=None,
        worker_dashboard_address=LOCAL,
        scheduler_kwargs={"dashboard_address": LOCAL},
        silence_logs=logging.ERROR,
    ) as cluster:
        print(cluster.scheduler_address, file=address_pipe, flush=True)
        all_wanted, closing = threading.Event(), threading.Event()
        threading.Thread(target=_read_input, args=[all_wanted, closing], daemon=True).start()
        while not closing.wait(REPAIR_INTERVAL):
            # also starts a new worker in place of one that has lost its connection and exited
            cluster.scale(workers if all_wanted.is_set() else 1)


def _read_input(all_wanted: threading.Event, closing: threading.Event) -> None:
    for line in sys.stdin:
        if line != START_ALL:
            return closing.set()
        all_wanted.set()
    os._exit(1)  # end of input: the server was killed; the workers notice, and exit at once


if __name__ == "__main__":
    main(int(sys.argv[1]))
