"""How much memory each takes at its peak, in a process of its own: this file as a module prints its megabytes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import torch
from torch import nn

from benchmarks import lstm, mlp
from benchmarks.measure import Result
from core.memorize.lstm import MyLSTM

STEPS, HIDDEN, LAYERS = 500, 256, 2
WIDE = (1024, 1024), 256


def lstm_step(make: Callable[[], nn.Module]) -> Callable[[], None]:
    return lstm.step(make(), torch.randn(STEPS, 1, lstm.ALPHABET))


def mlp_epoch(make: Callable) -> Callable[[], None]:
    return make(*mlp.pictures(5_120), *WIDE)


JOBS: dict[str, dict[str, Callable[[], Callable[[], None]]]] = {
    f"LSTM, {STEPS} steps, hidden {HIDDEN}, {LAYERS} layers": {
        "bptt": lambda: lstm_step(lambda: MyLSTM(lstm.ALPHABET, HIDDEN, LAYERS, "bptt")),
        "torch": lambda: lstm_step(lambda: MyLSTM(lstm.ALPHABET, HIDDEN, LAYERS, "torch")),
        "nn.LSTM": lambda: lstm_step(lambda: nn.LSTM(lstm.ALPHABET, HIDDEN, LAYERS)),
        "eight Linears": lambda: lstm_step(lambda: lstm.EightLinears(lstm.ALPHABET, HIDDEN, LAYERS)),
    },
    "MLP 784-1024-1024-10, batch 256, an epoch": {
        "ours": lambda: mlp_epoch(mlp.ours),
        "PyTorch": lambda: mlp_epoch(mlp.on_tensors),
        "PyTorch, DataLoader": lambda: mlp_epoch(mlp.with_loader),
        "scikit-learn": lambda: mlp_epoch(mlp.scikit_learn),
    },
}


def run(quick: bool) -> Iterator[Result]:
    for job, contestants in JOBS.items():
        peaks = {name: measured_apart(f"{job}: {name}") for name in contestants}
        yield Result("Peak memory beyond what is loaded", job, peaks, "MB")


def measured_apart(name: str) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_of(prepare: Callable[[], Callable[[], None]]) -> float:
    """Megabytes by which this process grows at most while it does the job twice; a thread looks all the time."""
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, process.memory_info().rss)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    job = prepare()
    job()
    job()
    done.set()
    watcher.join()
    return (most - before) / 1e6


if __name__ == "__main__":
    job, _, contestant = sys.argv[1].rpartition(": ")
    print(peak_of(JOBS[job][contestant]))
