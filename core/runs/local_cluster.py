"""The local Dask cluster, in a process of its own: it ends when the server that started it ends, however that ends.

The engine runs this file as a script. Started inside the server, the cluster would have each worker import the
server's main script again, which under Streamlit is whatever page runs at that moment.
"""

from __future__ import annotations

import logging
import os
import signal
import sys

import dask
from distributed import LocalCluster

# Dask measures itself up to a hundred times a second, for charts that nobody looks at here: with two workers and a
# scheduler, an eighth of a core that trains nothing.
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}


def main(workers: int) -> None:
    """Start the workers, print the scheduler's address on standard output, stay until a line or the end of input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the server, which then closes us
    if hasattr(os, "nice"):
        os.nice(5)  # pages come first: where all cores are busy, a class would rather wait for a run than for a page
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers print belongs in the server's log
    dask.config.set(QUIET)
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # even without a dashboard a port is taken: any free one
        silence_logs=logging.ERROR,
    ) as cluster:
        print(cluster.scheduler_address, file=answer, flush=True)
        if not sys.stdin.readline():  # the server died without a word: nobody hears of its runs any more
            os._exit(1)  # the workers notice, and end at once


if __name__ == "__main__":
    main(int(sys.argv[1]))
