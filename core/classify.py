"""Classifying pictures: a multilayer perceptron on our own engine learns from labelled pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from core import optim
from core.datasets import Dataset
from core.functional import log_softmax
from core.nn import CrossEntropyLoss, Dropout, Linear, Module, ReLU, Sequential
from core.training import (
    Change,
    Checkpoint,
    Control,
    check_finite,
    check_range,
    differences,
    named,
    weights_for,
)

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class ClassifyConfig:
    """All that, with the data, determines a run; the same config gives the same curve on one machine.

    dataset: a name that `core.datasets.load` knows. hidden: units of each hidden layer, from the pictures on; () for
    none. lr: learning rate before the schedule. dropout: share of the hidden units dropped while training.
    schedule: a name in `core.optim.SCHEDULES`. epochs: how often every training picture is seen.
    Raises ValueError with a sentence for a student where a field is wrong.
    """

    dataset: str = "mnist-5k"
    hidden: tuple[int, ...] = (256, 128)
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    dropout: float = 0.0
    schedule: str = "cosine"
    batch_size: int = 100
    epochs: int = 20
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
        check_range("The number of hidden layers", len(self.hidden), 0, 20, whole=True)
        for width in self.hidden:
            check_range("The size of a hidden layer", width, 1, 4_096, whole=True)
        check_range("The learning rate", self.lr, 1e-6, 10)
        check_range("The momentum", self.momentum, 0, 0.999)
        check_range("The weight decay", self.weight_decay, 0, 1)
        check_range("The dropout", self.dropout, 0, 0.9)
        check_range("The batch size", self.batch_size, 1, 10_000, whole=True)
        check_range("The number of epochs", self.epochs, 1, 500, whole=True)
        check_range("The seed", self.seed, 0, 2**31 - 1, whole=True)
        if self.schedule not in optim.SCHEDULES:
            raise ValueError(f"The schedule must be one of {', '.join(optim.SCHEDULES)}, but it is {self.schedule!r}.")


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

    pictures: (n, height, width) or (n, height, width, 3) uint8; labels: (n,); probabilities: (n, classes) float32.
    """

    pictures: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """Every training picture was seen once more.

    train_loss, train_accuracy: means over the epoch's batches while the weights were still changing;
    val_loss, val_accuracy: on the training pictures set aside, after the epoch. Accuracies from 0 to 1.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    samples: Samples


@dataclass(frozen=True)
class Result:
    """The end: loss and accuracy (0 to 1) on the `size` test pictures, which chose nothing before."""

    loss: float
    accuracy: float
    size: int


Event = Step | Epoch | Result | Change


class MLP(Module):
    """A multilayer perceptron: linear layers with a ReLU, and perhaps dropout, after each but the last.

    (batch, in_features) -> logits (batch, classes).
    """

    def __init__(
        self, in_features: int, hidden: tuple[int, ...], classes: int, rng: np.random.Generator, dropout: float = 0.0
    ):
        layers: list[Module] = []
        for width in hidden:
            layers += [Linear(in_features, width, rng), ReLU(), Dropout(dropout, rng)]
            in_features = width
        self.layers = Sequential(*layers, Linear(in_features, classes, rng))

    def forward(self, x):
        return self.layers(x)

    def set_dropout(self, dropout: float) -> None:
        """Drop this share of the hidden units from now on."""
        for layer in self.layers.modules:
            if isinstance(layer, Dropout):
                layer.p = dropout


class Standardizer:
    """Pictures to network inputs of mean 0 and deviation 1 in each colour, measured on the training pictures."""

    def __init__(self, pictures: np.ndarray):
        channels = pictures.reshape(-1, 3 if pictures.ndim == 4 else 1)[::7]  # every seventh pixel tells enough
        self.mean = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = (1 / (channels.std(axis=0, dtype=np.float64) + 1e-3)).astype(np.float32)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(n, height, width[, 3]) uint8 -> (n, height * width * colours) float32."""
        inputs = pictures.reshape(len(pictures), -1, len(self.mean)).astype(np.float32)
        inputs -= self.mean
        inputs *= self.scale
        return inputs.reshape(len(pictures), -1)


def predict(model: Module, inputs: np.ndarray) -> np.ndarray:
    """Class probabilities. inputs: (n, features) -> (n, classes)."""
    return np.exp(log_softmax(model(inputs).data))


def evaluate(model: Module, pictures: np.ndarray, labels: np.ndarray, standardize: Standardizer) -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0 to 1) on the pictures, a thousand at a time."""
    model.eval()
    loss, right = 0.0, 0
    for start in range(0, len(labels), 1_000):
        some = slice(start, start + 1_000)
        log_probabilities = log_softmax(model(standardize(pictures[some])).data)
        loss -= float(log_probabilities[np.arange(len(labels[some])), labels[some]].sum())
        right += int((log_probabilities.argmax(axis=1) == labels[some]).sum())
    model.train()
    return loss / len(labels), right / len(labels)


def validation_size(pictures: int) -> int:
    """How many of so many training pictures are set aside for validation."""
    return max(1, round(VALIDATION_SHARE * pictures))


@dataclass
class Progress:
    """How far a run is.

    step and epoch count from 0. seen: how many pictures of this epoch were learned from; loss_sum and right: their
    losses, added up, and how many of them were told right, each before its step.
    """

    step: int = 0
    epoch: int = 0
    seen: int = 0
    loss_sum: float = 0.0
    right: int = 0


def make_model(config: ClassifyConfig, dataset: Dataset, rng: np.random.Generator) -> MLP:
    """The model that the config describes, its weights drawn from `rng`."""
    return MLP(dataset.x_train[0].size, config.hidden, len(dataset.classes), rng, config.dropout)


def model_of(config: ClassifyConfig, dataset: Dataset, checkpoint: Checkpoint) -> MLP:
    """The model as a run left it, in evaluation mode. Raises ValueError where the weights are another model's."""
    model = make_model(config, dataset, np.random.default_rng(config.seed))
    model.load_state_dict(weights_for(model.state_dict(), checkpoint))
    return model.eval()


def fit(
    config: ClassifyConfig, dataset: Dataset, control: Control | None = None, checkpoint: Checkpoint | None = None
) -> Iterator[Event | Checkpoint]:
    """Train an MLP on the data set's training pictures: a Step a batch, an Epoch after each pass, a Result at the end.

    A tenth of the training pictures is set aside for validation; the test pictures are only looked at.
    control: asks for a Checkpoint, and may change the learning rate, momentum, weight decay, dropout, batch size and
    schedule, each noted by a Change. checkpoint: goes on where the run that yielded it was; the last thing yielded is
    a Checkpoint, too. Raises TrainingDiverged when the loss is no longer a finite number, ValueError where the batch
    is larger than the data or the checkpoint is another model's.
    """
    control = control or Control()
    rng = np.random.default_rng(config.seed)
    validation, training = np.split(rng.permutation(len(dataset.y_train)), [validation_size(len(dataset.y_train))])
    if config.batch_size > len(training):
        raise ValueError(
            f"The batch size must be at most {len(training):,}, the number of training pictures in {dataset.name}, "
            f"but it is {config.batch_size:,}."
        )
    standardize = Standardizer(dataset.x_train)
    shown = np.array([np.flatnonzero(dataset.y_test == label)[0] for label in np.unique(dataset.y_test)])
    shown_inputs = standardize(dataset.x_test[shown])

    model = make_model(config, dataset, rng)
    loss_function = CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), config.lr, config.momentum, config.weight_decay)
    progress, order, now = Progress(), training, config
    if checkpoint:
        model.load_state_dict(weights_for(model.state_dict(), checkpoint))
    if checkpoint and checkpoint.facts:
        optimizer.load_state_dict(checkpoint.part("optimizer"))
        progress, order = Progress(**checkpoint.facts["progress"]), checkpoint.arrays["order"]
        rng.bit_generator.state = checkpoint.facts["rng"]
        control.changes = {**checkpoint.facts["changes"], **control.changes}
        now = replace(config, **checkpoint.facts["changes"])

    def make_checkpoint() -> Checkpoint:
        return Checkpoint(
            {**named("model", model.state_dict()), **named("optimizer", optimizer.state_dict()), "order": order},
            {"progress": asdict(progress), "rng": rng.bit_generator.state, "changes": differences(config, now)},
        )

    while progress.epoch < config.epochs:
        if control.checkpoint_wanted:
            control.checkpoint_wanted = False
            yield make_checkpoint()
        before, now = now, control.apply(config)
        for name, value in differences(before, now).items():
            yield Change(progress.step, name, value)
        optimizer.momentum, optimizer.weight_decay = now.momentum, now.weight_decay
        model.set_dropout(now.dropout)
        done = progress.seen / now.batch_size / math.ceil(len(training) / now.batch_size)  # of this epoch's batches
        optimizer.lr = now.lr * optim.SCHEDULES[now.schedule]()((progress.epoch + done) / config.epochs)

        if progress.seen == 0:
            order = rng.permutation(training)
        batch = order[progress.seen : progress.seen + now.batch_size]
        labels = dataset.y_train[batch]
        logits = model(standardize(dataset.x_train[batch]))
        loss = loss_function(logits, labels)
        check_finite(loss.item(), f"step {progress.step} (epoch {progress.epoch})", optimizer.lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        yield Step(progress.step, progress.epoch, loss.item(), optimizer.lr)
        progress.step += 1
        progress.seen += len(batch)
        progress.loss_sum += loss.item() * len(batch)
        progress.right += int((logits.data.argmax(axis=1) == labels).sum())
        if progress.seen < len(training):
            continue

        val_loss, val_accuracy = evaluate(model, dataset.x_train[validation], dataset.y_train[validation], standardize)
        samples = Samples(dataset.x_test[shown], dataset.y_test[shown], predict(model.eval(), shown_inputs))
        model.train()
        yield Epoch(
            progress.epoch,
            progress.step - 1,
            optimizer.lr,
            progress.loss_sum / len(training),
            progress.right / len(training),
            val_loss,
            val_accuracy,
            samples,
        )
        progress = Progress(progress.step, progress.epoch + 1)
        if progress.epoch == config.epochs:
            yield Result(*evaluate(model, dataset.x_test, dataset.y_test, standardize), len(dataset.y_test))

    yield make_checkpoint()
