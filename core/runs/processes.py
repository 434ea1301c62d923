"""Names of processes, by which a dispatcher recognises that a server or a worker on its machine has exited."""

from __future__ import annotations

import socket

import psutil


def process_name() -> str:
    """Return a unique name of this process: host, pid and start time (pids are reused)."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}@{process.create_time():.0f}"


def has_exited(name: str) -> bool:
    """Return whether the process of this name has exited; False if it is on another machine, or no such name."""
    host, _, process = name.rpartition(":")
    pid, _, start = process.partition("@")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        running = psutil.Process(int(pid))
        return f"{running.create_time():.0f}" != start or running.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
