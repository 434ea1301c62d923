"""A memorize run as it was after any of its epochs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from core.memorize.config import MemorizeConfig
from core.memorize.training import Event, MemorizeEpoch, fit
from core.replay import replay_steps
from core.training import Change, Checkpoint


def replay(
    config: MemorizeConfig, changes: Iterable[Change], epoch: int, start: Checkpoint | None = None, every: int = 20
) -> Iterator[Checkpoint]:
    """Recompute a run's states until it has made `epoch` epochs.

    Yields the state after every multiple of `every` epochs, at last the wanted one. To give up is to stop iterating.
    Any state can be the `start` of another replay; `state.metadata["epoch"]` is its number of epochs.

    Args:
        config: the config that the run was started with.
        changes: all changes made during the run, in order.
        epoch: 0 for the initial weights, at most the number of epochs that the run has made.
        start: an earlier state of the run. For a run that began with other weights, these weights.
        every: number of epochs between two states.

    Raises ValueError if the run has no such epoch, or `start` is later.
    """
    if not 0 <= epoch <= config.epochs:
        raise ValueError(f"The epoch must be from 0 to {config.epochs:,}, but it is {epoch:,}.")
    steps = range(start.metadata["epoch"] if start and start.metadata else 0, epoch)
    to_the_end = replace(config, stop_when_learned=False)  # the run was not stopped before this epoch
    yield from replay_steps(partial(fit, to_the_end), changes, start, steps, every, epochs_complete)


def state_at(
    config: MemorizeConfig, changes: Iterable[Change], epoch: int, start: Checkpoint | None = None
) -> Checkpoint:
    """Return a run's state after `epoch` epochs; its weights load with `restore_model`. Arguments, errors: `replay`."""
    *_, state = replay(config, changes, epoch, start)
    return state


def epochs_complete(event: Event) -> int | None:
    """Return how many epochs are complete after an event, or None for a Change."""
    return event.epoch + 1 if isinstance(event, MemorizeEpoch) else None
