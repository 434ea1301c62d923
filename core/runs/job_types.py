"""The types of job that can be run. To add one, add an entry to JOB_TYPES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from core import classify, memorize
from core.classify import datasets
from core.training import Checkpoint, Control


@dataclass(frozen=True)
class JobType:
    """What the run machinery needs to know about one type of job.

    Attributes:
        config: dataclass that determines a run.
        events: dataclasses that its training loop may yield.
        start: creates the training loop from a config, a Control and the checkpoint to resume from.
        units: for "step" and "epoch", the event that completes one.
        live_settings: fields of the config that may be changed during training.
        metrics: returns what an event adds to the run's results, out of epochs (number completed), loss, accuracy and
            test_accuracy.
        check_weights: raises ValueError if the initial weights in a checkpoint do not fit the config.
    """

    config: type
    events: tuple[type, ...]
    start: Callable[[Any, Control, Checkpoint | None], Iterator[Any]]
    units: dict[str, type]
    live_settings: tuple[str, ...]
    metrics: Callable[[Any], dict[str, float]]
    check_weights: Callable[[Any, Checkpoint], object] = lambda config, weights: None

    def with_changes(self, config: Any, changes: dict[str, Any]) -> Any:
        """Return the config with changed fields. Raises ValueError if a field or its new value is not allowed."""
        if fixed := sorted(changes.keys() - set(self.live_settings)):
            raise ValueError(
                f"{' and '.join(self.live_settings)} can be changed during training, but not {' and '.join(fixed)}. "
                "Start a new run to change that."
            )
        return replace(config, **changes)

    def event(self, name: str) -> type:
        """Return the event class with this name. Raises ValueError if there is none."""
        for cls in self.events:
            if cls.__name__ == name:
                return cls
        raise ValueError(f"Unknown event type {name!r}. Known types: {[cls.__name__ for cls in self.events]}.")


def start_classify(
    config: classify.ClassifyConfig, control: Control, checkpoint: Checkpoint | None
) -> Iterator[classify.Event | Checkpoint]:
    """Load the config's dataset and create the training loop."""
    return classify.fit(config, datasets.load(config.dataset), control, checkpoint)


def check_classify_weights(config: classify.ClassifyConfig, weights: Checkpoint) -> None:
    """Raise ValueError if these weights do not fit the config's network."""
    info = datasets.get_info(config.dataset)
    classify.fitting_weights(config, info.image_shape, len(info.classes), weights)


def memorize_metrics(event: memorize.Event) -> dict[str, float]:
    """Return what a memorize event adds to its run's results."""
    if not isinstance(event, memorize.MemorizeEpoch):
        return {}
    return {"epochs": event.epoch + 1, "loss": event.loss, "accuracy": event.char_accuracy}


def classify_metrics(event: classify.Event) -> dict[str, float]:
    """Return what a classify event adds to its run's results."""
    match event:
        case classify.Epoch():
            return {"epochs": event.epoch + 1, "loss": event.val_loss, "accuracy": event.val_accuracy}
        case classify.Result():
            return {"test_accuracy": event.accuracy}
        case _:
            return {}


JOB_TYPES = {
    "memorize": JobType(
        memorize.MemorizeConfig,
        get_args(memorize.Event),
        memorize.fit,
        units={"step": memorize.MemorizeEpoch, "epoch": memorize.MemorizeEpoch},
        live_settings=("lr",),
        metrics=memorize_metrics,
    ),
    "classify": JobType(
        classify.ClassifyConfig,
        get_args(classify.Event),
        start_classify,
        units={"step": classify.Step, "epoch": classify.Epoch},
        live_settings=("lr", "momentum", "weight_decay", "dropout", "batch_size", "schedule"),
        metrics=classify_metrics,
        check_weights=check_classify_weights,
    ),
}


def job_type_of(config: Any) -> str:
    """Return the key in JOB_TYPES for a config. Raises TypeError if it is not the config of any job type."""
    for name, job_type in JOB_TYPES.items():
        if isinstance(config, job_type.config):
            return name
    known = [job_type.config.__name__ for job_type in JOB_TYPES.values()]
    raise TypeError(f"A run needs one of {known}, but it got {config!r:.80}.")
