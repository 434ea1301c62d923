"""Tests of core.runs. Nothing here measures time: `wait_for` waits for what must become true."""

import time


def wait_for(condition, timeout=180):
    """Return the first true value of condition(); fail if there is none within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"still not true after {timeout} seconds")
