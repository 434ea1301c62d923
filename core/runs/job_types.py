"""The kinds of job that can be run: a new one is one entry in JOB_TYPES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from core import classify, memorize
from core.classify import datasets
from core.training import Checkpoint, Control


@dataclass(frozen=True)
class JobType:
    """config: the dataclass that determines a run; events: the dataclasses it may yield; start: makes its generator.

    units: what a student can let it do one of, and the event that says that it is done.
    live_settings: the fields of the config that may change while it runs. summary: what an event adds to a run's results,
    of epochs (how many are done), loss, accuracy and test_accuracy.
    """

    config: type
    events: tuple[type, ...]
    start: Callable[[Any, Control, Checkpoint | None], Iterator[Any]]
    units: dict[str, type]
    live_settings: tuple[str, ...]
    summary: Callable[[Any], dict[str, float]]

    def with_changes(self, config: Any, changes: dict[str, Any]) -> Any:
        """The config with changed fields. Raises ValueError where one cannot be changed, or not to this value."""
        if fixed := sorted(changes.keys() - set(self.live_settings)):
            raise ValueError(
                f"While it learns, {' and '.join(self.live_settings)} can be changed, but not {' and '.join(fixed)}: "
                "start another run for that."
            )
        return replace(config, **changes)

    def event(self, name: str) -> type:
        """The event class of this name. Raises ValueError where there is none."""
        for cls in self.events:
            if cls.__name__ == name:
                return cls
        raise ValueError(f"A stored event is a {name}; known are {[cls.__name__ for cls in self.events]}.")


def start_classify(
    config: classify.ClassifyConfig, control: Control, checkpoint: Checkpoint | None
) -> Iterator[classify.Event | Checkpoint]:
    return classify.fit(config, datasets.load(config.dataset), control, checkpoint)


def memorize_metrics(event: memorize.Event) -> dict[str, float]:
    if not isinstance(event, memorize.MemorizeEpoch):
        return {}
    return {"epochs": event.epoch + 1, "loss": event.loss, "accuracy": event.char_accuracy}


def classify_metrics(event: classify.Event) -> dict[str, float]:
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
        summary=memorize_metrics,
    ),
    "classify": JobType(
        classify.ClassifyConfig,
        get_args(classify.Event),
        start_classify,
        units={"step": classify.Step, "epoch": classify.Epoch},
        live_settings=("lr", "momentum", "weight_decay", "dropout", "batch_size", "schedule"),
        summary=classify_metrics,
    ),
}


def job_type_of(config: Any) -> str:
    """The name of the kind whose config this is. Raises TypeError where it is none."""
    for name, kind in JOB_TYPES.items():
        if isinstance(config, kind.config):
            return name
    raise TypeError(f"A run needs one of {[kind.config.__name__ for kind in JOB_TYPES.values()]}, not {config!r:.80}.")
