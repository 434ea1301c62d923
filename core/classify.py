"""Classifying pictures: a multilayer perceptron on our own engine learns from labelled pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core import optim
from core.datasets import Dataset
from core.functional import log_softmax
from core.nn import CrossEntropyLoss, Dropout, Linear, Module, ReLU, Sequential
from core.training import Control, check_finite, check_range

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
    lr: what the step was made with; base_lr: what was asked for, which the schedule then scaled.
    """

    step: int
    epoch: int
    loss: float
    lr: float
    base_lr: float


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


Event = Step | Epoch | Result


class MLP(Module):
    """A multilayer perceptron: linear layers with a ReLU, and perhaps dropout, after each but the last.

    (batch, in_features) -> logits (batch, classes).
    """

    def __init__(
        self, in_features: int, hidden: tuple[int, ...], classes: int, rng: np.random.Generator, dropout: float = 0.0
    ):
        layers: list[Module] = []
        for width in hidden:
            layers += [Linear(in_features, width, rng), ReLU()]
            layers += [Dropout(dropout, rng)] if dropout else []
            in_features = width
        self.layers = Sequential(*layers, Linear(in_features, classes, rng))

    def forward(self, x):
        return self.layers(x)


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


def batches(size: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The numbers 0 to size - 1 in random order, in batches: each number once, the last batch perhaps smaller."""
    order = rng.permutation(size)
    for start in range(0, size, batch_size):
        yield order[start : start + batch_size]


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


def fit(config: ClassifyConfig, dataset: Dataset, control: Control | None = None) -> Iterator[Event]:
    """Train an MLP on the data set's training pictures: a Step a batch, an Epoch after each pass, a Result at the end.

    A tenth of the training pictures is set aside for validation; the test pictures are only looked at.
    Raises TrainingDiverged when the loss is no longer a finite number, ValueError where the batch is larger
    than the data.
    """
    control = control or Control()
    rng = np.random.default_rng(config.seed)
    order = rng.permutation(len(dataset.y_train))
    validation, training = np.split(order, [validation_size(len(order))])
    if config.batch_size > len(training):
        raise ValueError(
            f"The batch size must be at most {len(training):,}, the number of training pictures in {dataset.name}, "
            f"but it is {config.batch_size:,}."
        )
    standardize = Standardizer(dataset.x_train)
    classes = len(dataset.classes)
    shown = np.array([np.flatnonzero(dataset.y_test == label)[0] for label in np.unique(dataset.y_test)])
    shown_inputs = standardize(dataset.x_test[shown])

    model = MLP(dataset.x_train[0].size, config.hidden, classes, rng, config.dropout)
    loss_function = CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), config.lr, config.momentum, config.weight_decay)
    schedule = optim.SCHEDULES[config.schedule]()
    steps = config.epochs * -(-len(training) // config.batch_size)
    step = 0

    for epoch in range(config.epochs):
        loss_sum, right = 0.0, 0
        for batch in batches(len(training), config.batch_size, rng):
            batch = training[batch]
            labels = dataset.y_train[batch]
            base_lr = config.lr if control.lr is None else control.lr
            optimizer.lr = base_lr * schedule(step / steps)

            logits = model(standardize(dataset.x_train[batch]))
            loss = loss_function(logits, labels)
            check_finite(loss.item(), f"step {step} (epoch {epoch})", optimizer.lr)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            yield Step(step, epoch, loss.item(), optimizer.lr, base_lr)
            loss_sum += loss.item() * len(batch)
            right += int((logits.data.argmax(axis=1) == labels).sum())
            step += 1

        val_loss, val_accuracy = evaluate(model, dataset.x_train[validation], dataset.y_train[validation], standardize)
        probabilities = predict(model.eval(), shown_inputs)
        model.train()
        samples = Samples(dataset.x_test[shown], dataset.y_test[shown], probabilities)
        train_loss, train_accuracy = loss_sum / len(training), right / len(training)
        yield Epoch(epoch, step - 1, optimizer.lr, train_loss, train_accuracy, val_loss, val_accuracy, samples)

    yield Result(*evaluate(model, dataset.x_test, dataset.y_test, standardize), len(dataset.y_test))
