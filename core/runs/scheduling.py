"""Fair scheduling: at most one active run per owner, owners in round-robin order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class QueuedRun(NamedTuple):
    """A run in the queue.

    Attributes:
        run_id: the run's id.
        owner: the run's owner; "" if it has none. Runs without an owner do not wait for each other.
        queued_at: when it joined the queue, in seconds since 1970.
    """

    run_id: str
    owner: str
    queued_at: float


def fair_order(
    waiting: Iterable[QueuedRun], active: Mapping[str, int], last_started: Mapping[str, float]
) -> list[tuple[QueuedRun, bool]]:
    """Sort the waiting runs into the order in which workers take them.

    The first runs of all owners without an active run come first, starting with the owner whose last start was longest
    ago; then follow everyone's second runs, and so on.

    Args:
        waiting: the queued runs, in any order.
        active: number of runs per owner that have a worker.
        last_started: when a worker last took a run of each owner; owners without one are missing.

    Returns:
        Pairs of a run and whether a worker may take it now.
    """
    turn_count = Counter(active)
    order = []
    for run in sorted(waiting, key=lambda run: (run.queued_at, run.run_id)):
        turn = turn_count[run.owner] if run.owner else 0
        turn_count[run.owner] += 1
        order.append((turn, last_started.get(run.owner, 0.0) if run.owner else 0.0, run.queued_at, run))
    return [(run, turn == 0) for turn, *_, run in sorted(order)]
