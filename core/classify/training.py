"""Training: a multilayer perceptron on our own engine learns from labelled images."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from core.autograd import optim
from core.autograd.nn import CrossEntropyLoss
from core.classify.config import ClassifyConfig, check_fits_dataset, validation_size
from core.classify.datasets import Dataset
from core.classify.diagnostics import LayerHealth, layer_health
from core.classify.inputs import Inputs, make_inputs
from core.classify.mlp import evaluate, make_model, predict
from core.training import Change, Checkpoint, Control, changed_fields, check_finite, checked_weights, prefixed


@dataclass(frozen=True)
class PreparationProgress:
    """Before the first step: how much of the patch features is computed, from 0 to 1, and what is being done."""

    fraction: float
    text: str


@dataclass(frozen=True)
class Step:
    """One batch was learned.

    step: counts from 0 over all epochs. loss: the batch's mean cross-entropy, before the step was made.
    lr: what the step was made with: the learning rate that was asked for, scaled by the schedule.
    """

    step: int
    epoch: int
    loss: float
    lr: float


@dataclass(frozen=True)
class Samples:
    """A few test pictures, the same ones in every event, and what the model thinks of them.

    images: (n, height, width) or (n, height, width, 3) uint8; labels: (n,); probabilities: (n, classes) float32.
    """

    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """Every training picture was seen once more.

    train_loss, train_accuracy: means over the epoch's batches while the weights were still changing;
    val_loss, val_accuracy: on the training pictures set aside, after the epoch. Accuracies from 0 to 1.
    layers: how each linear layer is, from the pictures on.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    samples: Samples
    layers: tuple[LayerHealth, ...] = ()


@dataclass(frozen=True)
class Result:
    """The end: loss and accuracy (0 to 1) on the `size` test pictures, which chose nothing before."""

    loss: float
    accuracy: float
    size: int


Event = PreparationProgress | Step | Epoch | Result | Change


@dataclass
class Progress:
    """How far a run is.

    step and epoch count from 0. seen: how many pictures of this epoch were learned from; loss_sum and correct: their
    losses, added up, and how many of them were told right, each before its step.
    """

    step: int = 0
    epoch: int = 0
    seen: int = 0
    loss_sum: float = 0.0
    correct: int = 0


def prepare_inputs(config: ClassifyConfig, dataset: Dataset) -> Generator[PreparationProgress, None, Inputs]:
    """The data set as the config's network sees it. Yields how far that is, where it takes long."""
    preparing = make_inputs(dataset, config.features, config.augment, config.patch_settings)
    while True:
        try:
            yield PreparationProgress(*next(preparing))
        except StopIteration as end:
            return end.value


def fit(
    config: ClassifyConfig, dataset: Dataset, control: Control | None = None, checkpoint: Checkpoint | None = None
) -> Iterator[Event | Checkpoint]:
    """Train an MLP on the data set's training pictures: a Step a batch, an Epoch after each pass, a Result at the end.

    A tenth of the training pictures is set aside for validation; the test pictures are only looked at. Where the
    network sees patch features, Preparations come first.
    control: asks for a Checkpoint, and may change the learning rate, momentum, weight decay, dropout, batch size and
    schedule, each noted by a Change. checkpoint: goes on where the run that yielded it was; the last thing yielded is
    a Checkpoint, too. Raises TrainingDiverged when the loss is no longer a finite number, ValueError where the batch
    is larger than the data or the checkpoint is another model's.
    """
    check_fits_dataset(config, len(dataset.y_train), dataset.x_train.shape[1:], len(dataset.classes))
    control = control or Control()
    rng = np.random.default_rng(config.seed)
    validation, training = np.split(rng.permutation(len(dataset.y_train)), [validation_size(len(dataset.y_train))])
    training = training[: config.train_size or None]
    y_train, y_test = dataset.y_train, dataset.y_test
    if config.shuffled_labels:
        y_train = y_train.copy()
        y_train[training] = np.random.default_rng(config.seed).permutation(y_train[training])
    inputs = yield from prepare_inputs(config, dataset)
    shown = np.array([np.flatnonzero(y_test == label)[0] for label in np.unique(y_test)])
    shown_inputs = inputs.batch("test", shown)
    examined = inputs.batch("train", validation[:500])  # for signs of life in the hidden units

    model = make_model(config, dataset, rng)
    loss_function = CrossEntropyLoss()
    optimizer = optim.OPTIMIZERS[config.optimizer](model.parameters(), config.lr)
    progress, order, now = Progress(), training, config
    if checkpoint:
        model.load_state_dict(checked_weights(model.state_dict(), checkpoint))
    if checkpoint and checkpoint.metadata:
        optimizer.load_state_dict(checkpoint.section("optimizer"))
        progress, order = Progress(**checkpoint.metadata["progress"]), checkpoint.arrays["order"]
        rng.bit_generator.state = checkpoint.metadata["rng"]
        control.changes = {**checkpoint.metadata["changes"], **control.changes}
        now = replace(config, **checkpoint.metadata["changes"])

    def learn(batch: np.ndarray) -> tuple[float, int]:
        """One step: its mean loss and how many were told right. The graph ends with it: the next finds memory free."""
        labels = y_train[batch]
        logits = model(inputs.train_batch(batch, rng))
        loss = loss_function(logits, labels)
        check_finite(loss.item(), f"step {progress.step} (epoch {progress.epoch})", optimizer.lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item(), int((logits.data.argmax(axis=1) == labels).sum())

    def make_checkpoint() -> Checkpoint:
        return Checkpoint(
            {**prefixed("model", model.state_dict()), **prefixed("optimizer", optimizer.state_dict()), "order": order},
            {"progress": asdict(progress), "rng": rng.bit_generator.state, "changes": changed_fields(config, now)},
        )

    while progress.epoch < config.epochs:
        if control.checkpoint_requested:
            control.checkpoint_requested = False
            yield make_checkpoint()
        before, now = now, control.apply(config)
        for name, value in changed_fields(before, now).items():
            yield Change(progress.step, name, value)
        optimizer.momentum, optimizer.weight_decay = now.momentum, now.weight_decay
        model.set_dropout(now.dropout)
        done = progress.seen / now.batch_size / math.ceil(len(training) / now.batch_size)  # of this epoch's batches
        optimizer.lr = now.lr * optim.SCHEDULES[now.schedule]()((progress.epoch + done) / config.epochs)

        if progress.seen == 0:
            order = rng.permutation(training)
        batch = order[progress.seen : progress.seen + now.batch_size]
        loss, right = learn(batch)

        yield Step(progress.step, progress.epoch, loss, optimizer.lr)
        progress.step += 1
        progress.seen += len(batch)
        progress.loss_sum += loss * len(batch)
        progress.correct += right
        if progress.seen < len(training):
            continue

        end = f"the end of epoch {progress.epoch}"  # where its last step may turn out to have been too large
        val_loss, val_accuracy = evaluate(model, inputs, "train", validation, y_train[validation])
        check_finite(val_loss, end, optimizer.lr)
        samples = Samples(dataset.x_test[shown], y_test[shown], predict(model.eval(), shown_inputs))
        layers = layer_health(model.linears(), model.activations(examined), config.activation == "relu")
        model.train()
        for layer in layers:
            check_finite(layer.gradient_ratio, end, optimizer.lr, "a gradient")
        yield Epoch(
            progress.epoch,
            progress.step - 1,
            optimizer.lr,
            progress.loss_sum / len(training),
            progress.correct / len(training),
            val_loss,
            val_accuracy,
            samples,
            layers,
        )
        progress = Progress(progress.step, progress.epoch + 1)
        if progress.epoch == config.epochs:
            test_loss, test_accuracy = evaluate(model, inputs, "test", np.arange(len(y_test)), y_test)
            check_finite(test_loss, end, optimizer.lr)
            yield Result(test_loss, test_accuracy, len(y_test))

    yield make_checkpoint()
