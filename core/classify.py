"""Classifying pictures: a multilayer perceptron on our own engine learns from labelled pictures."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np

from core import optim
from core.augment import AUGMENTATIONS
from core.datasets import Dataset
from core.diagnostics import LayerHealth, layer_health
from core.features import PatchSettings
from core.functional import log_softmax
from core.inputs import FEATURES, Inputs, Split, make_inputs
from core.nn import ACTIVATIONS, DEVIATIONS, CrossEntropyLoss, Dropout, Linear, Module, Sequential
from core.training import (
    Change,
    Checkpoint,
    Control,
    check_finite,
    check_name,
    check_range,
    differences,
    named,
    weights_for,
)

VALIDATION_SHARE = 0.1
MAX_PARAMETERS = 30_000_000  # with gradients and momentum, four times as many numbers: half a gigabyte


@dataclass(frozen=True)
class ClassifyConfig:
    """All that, with the data, determines a run; the same config gives the same curve on one machine.

    dataset: a name that `core.datasets.load` knows. hidden: units of each hidden layer, from the pictures on; () for
    none. lr: learning rate before the schedule. momentum: of Adam, its first beta. dropout: share of the hidden units
    dropped while training. schedule: a name in `core.optim.SCHEDULES`. epochs: how often every training picture is
    seen. activation, initialisation, optimizer: names in `core.nn.ACTIVATIONS`, `core.nn.DEVIATIONS` and
    `core.optim.OPTIMIZERS`. features: what the network sees, pixels or patches; patches, grid: see
    `core.features.PatchSettings`. augment: names in `core.augment.AUGMENTATIONS`. train_size: how many pictures it
    learns from; 0 for all. shuffled_labels: whether the training pictures' labels are dealt out at random.
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
    activation: str = "relu"
    initialisation: str = "he"
    optimizer: str = "sgd"
    features: str = "pixels"
    patches: int = 400
    grid: int = 2
    augment: tuple[str, ...] = ()
    train_size: int = 0
    shuffled_labels: bool = False

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if not isinstance(self.dataset, str):
            raise ValueError(f"The data set must be a name, but it is {self.dataset!r:.60}.")
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
        check_range("The number of pictures to learn from", self.train_size, 0, 1_000_000, whole=True)
        check_name("The schedule", self.schedule, optim.SCHEDULES)
        check_name("The activation", self.activation, ACTIVATIONS)
        check_name("The initialisation", self.initialisation, DEVIATIONS)
        check_name("The optimiser", self.optimizer, optim.OPTIMIZERS)
        check_name("What the network sees", self.features, FEATURES)
        for kind in self.augment:
            check_name("Each augmentation", kind, AUGMENTATIONS)
        object.__setattr__(self, "augment", tuple(kind for kind in AUGMENTATIONS if kind in self.augment))
        if self.features == "patches" and set(self.augment) - {"flip"}:
            raise ValueError(
                "Patch features are computed once, before the training: of augmentation, only flip can be had with "
                "them, as a picture in the mirror has the same ones in another order."
            )

    @property
    def patch_settings(self) -> PatchSettings:
        return PatchSettings(self.patches, grid=self.grid)

    def input_size(self, picture_shape: tuple[int, ...]) -> int:
        """How many numbers the network sees of a picture of this shape."""
        return math.prod(picture_shape) if self.features == "pixels" else self.patch_settings.features


@dataclass(frozen=True)
class Preparation:
    """Before the first step: how much of the patch features is computed, from 0 to 1, and what is being done."""

    share: float
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


Event = Preparation | Step | Epoch | Result | Change


class MLP(Module):
    """A multilayer perceptron: linear layers with an activation, and perhaps dropout, after each but the last.

    (batch, in_features) -> logits (batch, classes).
    """

    def __init__(
        self,
        in_features: int,
        hidden: tuple[int, ...],
        classes: int,
        rng: np.random.Generator,
        dropout: float = 0.0,
        activation: str = "relu",
        initialisation: str = "he",
    ):
        layers: list[Module] = []
        for width in hidden:
            linear = Linear(in_features, width, rng, initialisation=initialisation)
            layers += [linear, ACTIVATIONS[activation](), Dropout(dropout, rng)]
            in_features = width
        self.layers = Sequential(*layers, Linear(in_features, classes, rng, initialisation=initialisation))

    def forward(self, x):
        return self.layers(x)

    def linears(self) -> list[Linear]:
        """The linear layers, from the pictures on."""
        return [layer for layer in self.layers.modules if isinstance(layer, Linear)]

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """What each hidden layer makes of inputs (n, in_features): (n, units) each, after the activation."""
        seen = []
        for layer in self.layers.modules[:-1]:
            x = layer(x)
            if isinstance(layer, tuple(ACTIVATIONS.values())):
                seen.append(x.data)
        return seen

    def set_dropout(self, dropout: float) -> None:
        """Drop this share of the hidden units from now on."""
        for layer in self.layers.modules:
            if isinstance(layer, Dropout):
                layer.p = dropout


def predict(model: Module, inputs: np.ndarray) -> np.ndarray:
    """Class probabilities. inputs: (n, features) -> (n, classes)."""
    return np.exp(log_softmax(model(inputs).data))


def predict_all(model: Module, inputs: Inputs, split: Split, numbers: np.ndarray) -> np.ndarray:
    """Class probabilities of the pictures of these numbers, a thousand at a time: (n, classes)."""
    some = np.split(numbers, range(1_000, len(numbers), 1_000))
    return np.concatenate([predict(model, inputs.plain(split, part)) for part in some])


def evaluate(
    model: Module, inputs: Inputs, split: Split, numbers: np.ndarray, labels: np.ndarray
) -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0 to 1) on the pictures of these numbers, whose labels are `labels`."""
    model.eval()
    loss, right = 0.0, 0
    for start in range(0, len(numbers), 1_000):
        some = labels[start : start + 1_000]
        log_probabilities = log_softmax(model(inputs.plain(split, numbers[start : start + 1_000])).data)
        loss -= float(log_probabilities[np.arange(len(some)), some].sum())
        right += int((log_probabilities.argmax(axis=1) == some).sum())
    model.train()
    return loss / len(numbers), right / len(numbers)


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


def parameter_counts(config: ClassifyConfig, picture_shape: tuple[int, ...], classes: int) -> list[int]:
    """How many weights and biases each linear layer has, from the pictures on."""
    sizes = [config.input_size(picture_shape), *config.hidden, classes]
    return [(inputs + 1) * outputs for inputs, outputs in pairwise(sizes)]


def check_suits(config: ClassifyConfig, pictures: int, picture_shape: tuple[int, ...], classes: int) -> None:
    """Raise ValueError with a sentence unless the config can learn from so many training pictures of these."""
    parameters = sum(parameter_counts(config, picture_shape, classes))
    if parameters > MAX_PARAMETERS:
        raise ValueError(
            f"This network would have {parameters:,} parameters; at most {MAX_PARAMETERS:,} fit here. Take fewer or "
            "smaller hidden layers."
        )
    validation = validation_size(pictures)
    left = pictures - validation
    if config.train_size > left:
        raise ValueError(
            f"{config.dataset} has {left:,} pictures to learn from, as {validation:,} are set aside for validation; "
            f"{config.train_size:,} were asked for."
        )
    if config.batch_size > (config.train_size or left):
        raise ValueError(
            f"The batch size must be at most {config.train_size or left:,}, the number of pictures to learn from, "
            f"but it is {config.batch_size:,}."
        )


def make_model(config: ClassifyConfig, dataset: Dataset, rng: np.random.Generator) -> MLP:
    """The model that the config describes, its weights drawn from `rng`."""
    return MLP(
        config.input_size(dataset.x_train.shape[1:]),
        config.hidden,
        len(dataset.classes),
        rng,
        config.dropout,
        config.activation,
        config.initialisation,
    )


def inputs_of(config: ClassifyConfig, dataset: Dataset) -> Generator[Preparation, None, Inputs]:
    """The data set as the config's network sees it. Yields how far that is, where it takes long."""
    preparing = make_inputs(dataset, config.features, config.augment, config.patch_settings)
    while True:
        try:
            yield Preparation(*next(preparing))
        except StopIteration as end:
            return end.value


def model_of(config: ClassifyConfig, dataset: Dataset, checkpoint: Checkpoint) -> MLP:
    """The model as a run left it, in evaluation mode. Raises ValueError where the weights are another model's."""
    model = make_model(config, dataset, np.random.default_rng(config.seed))
    model.load_state_dict(weights_for(model.state_dict(), checkpoint))
    return model.eval()


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
    check_suits(config, len(dataset.y_train), dataset.x_train.shape[1:], len(dataset.classes))
    control = control or Control()
    rng = np.random.default_rng(config.seed)
    validation, training = np.split(rng.permutation(len(dataset.y_train)), [validation_size(len(dataset.y_train))])
    training = training[: config.train_size or None]
    y_train, y_test = dataset.y_train, dataset.y_test
    if config.shuffled_labels:
        y_train = y_train.copy()
        y_train[training] = np.random.default_rng(config.seed).permutation(y_train[training])
    inputs = yield from inputs_of(config, dataset)
    shown = np.array([np.flatnonzero(y_test == label)[0] for label in np.unique(y_test)])
    shown_inputs = inputs.plain("test", shown)
    examined = inputs.plain("train", validation[:500])  # for signs of life in the hidden units

    model = make_model(config, dataset, rng)
    loss_function = CrossEntropyLoss()
    optimizer = optim.OPTIMIZERS[config.optimizer](model.parameters(), config.lr)
    progress, order, now = Progress(), training, config
    if checkpoint:
        model.load_state_dict(weights_for(model.state_dict(), checkpoint))
    if checkpoint and checkpoint.facts:
        optimizer.load_state_dict(checkpoint.part("optimizer"))
        progress, order = Progress(**checkpoint.facts["progress"]), checkpoint.arrays["order"]
        rng.bit_generator.state = checkpoint.facts["rng"]
        control.changes = {**checkpoint.facts["changes"], **control.changes}
        now = replace(config, **checkpoint.facts["changes"])

    def learn(batch: np.ndarray) -> tuple[float, int]:
        """One step: its mean loss and how many were told right. The graph ends with it: the next finds memory free."""
        labels = y_train[batch]
        logits = model(inputs.training(batch, rng))
        loss = loss_function(logits, labels)
        check_finite(loss.item(), f"step {progress.step} (epoch {progress.epoch})", optimizer.lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item(), int((logits.data.argmax(axis=1) == labels).sum())

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
        loss, right = learn(batch)

        yield Step(progress.step, progress.epoch, loss, optimizer.lr)
        progress.step += 1
        progress.seen += len(batch)
        progress.loss_sum += loss * len(batch)
        progress.right += right
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
            progress.right / len(training),
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
