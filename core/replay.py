"""Replay: recompute the states that a run went through, from its config and its recorded changes.

A run's random numbers are determined by its seed, so the states are the same bit for bit, on the same machine and with
the same number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.training import Change, Checkpoint, Control


def replay_steps(
    fit: Callable[[Control, Checkpoint | None], Iterator[Any]],
    changes: Iterable[Change],
    start: Checkpoint | None,
    steps: range,
    every: int,
    count: Callable[[Any], int | None],
) -> Iterator[Checkpoint]:
    """Run a training loop through these steps again. Yields its state after every few steps, and after the last one.

    Args:
        fit: creates the training loop from a Control and the checkpoint to start from.
        changes: all changes made during the run, in order; their `at` counts the same steps.
        start: the state before the first of the steps, or the initial weights.
        steps: consecutive steps; none if `start` is the wanted state.
        every: number of steps between two states.
        count: returns how many steps are complete after an event, or None for an event that completes none.

    Raises ValueError if the steps are fewer than none, or the run ends before the last one.
    """
    if steps.stop < steps.start:
        raise ValueError(
            f"A replay only goes forward: it cannot begin after {steps.start:,} and end after {steps.stop:,}. "
            "Begin with an earlier state."
        )
    changes, control, done = list(changes), Control(), steps.start

    def steer() -> None:
        control.changes = {change.name: change.value for change in changes if change.at <= done}
        control.checkpoint_requested = done == steps.stop or (done > steps.start and done % every == 0)

    steer()
    for event in fit(control, start):
        if isinstance(event, Checkpoint):
            yield event
            if done == steps.stop:
                return
        elif (complete := count(event)) is not None:
            done = complete
            steer()
    raise ValueError(f"This run ends after {done:,}, so there is no state after {steps.stop:,}.")
