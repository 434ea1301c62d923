"""A dashboard server with an empty data folder, for the benchmarks that measure pages."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[1]
START_TIMEOUT = 120.0  # seconds


class Server(NamedTuple):
    """A running dashboard.

    Attributes:
        url: address without a slash at the end.
        pid: process id.
        database_url: address of its run database.
    """

    url: str
    pid: int
    database_url: str


@contextmanager
def dashboard(data: Path, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a dashboard that stores its data in `data` and its output in `log`; stop it at the end.

    environment: further environment variables.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"],
            cwd=PROJECT,
            env={**os.environ, "DATA_DIR": str(data), **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_healthy(url)
        yield Server(url, process.pid, f"sqlite:///{data}/runs.sqlite")
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(f"The dashboard at {url} did not start within {START_TIMEOUT:g} seconds.")
