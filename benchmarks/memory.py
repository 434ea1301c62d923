"""Peak memory of each contestant, in a process of its own: run as a module, this file prints the megabytes."""

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

STEPS, HIDDEN_SIZE, NUM_LAYERS = 500, 256, 2
WIDE_HIDDEN, BATCH_SIZE = (1024, 1024), 256


def lstm_step(make: Callable[[], nn.Module]) -> Callable[[], None]:
    return lstm.training_step(make(), HIDDEN_SIZE, torch.randn(STEPS, 1, lstm.ALPHABET_SIZE))


def mlp_epoch(make: mlp.Contestant) -> Callable[[], object]:
    return make(*mlp.random_images(5_120), WIDE_HIDDEN, BATCH_SIZE)


Job = Callable[[], Callable[[], object]]  # prepares the work and returns a function that does it

JOBS: dict[str, dict[str, Job]] = {
    f"LSTM, {STEPS} steps, hidden {HIDDEN_SIZE}, {NUM_LAYERS} layers": {
        "bptt": lambda: lstm_step(lambda: MyLSTM(lstm.ALPHABET_SIZE, HIDDEN_SIZE, NUM_LAYERS, "bptt")),
        "torch": lambda: lstm_step(lambda: MyLSTM(lstm.ALPHABET_SIZE, HIDDEN_SIZE, NUM_LAYERS, "torch")),
        "nn.LSTM": lambda: lstm_step(lambda: nn.LSTM(lstm.ALPHABET_SIZE, HIDDEN_SIZE, NUM_LAYERS)),
        "eight Linears": lambda: lstm_step(lambda: lstm.EightLinears(lstm.ALPHABET_SIZE, HIDDEN_SIZE, NUM_LAYERS)),
    },
    "MLP 784-1024-1024-10, batch 256, one epoch": {
        "ours": lambda: mlp_epoch(mlp.ours),
        "PyTorch": lambda: mlp_epoch(mlp.pytorch_tensors),
        "PyTorch, DataLoader": lambda: mlp_epoch(mlp.pytorch_loader),
        "scikit-learn": lambda: mlp_epoch(mlp.scikit_learn),
    },
}


def run(quick: bool) -> Iterator[Result]:
    """Measure every contestant of every job in a new process."""
    for job, contestants in JOBS.items():
        peaks = {name: measure_in_subprocess(f"{job}: {name}") for name in contestants}
        yield Result("Peak memory beyond the loaded libraries", job, peaks, "MB")


def measure_in_subprocess(name: str) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_megabytes(prepare: Job) -> float:
    """Return by how much this process grows at most while it does the job twice; a thread samples it every ms."""
    process, done = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def sample() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.001)

    sampler = threading.Thread(target=sample)
    sampler.start()
    job = prepare()
    job()
    job()
    done.set()
    sampler.join()
    return (peak - before) / 1e6


if __name__ == "__main__":
    job, _, contestant = sys.argv[1].rpartition(": ")
    print(peak_megabytes(JOBS[job][contestant]))
