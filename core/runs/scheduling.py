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

    The first runs of all owners without an active run come first, starting with the owner who has waited longest; then
    follow everyone's second runs, and so on. An owner has waited since their last start, or, without one, since they
    queued their first run: new browsers do not come before a student who is already waiting.

    Args:
        waiting: the queued runs, in any order.
        active: number of runs per owner that have a worker.
        last_started: when a worker last took a run of each owner; owners without one are missing.

    Returns:
        Pairs of a run and whether a worker may take it now.
    """
    turn_count = Counter(active)
    waiting_since = dict(last_started)
    order = []
    for run in sorted(waiting, key=lambda run: (run.queued_at, run.run_id)):
        if run.owner:
            turn, since = turn_count[run.owner], waiting_since.setdefault(run.owner, run.queued_at)
            turn_count[run.owner] += 1
        else:
            turn, since = 0, run.queued_at
        order.append((turn, since, run.queued_at, run))
    return [(run, turn == 0) for turn, *_, run in sorted(order)]
