"""How things are measured, and what a result is."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from threadpoolctl import threadpool_info

SECONDS_A_CASE = 3.0  # spent on one comparison; at least MINIMUM rounds, whatever they take
MINIMUM = 9


def clock() -> float:
    """Seconds. With one thread, those that the processor worked for us: what others make it do does not count."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


@dataclass(frozen=True)
class Result:
    """A comparison. medians: of each contestant, by name, the first one is ours; unit: of the medians.

    facts: what else is known, such as accuracies. compared: whether it makes sense to divide ours by the others'.
    """

    section: str
    case: str
    medians: Mapping[str, float]
    unit: str = "ms"
    facts: Mapping[str, float] = field(default_factory=dict)
    compared: bool = True

    @property
    def ratios(self) -> dict[str, float]:
        """Ours divided by each other's."""
        ours, *others = self.medians
        return {other: self.medians[ours] / self.medians[other] for other in others if self.compared}


def interleaved(
    contestants: Mapping[str, Callable[[], object]], warm_up: int = 2, seconds: float = SECONDS_A_CASE
) -> dict[str, float]:
    """The median milliseconds of each, called twice in a round, as loops call; the first of the two does not count."""
    for call in contestants.values():
        for _ in range(warm_up):
            call()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    began = time.perf_counter()
    while len(times[next(iter(times))]) < MINIMUM or time.perf_counter() - began < seconds:
        for name, call in contestants.items():
            call()  # fills the caches, which the one before has filled with something else
            start = clock()
            call()
            times[name].append(1e3 * (clock() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def exponent(sizes: list[float], costs: list[float]) -> float:
    """P where costs grow like sizesᵖ: the slope of the straight line through their logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "clock": "time on the processor" if torch.get_num_threads() == 1 else "time on the wall",
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
    except (OSError, StopIteration):  # no Linux
        return platform.processor()


def table(results: list[Result]) -> str:
    """The results of one section as text: medians, and ours divided by each other's."""
    rows = []
    for result in results:
        ours, *others = result.medians
        cells = [f"{ours} {short(result.medians[ours])} {result.unit}"]
        for other in others:
            ratio = f" (x{result.ratios[other]:.2f})" if result.compared else ""
            cells.append(f"{other} {short(result.medians[other])}{ratio}")
        cells += [f"{name} {short(value)}" for name, value in result.facts.items()]
        rows.append([result.case, *cells])
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join(lines)


def short(value: float) -> str:
    """Three digits that count."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{digits}f}"
