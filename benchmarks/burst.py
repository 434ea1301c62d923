"""Thirty students press Train within a second: how soon each sees a first point, and when all are done.

Without browsers: runs are submitted to a dispatcher, and the database is polled for what a page would show.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig
from core.runs import Dispatcher, Limits, Run, Visitor

POLL_INTERVAL = 0.02  # seconds


def run_bursts(students: int) -> dict[str, Any]:
    """Measure both cases, and for comparison the same runs one after another."""
    with dispatcher() as alone:
        one_after_another = run_in_sequence(alone, students)
    with dispatcher() as alone:
        results = burst(alone, students, "alone")
    with dispatcher() as busy:
        long = [ClassifyConfig(epochs=500), ClassifyConfig(epochs=500, seed=1), ClassifyConfig(features="patches")]
        ids = [busy.submit(config, by=Visitor(f"long {i}")) for i, config in enumerate(long)]
        wait_until(busy, ids, has_begun)
        before = [progress(busy, run_id) for run_id in ids]
        results |= burst(busy, students, "beside three long runs")
        after = [progress(busy, run_id) for run_id in ids]
        results["long runs that advanced"] = sum(now > then for now, then in zip(after, before, strict=True))
    results["one after another, seconds"] = one_after_another
    results["last finish alone / one after another"] = results["last finish alone, seconds"] / one_after_another
    return results


@contextmanager
def dispatcher() -> Iterator[Dispatcher]:
    """Start workers with an empty database, and stop them at the end."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder  # for the workers, which inherit it
        dispatcher = Dispatcher(f"sqlite:///{folder}/runs.sqlite")
        dispatcher.store.set_limits(Limits(idle_pause_minutes=0))  # nobody views these runs
        dispatcher.warm_up()
        yield dispatcher
        dispatcher.close()
        dispatcher.store.close()


def config(number: int) -> MemorizeConfig:
    return MemorizeConfig(seed=number)


def run_in_sequence(dispatcher: Dispatcher, count: int) -> float:
    """Return the seconds that the runs take if every worker trains one at a time."""
    started = time.monotonic()
    for number in range(count):
        dispatcher.submit(config(number), by=Visitor(str(number)))
        wait_until_active(dispatcher, dispatcher.workers - 1)
    wait_until_active(dispatcher, 0)
    return time.monotonic() - started


def wait_until_active(dispatcher: Dispatcher, most: int) -> None:
    """Wait until at most so many runs have not ended."""
    while len(dispatcher.store.list_runs(limit=None, unfinished=True)) > most:
        time.sleep(POLL_INTERVAL)


def burst(dispatcher: Dispatcher, count: int, name: str) -> dict[str, Any]:
    """Submit the runs within a second; return the times of first points and of the last finish."""
    submitted: dict[str, float] = {}
    first: dict[str, float] = {}
    started = time.monotonic()
    number = 0
    while len(first) < count or len(submitted) < count:
        while number < min(count, 1 + (time.monotonic() - started) * count):
            run_id = dispatcher.submit(config(number), by=Visitor(str(number)))
            submitted[run_id] = time.monotonic()
            number += 1
        for run in dispatcher.store.list_runs(limit=count + 10):
            if run.id in submitted and has_begun(run):
                first.setdefault(run.id, time.monotonic() - submitted[run.id])
        time.sleep(POLL_INTERVAL)
    wait_until(dispatcher, list(submitted), lambda run: run.status.is_terminal)
    seconds = sorted(first.values())
    return {
        f"first point {name}, median seconds": seconds[count // 2],
        f"first point {name}, 95th percentile": seconds[int(0.95 * count)],
        f"last finish {name}, seconds": time.monotonic() - started,
    }


def has_begun(run: Run) -> bool:
    """Return whether the first event of a run has been saved: its training time is saved with it."""
    return run.train_seconds > 0


def progress(dispatcher: Dispatcher, run_id: str) -> int:
    return len(dispatcher.store.events(run_id))


def wait_until(dispatcher: Dispatcher, ids: Sequence[str], condition: Any) -> None:
    """Wait until the condition is true of all these runs."""
    while not all(condition(dispatcher.store.run(run_id)) for run_id in ids):
        time.sleep(POLL_INTERVAL)
