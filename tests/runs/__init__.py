"""Tests of core.runs, and what they share. Nothing here measures time: `wait_for` waits until a condition is true."""

import time

from core.runs import Run, Store
from core.runs.store import DesiredState, RunUpdate


def wait_for(condition, timeout=180):
    """Return the first true value of condition(); fail if there is none within `timeout` seconds."""
    deadline, pause = time.monotonic() + timeout, 0.01
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause)
        pause = min(1.2 * pause, 0.25)  # long waits check less often, to save CPU time
    raise AssertionError(f"still not true after {timeout} seconds")


def ended(store: Store, run_id: str) -> Run:
    """Wait until the run has ended, and return it."""
    return wait_for(lambda: (run := store.run(run_id)).status.is_terminal and run)


def claim_run(store: Store, run_id: str, worker: str = "a worker") -> Run | None:
    """Claim this run for a worker, whatever its place in the queue; None if it has ended."""
    with store._session.begin() as session:
        return store._claim_run(session, run_id, worker)


def sync(store: Store, run: Run, **new) -> DesiredState | None:
    """Save something new of one run, as its worker does, and return its desired state; None if the worker lost it."""
    return store.sync(run.claimed_by, [RunUpdate(run, **new)]).desired.get(run.id)
