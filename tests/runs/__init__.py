"""Tests of core.runs. Nothing here measures time: `wait_for` waits for what must become true."""

import time


def wait_for(condition, timeout=180):
    """Return the first true value of condition(); fail if there is none within `timeout` seconds."""
    deadline, pause = time.monotonic() + timeout, 0.01
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause)
        pause = min(1.2 * pause, 0.25)  # who waits long leaves the processor to what it waits for
    raise AssertionError(f"still not true after {timeout} seconds")
