"""A run on points in a plane as it was after any of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.plane.config import PlaneConfig
from core.plane.training import Event, PlaneStep, fit
from core.replay import replay_steps
from core.training import Change, Checkpoint, Control


def replay(
    config: PlaneConfig,
    changes: Iterable[Change],
    step: int,
    start: Checkpoint | None = None,
    every: int = 1_000,
    seconds: float = 1.0,
) -> Iterator[Checkpoint]:
    """Recompute a run's states until it has made `step` steps.

    Yields the state after every multiple of `every` steps, whenever `seconds` have passed, and at last the wanted one.
    To give up is to stop iterating.

    Args:
        config: the config that the run was started with.
        changes: all changes made during the run, in order.
        step: 0 for the initial weights, at most the number of steps that the run has made.
        start: an earlier state of the run. For a run that began with other weights, these weights.
        every: number of steps between two states.
        seconds: time after which a state is yielded in any case.

    Raises ValueError if the run has no such step, or `start` is later.
    """
    steps = range(start.metadata["progress"]["step"] if start and start.metadata else 0, step)

    def run(control: Control, checkpoint: Checkpoint | None) -> Iterator[Event | Checkpoint]:
        return fit(config, control, checkpoint)

    yield from replay_steps(run, changes, start, steps, every, seconds, steps_complete)


def state_at(config: PlaneConfig, changes: Iterable[Change], step: int, start: Checkpoint | None = None) -> Checkpoint:
    """Return a run's state after `step` steps; its array "model.flat" is the parameters. Arguments: see `replay`."""
    *_, state = replay(config, changes, step, start)
    return state


def steps_complete(event: Event) -> int | None:
    """Return how many steps are complete after an event, or None for an event that completes none."""
    return event.step + 1 if isinstance(event, PlaneStep) else None
