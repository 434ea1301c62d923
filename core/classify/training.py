"""Training of a multilayer perceptron on labelled images."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from core.autograd import optim
from core.autograd.nn import CrossEntropyLoss
from core.classify.config import ClassifyConfig, check_fits_dataset, validation_size
from core.classify.datasets import Dataset
from core.classify.diagnostics import LayerHealth, layer_health
from core.classify.inputs import Inputs, make_inputs
from core.classify.mlp import evaluate, fitting_weights, make_model, predict
from core.training import Change, Checkpoint, Control, LoopState, check_finite, is_in_curve, prefixed


@dataclass(frozen=True)
class PreparationProgress:
    """Progress of computing patch features or whitened pixels, before the first step.

    Attributes:
        fraction: fraction that is done, 0 to 1.
        text: what is being computed.
    """

    fraction: float
    text: str


@dataclass(frozen=True)
class Step:
    """One batch was learned.

    Attributes:
        step: counts from 0 over all epochs.
        epoch: counts from 0.
        loss: mean cross-entropy of the batch, with label smoothing if any, before the weights were updated.
        lr: learning rate of this step, scaled by the schedule.
        progress: fraction of the run's training images that have been used after this step, 0 to 1. Unlike the number
            of steps, it is comparable when the batch size is changed.
        peak: highest loss since the last step that is part of the stored curve, or of this step.
    """

    step: int
    epoch: int
    loss: float
    lr: float
    progress: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True)
class Samples:
    """Some images and the model's predictions for them.

    Attributes:
        images: (n, height, width) or (n, height, width, 3) uint8.
        labels: (n,) class indices.
        probabilities: (n, classes) float32.
    """

    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images was completed. Accuracies are from 0 to 1.

    Attributes:
        epoch: counts from 0.
        step: the last step of the epoch.
        lr: learning rate of that step.
        train_loss: mean over the epoch's batches, while the weights were changing; with label smoothing if any.
        train_accuracy: likewise.
        val_loss: on the validation images, after the epoch, always without label smoothing.
        val_accuracy: likewise.
        samples: predictions on one validation image per class, the same images in every epoch.
        layers: health of each linear layer, input first.
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
    """Final evaluation on the test images, which influenced nothing before.

    Attributes:
        loss: mean cross-entropy.
        accuracy: 0 to 1.
        size: number of test images.
        averaged_accuracy: 0 to 1, with predictions averaged over the copies in the config's `average`; None without.
        averaged_val_accuracy: likewise, on the validation images.
    """

    loss: float
    accuracy: float
    size: int
    averaged_accuracy: float | None = None
    averaged_val_accuracy: float | None = None


Event = PreparationProgress | Step | Epoch | Result | Change


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        step: the next step, counting from 0.
        epoch: the current epoch, counting from 0.
        seen: training images already used in this epoch.
        loss_sum: sum of their losses, each before its step.
        correct: how many of them were classified correctly, likewise.
        peak: highest loss since the last step that is part of the stored curve.
    """

    step: int = 0
    epoch: int = 0
    seen: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    peak: float = 0.0


def prepare_inputs(config: ClassifyConfig, dataset: Dataset) -> Generator[PreparationProgress, None, Inputs]:
    """Prepare the dataset as inputs of the config's network. Yields progress while anything is computed for that."""
    preparing = make_inputs(dataset, config.features, config.augment, config.patch_settings)
    while True:
        try:
            yield PreparationProgress(*next(preparing))
        except StopIteration as end:
            return end.value


def split(n_images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split the indices of all training images at random: those held out for validation, and the others."""
    validation, training = np.split(rng.permutation(n_images), [validation_size(n_images)])
    return validation, training


def one_per_class(indices: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the first index of each class that has any. labels: of all images."""
    _, first = np.unique(labels[indices], return_index=True)
    return indices[first]


def fit(
    config: ClassifyConfig, dataset: Dataset, control: Control | None = None, checkpoint: Checkpoint | None = None
) -> Iterator[Event | Checkpoint]:
    """Train an MLP on the dataset. Yields a Step per batch, an Epoch after each pass, and a Result at the end.

    A tenth of the training images is held out for validation. The test images are only used for evaluation.
    With whitened pixels or patch features, PreparationProgress events are yielded first.

    Args:
        config: all settings of the run.
        dataset: the images, of any shape.
        control: requests checkpoints, and may change learning rate, momentum, weight decay, dropout, label
            smoothing, batch size and schedule during training. Each change is yielded as a Change.
        checkpoint: resumes the run that yielded it. Without metadata, its weights are the initial weights of a new run.

    The last item yielded is a Checkpoint.
    Raises TrainingDiverged if the loss or a gradient is no longer finite, ValueError if the dataset is too small for
    the config or the checkpoint does not fit.
    """
    check_fits_dataset(config, len(dataset.y_train), dataset.x_train.shape[1:], len(dataset.classes))
    loop = LoopState(config, control, checkpoint)
    rng = np.random.default_rng(config.seed)
    validation, training = split(len(dataset.y_train), rng)
    training = training[: config.train_size or None]
    y_train, y_test = dataset.y_train, dataset.y_test
    if config.shuffled_labels:
        y_train = y_train.copy()
        y_train[training] = np.random.default_rng(config.seed).permutation(y_train[training])
    inputs = yield from prepare_inputs(config, dataset)
    sample_ids = one_per_class(validation, y_train)
    sample_inputs = inputs.batch("train", sample_ids)
    probe_inputs = inputs.batch("train", validation[:500])  # to detect dead hidden units

    model = make_model(config, dataset, rng)
    loss_function = CrossEntropyLoss()
    optimizer = optim.OPTIMIZERS[config.optimizer](model.parameters(), config.lr)
    progress, order = Progress(), training
    if checkpoint:
        model.load_state_dict(fitting_weights(config, dataset.x_train.shape[1:], len(dataset.classes), checkpoint))
    if checkpoint and checkpoint.metadata:
        optimizer.load_state_dict(checkpoint.section("optimizer"))
        progress, order = Progress(**checkpoint.metadata["progress"]), checkpoint.arrays["order"]
        rng.bit_generator.state = checkpoint.metadata["rng"]

    def train_step(batch: np.ndarray) -> tuple[float, int]:
        """Make one step; return mean loss and number of correct predictions. The graph is freed on return."""
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
            {"progress": asdict(progress), "rng": rng.bit_generator.state, "changes": loop.changes()},
        )

    while progress.epoch < config.epochs:
        if loop.take_checkpoint_request():
            yield make_checkpoint()
        yield from loop.apply_changes(progress.step)
        now = loop.now
        optimizer.momentum, optimizer.weight_decay = now.momentum, now.weight_decay
        model.set_dropout(now.dropout)
        loss_function.label_smoothing = now.label_smoothing
        done = progress.seen / now.batch_size / math.ceil(len(training) / now.batch_size)  # fraction of this epoch
        optimizer.lr = now.lr * optim.SCHEDULES[now.schedule]()((progress.epoch + done) / config.epochs)

        if progress.seen == 0:
            order = rng.permutation(training)
        batch = order[progress.seen : progress.seen + now.batch_size]
        loss, correct = train_step(batch)

        fraction = (progress.epoch + (progress.seen + len(batch)) / len(training)) / config.epochs
        peak = max(progress.peak, loss)
        yield Step(progress.step, progress.epoch, loss, optimizer.lr, fraction, peak)
        progress.peak = 0.0 if is_in_curve(progress.step) else peak
        progress.step += 1
        progress.seen += len(batch)
        progress.loss_sum += loss * len(batch)
        progress.correct += correct
        if progress.seen < len(training):
            continue

        end = f"the end of epoch {progress.epoch}"  # its last step may have been too large
        val_loss, val_accuracy = evaluate(model, inputs, "train", validation, y_train[validation])
        check_finite(val_loss, end, optimizer.lr)
        samples = Samples(dataset.x_train[sample_ids], y_train[sample_ids], predict(model.eval(), sample_inputs))
        layers = layer_health(model.linears(), model.activations(probe_inputs), config.activation == "relu")
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
        progress = Progress(progress.step, progress.epoch + 1, peak=progress.peak)
        if progress.epoch == config.epochs:
            test_loss, test_accuracy = evaluate(model, inputs, "test", np.arange(len(y_test)), y_test)
            check_finite(test_loss, end, optimizer.lr)
            averaged = averaged_val = None
            if config.average:
                _, averaged = evaluate(model, inputs, "test", np.arange(len(y_test)), y_test, config.average)
                _, averaged_val = evaluate(model, inputs, "train", validation, y_train[validation], config.average)
            yield Result(test_loss, test_accuracy, len(y_test), averaged, averaged_val)

    yield make_checkpoint()
