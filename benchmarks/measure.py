"""Timing, results and tables, for all benchmarks."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from threadpoolctl import threadpool_info

SECONDS_PER_CASE = 3.0  # measuring time of one comparison, unless MIN_ROUNDS take longer
MIN_ROUNDS = 9


def clock() -> float:
    """Return seconds: CPU time with one thread, so that other processes do not count; else wall-clock time."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


@dataclass(frozen=True)
class Result:
    """One comparison, a line of a table.

    Attributes:
        section: title of the table.
        case: what was measured, e.g. the size.
        medians: median per contestant; the first contestant is ours.
        unit: unit of the medians.
        details: further numbers, such as accuracies, by name.
        compared: whether it makes sense to divide ours by the others'.
    """

    section: str
    case: str
    medians: Mapping[str, float]
    unit: str = "ms"
    details: Mapping[str, float] = field(default_factory=dict)
    compared: bool = True

    @property
    def ratios(self) -> dict[str, float]:
        """Our median divided by each of the others."""
        ours, *others = self.medians
        return {other: self.medians[ours] / self.medians[other] for other in others if self.compared}


def time_interleaved(
    contestants: Mapping[str, Callable[[], object]], warm_up: int = 2, seconds: float = SECONDS_PER_CASE
) -> dict[str, float]:
    """Return each contestant's median in milliseconds, timing one call of each per round.

    As in a training loop, each timed call follows another call of the same contestant, which is not timed: it fills
    the caches.
    """
    for call in contestants.values():
        for _ in range(warm_up):
            call()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    started = time.perf_counter()
    while len(times[next(iter(times))]) < MIN_ROUNDS or time.perf_counter() - started < seconds:
        for name, call in contestants.items():
            call()
            start = clock()
            call()
            times[name].append(1e3 * (clock() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def growth_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return p such that costs grow like sizesᵖ: the slope of a line fitted to the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def environment() -> dict[str, object]:
    """Describe the machine and the libraries on which the numbers depend."""
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "clock": "CPU time" if torch.get_num_threads() == 1 else "wall-clock time",
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": ", ".join(f"{info['internal_api']} {info['version']} ({info['architecture']})" for info in blas),
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not on Linux
        return platform.processor()


def format_table(results: list[Result]) -> str:
    """Format the results of one section as text: medians, and ours divided by each of the others."""
    rows = []
    for result in results:
        ours, *others = result.medians
        cells = [f"{ours} {format_number(result.medians[ours])} {result.unit}"]
        for other in others:
            ratio = f" (x{result.ratios[other]:.2f})" if result.compared else ""
            cells.append(f"{other} {format_number(result.medians[other])}{ratio}")
        cells += [f"{name} {format_number(value)}" for name, value in result.details.items()]
        rows.append([result.case, *cells])
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join(lines)


def format_number(value: float) -> str:
    """Format a number with three significant digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{digits}f}"
