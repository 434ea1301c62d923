"""Who is next: one run of each owner at a time, and every owner in turn, however many runs anyone has waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class QueuedRun(NamedTuple):
    """A run in the queue. owner: "" for one of nobody's, which stands for itself. queued_at: since when it waits."""

    run_id: str
    owner: str
    queued_at: float


def fair_order(
    waiting: Iterable[QueuedRun], active: Mapping[str, int], served: Mapping[str, float]
) -> list[tuple[QueuedRun, bool]]:
    """The waiting runs in the order in which workers will take them; and of each, whether a worker may take it now.

    active: how many runs of each owner have a worker. served: when each owner was last given one, if ever.
    First come the first runs of all owners without an active one, those who have waited longest since they were last
    served in front; then everyone's second runs, and so on.
    """
    turns = Counter(active)
    line = []
    for run in sorted(waiting, key=lambda run: (run.queued_at, run.run_id)):
        turn = turns[run.owner] if run.owner else 0
        turns[run.owner] += 1
        line.append((turn, served.get(run.owner, 0.0) if run.owner else 0.0, run.queued_at, run))
    return [(run, turn == 0) for turn, *_, run in sorted(line)]
