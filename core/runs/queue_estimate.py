"""Estimates how long a run will wait in the queue, by simulating how the workers share their time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.runs.models import Run, Status
from core.runs.worker import memory_need


class QueuePosition(NamedTuple):
    """Where a waiting run is in the queue.

    Attributes:
        position: 1 for the next run.
        eta_seconds: estimated time until it starts; 0 if nothing is known yet.
    """

    position: int
    eta_seconds: float


class Queue(NamedTuple):
    """The waiting runs at one moment, and what they wait for.

    Attributes:
        order: ids of the waiting runs, next one first.
        runs: all runs that have not ended.
        workers: number of workers that share the runs.
        mean_duration: seconds that recent runs took, the best guess for a run about which nothing else is known; 0 if
            there was none.
    """

    order: Sequence[str]
    runs: Sequence[Run]
    workers: int
    mean_duration: float

    def position(self, run_id: str) -> QueuePosition | None:
        """Return the position of a waiting run and the estimated time until it starts; None if it is not waiting."""
        if run_id not in self.order:
            return None
        known, index = {run.id: run for run in self.runs}, self.order.index(run_id)
        # A paused run is not waited for: it makes room when another run needs it.
        active = [load_of(run, self.mean_duration) for run in self.runs if run.status is Status.RUNNING]
        waiting = [load_of(known[other], self.mean_duration) for other in self.order[: index + 1] if other in known]
        if not waiting or not (self.mean_duration or any(load.seconds for load in active)):
            return QueuePosition(index + 1, 0.0)
        return QueuePosition(index + 1, seconds_until_start(active, waiting, self.workers))

    def has_other_active(self, run: Run) -> bool:
        """Return whether another run of the run's owner is training, for which it waits."""
        return run.owner != "" and any(each.owner == run.owner and each.status is Status.RUNNING for each in self.runs)


@dataclass(eq=False)
class Load:
    """What a run needs until it ends.

    Attributes:
        owner: a run waits for the other runs of its owner; "" if it has none.
        seconds: training time that remains, or the remaining time on the clock in slow motion.
        memory: bytes.
        is_slow: whether it is in slow motion, where it hardly uses a worker's time.
    """

    owner: str
    seconds: float
    memory: float = 0.0
    is_slow: bool = False


def load_of(run: Run, mean_duration: float) -> Load:
    """Return what a run needs until it ends, judged by the progress it has made so far."""
    done = run.metrics.get("epochs", 0) / getattr(run.config, "epochs", math.inf)
    spent = run.train_seconds + run.metrics.get("slow_seconds", 0.0)
    seconds = spent * (1 - done) / done if done else mean_duration
    return Load(run.owner, seconds, memory_need(run).own, run.min_step_seconds > 0)


def seconds_until_start(active: Iterable[Load], waiting: Sequence[Load], workers: int) -> float:
    """Simulate the workers until the last of the waiting runs starts, and return how long that takes.

    All active runs progress at the same speed. If a run waits although no run of its owner is active, the workers'
    memory is full, and it starts when those that end have freed enough of it.
    """
    active, waiting = [replace(load) for load in active], [replace(load) for load in waiting]
    last = waiting[-1]
    owners = {load.owner for load in active if load.owner}
    is_full = any(load.owner not in owners for load in waiting)
    free, clock = (0.0 if is_full else math.inf), 0.0
    while True:
        for load in list(waiting):
            if load.owner and load.owner in {other.owner for other in active}:
                continue  # others may overtake it
            if load.memory > free and active:
                break
            if load is last:
                return clock
            waiting.remove(load)
            active.append(load)
            free -= load.memory
        speed = min(1.0, workers / max(sum(not load.is_slow for load in active), 1))
        step = min(load.seconds if load.is_slow else load.seconds / speed for load in active)
        clock += step
        for load in active:
            load.seconds -= step if load.is_slow else step * speed
        free += sum(load.memory for load in active if load.seconds <= 1e-9)
        active = [load for load in active if load.seconds > 1e-9]
