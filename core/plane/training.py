"""Training of a network on points in a plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from core.autograd import optim
from core.autograd.nn import CrossEntropyLoss, MSELoss
from core.autograd.tensor import Tensor
from core.plane.config import PlaneConfig
from core.plane.datasets import make, random_stream
from core.plane.edits import Edit, new_edits, switched
from core.plane.features import compute_features
from core.plane.network import PlaneNetwork, evaluate, fitting_weights, to_text
from core.training import Change, Checkpoint, Control, LoopState, check_finite, prefixed


@dataclass(frozen=True)
class PlaneStep:
    """One batch was learned.

    Attributes:
        step: counts from 0 over all epochs.
        epoch: counts from 0.
        loss: mean loss of the batch, before the weights were updated.
        lr: learning rate.
        weights: all parameters after the step, as in PlaneEpoch; "" unless someone follows step by step.
        batch: indices of the points of the batch in `PlaneData.points`; () unless someone follows step by step.
    """

    step: int
    epoch: int
    loss: float
    lr: float
    weights: str = ""
    batch: tuple[int, ...] = ()


@dataclass(frozen=True)
class PlaneEpoch:
    """The state after a pass over the training points, or before the first one. Accuracies are from 0 to 1.

    Attributes:
        epoch: number of completed epochs; 0 before training.
        step: number of completed steps.
        train_loss: on the training points.
        val_loss: on the validation points; None if there are none.
        train_accuracy: None for regression.
        val_accuracy: None for regression, or if there are no validation points.
        weights: all parameters: base64 of float32, weights (inputs, units) and then biases of each layer, input first.
            See `core.plane.network.from_text` and `split`.
        is_last: whether the run ends with this epoch.
    """

    epoch: int
    step: int
    train_loss: float
    val_loss: float | None
    train_accuracy: float | None
    val_accuracy: float | None
    weights: str
    is_last: bool = False


@dataclass(frozen=True)
class PlaneResult:
    """Final evaluation on points that the training never used.

    Attributes:
        size: number of test points; 0 with own points, and then the loss is None.
        loss: mean loss.
        accuracy: 0 to 1; None for regression.
        confusion: number of test points of each true class (rows) by predicted class; () for regression.
    """

    size: int
    loss: float | None
    accuracy: float | None
    confusion: tuple[tuple[int, ...], ...] = ()


Event = PlaneStep | PlaneEpoch | PlaneResult | Change


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        step: the next step, counting from 0.
        epoch: the current epoch, counting from 0.
        seen: training points already used in this epoch.
        has_begun: whether the state before training was reported.
    """

    step: int = 0
    epoch: int = 0
    seen: int = 0
    has_begun: bool = False


def fit(
    config: PlaneConfig, control: Control | None = None, checkpoint: Checkpoint | None = None
) -> Iterator[Event | Checkpoint]:
    """Train a network on the points of a config.

    Yields a PlaneEpoch before training and after each epoch, a PlaneStep per batch, and a PlaneResult at the end.

    Args:
        config: all settings of the run.
        control: requests checkpoints, and may change learning rate, momentum, weight decay, batch size and edits
            during training. Each change is yielded as a Change.
        checkpoint: resumes the run that yielded it. Without metadata, its weights are the initial weights of a new run.

    The last item yielded is a Checkpoint.
    Raises TrainingDiverged if the loss is no longer finite, ValueError if nothing can be learned from the points or the
    checkpoint does not fit.
    """
    loop = LoopState(config, control, checkpoint)
    data, rng = make(config), random_stream(config, "training")
    x, y = compute_features(config.features, data.points), data.targets
    network = PlaneNetwork(config, rng)
    loss_function = CrossEntropyLoss() if config.task == "classification" else MSELoss()
    targets = y if config.task == "classification" else y[:, None]
    parameters = network.parameters()
    everything = Tensor(network.flat, requires_grad=True)  # one parameter instead of many: fewer calls per step
    optimizer = optim.OPTIMIZERS[config.optimizer]([everything], config.lr)
    progress, order, edits = Progress(), data.training, tuple[Edit, ...]()
    if checkpoint:
        network.flat[:] = fitting_weights(config, checkpoint)
    if checkpoint and checkpoint.metadata:
        optimizer.load_state_dict(checkpoint.section("optimizer"))
        progress, order = Progress(**checkpoint.metadata["progress"]), checkpoint.arrays["order"]
        rng.bit_generator.state = checkpoint.metadata["rng"]
        edits = loop.now.edits
    network.switch_off(switched(edits, "off"))
    frozen = frozen_parameters(config, edits)

    def make_checkpoint() -> Checkpoint:
        return Checkpoint(
            {"model.flat": network.flat.copy(), **prefixed("optimizer", optimizer.state_dict()), "order": order},
            {"progress": asdict(progress), "rng": rng.bit_generator.state, "changes": loop.changes()},
        )

    def state(is_last: bool = False) -> PlaneEpoch:
        """Evaluate the network. Raises TrainingDiverged if a loss is not finite."""
        outputs = network(x).data
        train = evaluate(config, outputs[data.training], y[data.training])
        val = evaluate(config, outputs[data.validation], y[data.validation]) if len(data.validation) else (None, None)
        when = f"the end of epoch {progress.epoch - 1}" if progress.step else "the start"
        for loss in (train[0], val[0]):
            check_finite(loss or 0.0, when, optimizer.lr)
        weights = to_text(network.flat)
        return PlaneEpoch(progress.epoch, progress.step, train[0], val[0], train[1], val[1], weights, is_last)

    def train_step(batch: np.ndarray) -> float:
        """Make one step and return the mean loss. The graph is freed on return."""
        loss = loss_function(network(Tensor(x[batch])), targets[batch])
        value = loss.item()
        check_finite(value, f"step {progress.step} (epoch {progress.epoch})", optimizer.lr)
        for parameter in parameters:
            parameter.zero_grad()
        loss.backward()
        everything.grad = np.concatenate([p.grad.reshape(-1) for p in parameters if p.grad is not None])
        if not len(frozen):
            optimizer.step()
            return value
        everything.grad[frozen] = 0  # so that no momentum builds up
        kept = network.flat[frozen]
        optimizer.step()  # weight decay, and momentum from before, would move frozen weights
        network.flat[frozen] = kept
        return value

    while progress.epoch < config.epochs:
        if loop.take_checkpoint_request():
            yield make_checkpoint()
        yield from loop.apply_changes(progress.step)
        now = loop.now
        optimizer.lr, optimizer.momentum, optimizer.weight_decay = now.lr, now.momentum, now.weight_decay
        if now.edits != edits:
            for edit in new_edits(edits, now.edits):
                network.type_number(edit)
            edits = now.edits
            network.switch_off(switched(edits, "off"))
            frozen = frozen_parameters(config, edits)
        if not progress.has_begun:
            progress.has_begun = True
            yield state()
            continue  # the first step looks at the requests again

        if progress.seen == 0:
            order = rng.permutation(data.training)
        batch = order[progress.seen : progress.seen + now.batch_size]
        loss = train_step(batch)
        details = (to_text(network.flat), tuple(batch.tolist())) if loop.control.verbose else ("", ())
        yield PlaneStep(progress.step, progress.epoch, loss, optimizer.lr, *details)
        progress.step += 1
        progress.seen += len(batch)
        if progress.seen < len(data.training):
            continue

        progress = Progress(progress.step, progress.epoch + 1, has_begun=True)
        is_last = progress.epoch == config.epochs
        yield state(is_last)
        if is_last:
            yield final_result(config, network, compute_features(config.features, data.test_points), data.test_targets)

    yield make_checkpoint()


def frozen_parameters(config: PlaneConfig, edits: Sequence[Edit]) -> np.ndarray:
    """Return the places of the weights and biases of all frozen units in the flat array of parameters."""
    places = np.arange(config.parameter_count)
    parts, start = [], 0
    units = switched(edits, "frozen")
    for layer in range(len(config.sizes) - 1):
        inputs, outputs = config.sizes[layer : layer + 2]
        columns = places[start : start + (inputs + 1) * outputs].reshape(inputs + 1, outputs)  # the biases are a row
        parts.append(columns[:, units.get(layer, [])].reshape(-1))
        start += columns.size
    return np.concatenate(parts)


def final_result(config: PlaneConfig, network: PlaneNetwork, x: np.ndarray, targets: np.ndarray) -> PlaneResult:
    """Evaluate a network on the test points. x: (n, features), targets: (n,); n may be 0."""
    if not len(targets):
        return PlaneResult(0, None, None)
    outputs = network(x).data
    loss, accuracy = evaluate(config, outputs, targets)
    if config.task == "regression":
        return PlaneResult(len(targets), loss, None)
    counts = np.zeros((config.classes, config.classes), int)
    np.add.at(counts, (targets, outputs.argmax(axis=1)), 1)
    return PlaneResult(len(targets), loss, accuracy, tuple(map(tuple, counts.tolist())))
