"""A classify run as it was after any of its steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from core.classify.config import ClassifyConfig, parameter_counts
from core.classify.datasets import Dataset
from core.classify.training import Event, Step, fit
from core.replay import replay_steps
from core.training import Change, Checkpoint, Control

SECONDS_PER_STEP = 3e-4
SECONDS_PER_WEIGHT_UPDATE = 4e-9
SECONDS_PER_WEIGHT_AND_IMAGE = 1.5e-10
SECONDS_PER_AUGMENTED_PIXEL = 5e-8


def replay(
    config: ClassifyConfig,
    dataset: Dataset,
    changes: Iterable[Change],
    step: int,
    start: Checkpoint | None = None,
    every: int = 50,
    seconds: float = 1.0,
) -> Iterator[Checkpoint]:
    """Recompute a run's states until it has made `step` steps.

    Yields the state after every multiple of `every` steps, whenever `seconds` have passed, and at last the wanted one.
    To give up is to stop iterating.
    Any state can be the `start` of another replay; `state.metadata["progress"]["step"]` is its number of steps. Before
    the first state, the inputs are prepared, which takes long for patch features or whitened pixels that are not in
    the cache.

    Args:
        config: the config that the run was started with.
        dataset: its images.
        changes: all changes made during the run, in order.
        step: 0 for the initial weights, at most the number of steps that the run has made.
        start: an earlier state of the run. For a run that began with other weights, these weights.
        every: number of steps between two states.
        seconds: time after which a state is yielded in any case.

    Raises ValueError if the run has no such step, or `start` is later.
    """
    steps = range(start.metadata["progress"]["step"] if start and start.metadata else 0, step)

    def run(control: Control, checkpoint: Checkpoint | None) -> Iterator[Event | Checkpoint]:
        return fit(config, dataset, control, checkpoint)

    yield from replay_steps(run, changes, start, steps, every, seconds, steps_complete)


def state_at(
    config: ClassifyConfig, dataset: Dataset, changes: Iterable[Change], step: int, start: Checkpoint | None = None
) -> Checkpoint:
    """Return a run's state after `step` steps; its weights load with `restore_model`. Arguments, errors: `replay`."""
    *_, state = replay(config, dataset, changes, step, start)
    return state


def replay_seconds(
    config: ClassifyConfig, image_shape: tuple[int, ...], classes: int, changes: Iterable[Change], steps: range
) -> float:
    """Estimate how many seconds it takes to replay these steps on one core, without preparing the inputs.

    The constants were measured on a shared virtual machine; expect an error of a factor of two or three. If the run's
    own time is known, its fraction of it is a better estimate.
    """
    batch_size, images, begin = config.batch_size, 0, 0
    for change in changes:
        if change.name == "batch_size" and isinstance(change.value, int):
            images += batch_size * len(range(max(begin, steps.start), min(change.at, steps.stop)))
            batch_size, begin = change.value, change.at
    images += batch_size * len(range(max(begin, steps.start), steps.stop))
    weights = sum(parameter_counts(config, image_shape, classes))
    augmented_pixels = math.prod(image_shape) * images if config.augment and config.features != "patches" else 0
    return (
        SECONDS_PER_STEP * len(steps)
        + SECONDS_PER_WEIGHT_UPDATE * weights * len(steps)
        + SECONDS_PER_WEIGHT_AND_IMAGE * weights * images
        + SECONDS_PER_AUGMENTED_PIXEL * augmented_pixels
    )


def steps_complete(event: Event) -> int | None:
    """Return how many steps are complete after an event, or None for an event that completes none."""
    return event.step + 1 if isinstance(event, Step) else None
