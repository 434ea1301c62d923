"""The types of job that can be run. To add one, add an entry to JOB_TYPES."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, get_args

from core import classify, memorize, plane
from core.classify import datasets
from core.classify.config import parameter_counts
from core.training import FULL_RESOLUTION, Checkpoint, Control, is_in_curve

LONG_WEIGHTS = 4_000  # characters of all weights as text, above which fewer epochs are stored
FLOAT = 4  # bytes


class MemoryNeed(NamedTuple):
    """An estimate of the memory that a run needs in its worker, in bytes.

    Attributes:
        own: for weights, gradients, optimiser state and checkpoints, all the time.
        turn: for activations and other temporary arrays, only while it trains.
        dataset: name of its dataset, which runs share; "" if it has none.
        dataset_bytes: size of the dataset.
    """

    own: int
    turn: int
    dataset: str = ""
    dataset_bytes: int = 0


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
        memory: estimates what a run with this config needs.
        check_weights: raises ValueError if the initial weights in a checkpoint do not fit the config.
    """

    config: type
    events: tuple[type, ...]
    start: Callable[[Any, Control, Checkpoint | None], Iterator[Any]]
    units: dict[str, type]
    live_settings: tuple[str, ...]
    metrics: Callable[[Any], dict[str, float]]
    memory: Callable[[Any], MemoryNeed]
    check_weights: Callable[[Any, Checkpoint], object] = lambda config, weights: None

    def with_changes(self, config: Any, changes: dict[str, Any]) -> Any:
        """Return the config with changed fields. Raises ValueError if a field or its new value is not allowed."""
        if fixed := sorted(changes.keys() - set(self.live_settings)):
            raise ValueError(
                f"{' and '.join(self.live_settings)} can be changed during training, but not {' and '.join(fixed)}. "
                "Start a new run to change that."
            )
        return replace(config, **changes)

    def completes(self, unit: type, event: Any) -> bool:
        """Return whether an event completes a step or an epoch: it is that of the unit, but not the initial state."""
        return isinstance(event, unit) and self.metrics(event).get("epochs") != 0

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


def plane_metrics(event: plane.Event) -> dict[str, float]:
    """Return what an event of points in a plane adds to its run's results."""
    match event:
        case plane.PlaneEpoch():
            loss = event.train_loss if event.val_loss is None else event.val_loss
            metrics = {"epochs": event.epoch, "loss": loss, "accuracy": event.val_accuracy}
        case plane.PlaneResult():
            metrics = {"test_accuracy": event.accuracy}
        case _:
            metrics = {}
    return {name: value for name, value in metrics.items() if value is not None}


def is_worth_storing(event: Any) -> bool:
    """Return whether an event is part of the stored curve: every event is, except most of the steps of a long run.

    Which steps are stored depends on their numbers only (`is_in_curve`): a resumed run stores the same events. A step
    contains the highest loss of those that were left out before it, so a short rise of the loss is not lost.

    A run on points in a plane is thinned in the same way by epochs, which contain all weights, and earlier if the
    network is wide; its steps are only stored for someone who follows them one by one.
    """
    resolution = FULL_RESOLUTION
    match event:
        case classify.Step():
            number = event.step
        case plane.PlaneEpoch() if not event.is_last:
            number = event.epoch
            if len(event.weights) > LONG_WEIGHTS:
                resolution //= 4
        case plane.PlaneStep():
            return False
        case _:
            return True
    return is_in_curve(number, resolution)


def memorize_memory(config: memorize.MemorizeConfig) -> MemoryNeed:
    """Estimate the memory that a memorize run needs."""
    size, layers, alphabet = config.hidden_size, config.num_layers, len(set(config.sentence)) + 2
    parameters = 4 * size * (alphabet + size + 2) + (layers - 1) * 4 * size * (2 * size + 2) + (size + 1) * alphabet
    activations = (len(config.sentence) + 1) * (40 * size * layers + 10 * alphabet)  # kept for backpropagation
    return MemoryNeed(_own_bytes(parameters), FLOAT * activations)


def classify_memory(config: classify.ClassifyConfig) -> MemoryNeed:
    """Estimate the memory that a classify run needs. Raises DatasetError if its dataset is unknown."""
    info = datasets.get_info(config.dataset)
    pixels, inputs = math.prod(info.image_shape), config.input_size(info.image_shape)
    parameters = sum(parameter_counts(config, info.image_shape, len(info.classes)))
    batch = max(config.batch_size, 1_000)  # evaluation uses batches of 1,000
    activations = 2 * batch * (inputs + 4 * sum(config.hidden))
    sample = 4 * max(5_000 * (inputs if config.features == "patches" else 0), pixels * info.train_size // 7)
    matrices = 10 * inputs**2 if config.features == "whitened" else 0  # five of double precision
    return MemoryNeed(
        _own_bytes(parameters) + FLOAT * 600 * inputs,  # some images are kept, to show and to probe
        FLOAT * max(activations, sample, matrices),  # a sample of the inputs is used to standardize them
        info.name,
        (info.train_size + info.test_size) * (pixels + 8),
    )


def plane_memory(config: plane.PlaneConfig) -> MemoryNeed:
    """Estimate the memory that a run on points in a plane needs."""
    points = max(config.n_points, len(config.points)) + plane.TEST_POINTS
    return MemoryNeed(_own_bytes(config.parameter_count), FLOAT * points * 4 * sum(config.sizes))


def _own_bytes(parameters: int) -> int:
    """Weights, gradients and two moments of Adam, all but gradients again in a checkpoint, and again as a file."""
    return FLOAT * 10 * parameters + 2**22  # and what every run takes


JOB_TYPES = {
    "memorize": JobType(
        memorize.MemorizeConfig,
        get_args(memorize.Event),
        memorize.fit,
        units={"step": memorize.MemorizeEpoch, "epoch": memorize.MemorizeEpoch},
        live_settings=("lr",),
        metrics=memorize_metrics,
        memory=memorize_memory,
    ),
    "classify": JobType(
        classify.ClassifyConfig,
        get_args(classify.Event),
        start_classify,
        units={"step": classify.Step, "epoch": classify.Epoch},
        live_settings=("lr", "momentum", "weight_decay", "dropout", "label_smoothing", "batch_size", "schedule"),
        metrics=classify_metrics,
        check_weights=check_classify_weights,
        memory=classify_memory,
    ),
    "plane": JobType(
        plane.PlaneConfig,
        get_args(plane.Event),
        plane.fit,
        units={"step": plane.PlaneStep, "epoch": plane.PlaneEpoch},
        live_settings=("lr", "momentum", "weight_decay", "batch_size", "edits"),
        metrics=plane_metrics,
        check_weights=plane.fitting_weights,
        memory=plane_memory,
    ),
}


def job_type_of(config: Any) -> str:
    """Return the key in JOB_TYPES for a config. Raises TypeError if it is not the config of any job type."""
    for name, job_type in JOB_TYPES.items():
        if isinstance(config, job_type.config):
            return name
    known = [job_type.config.__name__ for job_type in JOB_TYPES.values()]
    raise TypeError(f"A run needs one of {known}, but it got {config!r:.80}.")
