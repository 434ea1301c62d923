"""Tests of core.runs, and what they share. Nothing here measures time: `wait_for` waits until a condition is true."""

import time

from core.runs import Run, Store


def wait_for(condition, timeout=180):
    """Return the first true value of condition(); fail if there is none within `timeout` seconds."""
    deadline, pause = time.monotonic() + timeout, 0.01
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause)
        pause = min(1.2 * pause, 0.25)  # long waits check less often, to save CPU time
    raise AssertionError(f"still not true after {timeout} seconds")


def claim_run(store: Store, run_id: str, task: str = "a task") -> Run | None:
    """Claim this run for a task, whatever its place in the queue; None if it has ended."""
    with store._session.begin() as session:
        return store._claim_run(session, run_id, task)
