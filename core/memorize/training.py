"""Training: an LSTM learns to predict the next character."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from core.memorize.alphabet import Alphabet
from core.memorize.alphabet_transfer import translate
from core.memorize.config import MemorizeConfig
from core.memorize.generate import generate_text
from core.memorize.lstm import Model
from core.memorize.rnn_variants import CELLS
from core.text import graphemes
from core.training import Change, Checkpoint, Control, LoopState, check_finite, checked_weights, prefixed

GENERATION_INTERVAL = 20  # epochs; generating the text takes as long as several epochs


@dataclass(frozen=True)
class MemorizeEpoch:
    """The result of one epoch.

    Attributes:
        epoch: number of the epoch, from 0.
        loss: mean cross-entropy per character in nats, before this epoch's step.
        lr: learning rate of the step.
        reconstruction: text most recently generated, free-running; updated every few epochs and after the last one.
        char_accuracy: fraction of correct characters in it, 0 to 1.
    """

    epoch: int
    loss: float
    lr: float
    reconstruction: str
    char_accuracy: float


Event = MemorizeEpoch | Change


def char_accuracy(sentence: str, reconstruction: str) -> float:
    """Return the fraction of positions with the same character, relative to the longer text. 1.0: identical."""
    expected, generated = graphemes(sentence), graphemes(reconstruction)
    correct = sum(a == b for a, b in zip(expected, generated, strict=False))
    return correct / max(len(expected), len(generated), 1)


def make_model(config: MemorizeConfig) -> Model:
    """Build the config's model, initialised with its seed.

    All weights and biases start from U(-1/√hidden_size, 1/√hidden_size), as PyTorch's recurrent layers do. They are
    drawn from a generator of their own: threads share PyTorch's global one.
    """
    size = len(Alphabet(config.sentence))
    with torch.device("meta"):  # builds the layers without values
        model = Model(size, config.hidden_size, size, config.num_layers, config.backend)
        model.add_module("lstm", CELLS[config.cell](model.lstm))
    model.to_empty(device="cpu")
    bound, generator = config.hidden_size**-0.5, torch.Generator().manual_seed(config.seed)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator)
    return model


def load_weights(model: Model, checkpoint: Checkpoint, alphabet: Alphabet) -> None:
    """Load a checkpoint's weights into the model; weights of another sentence are converted by `translate`.

    Raises ValueError if the weights do not fit the model.
    """
    initial = {name: weight.numpy() for name, weight in model.state_dict().items()}
    weights = checkpoint.section("model")
    if "symbols" not in weights:
        raise ValueError("This checkpoint is not one of a memorised sentence: its alphabet is missing.")
    weights = translate(weights, weights.pop("symbols").tolist(), initial, alphabet.symbols)
    weights = checked_weights(
        {name: array.shape for name, array in initial.items()}, Checkpoint(prefixed("model", weights), {})
    )
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def restore_model(config: MemorizeConfig, checkpoint: Checkpoint) -> Model:
    """Build the config's model with a checkpoint's weights. Raises ValueError if they do not fit."""
    model = make_model(config)
    load_weights(model, checkpoint, Alphabet(config.sentence))
    return model


def fit(
    config: MemorizeConfig, control: Control | None = None, checkpoint: Checkpoint | None = None
) -> Iterator[Event | Checkpoint]:
    """Train a Model on config.sentence and yield one event per epoch, finally a Checkpoint.

    Uses teacher forcing: the input at every step is the correct character, whatever the model predicted.
    control: requests checkpoints and changes the learning rate; every change is yielded as a Change.
    checkpoint: resume from here, or start from its weights if it has no metadata.
    Raises TrainingDiverged if the loss is no longer finite.
    """
    loop = LoopState(config, control, checkpoint)
    alphabet = Alphabet(config.sentence)
    model = make_model(config)
    sentence = alphabet.encode(config.sentence)
    inputs = alphabet.one_hot([Alphabet.START, *sentence])  # (seq_len, 1, alphabet)
    targets = torch.tensor([*sentence, Alphabet.END])  # (seq_len,)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)  # one loop over all weights instead of a dozen
    epoch, reconstruction, accuracy, learned = 0, "", 0.0, False
    if checkpoint:
        load_weights(model, checkpoint, alphabet)
    if checkpoint and checkpoint.metadata:
        load_optimizer_state(optimizer, checkpoint.section("optimizer"))
        epoch, reconstruction, accuracy = (
            checkpoint.metadata[name] for name in ("epoch", "reconstruction", "accuracy")
        )
        learned = checkpoint.metadata.get("learned", False)

    def make_checkpoint() -> Checkpoint:
        weights = {name: weight.numpy().copy() for name, weight in model.state_dict().items()}
        return Checkpoint(
            {
                **prefixed("model", {**weights, "symbols": np.array(alphabet.symbols)}),
                **prefixed("optimizer", optimizer_state(optimizer)),
            },
            {
                "epoch": epoch,
                "reconstruction": reconstruction,
                "accuracy": accuracy,
                "learned": learned,
                "changes": loop.changes(),
            },
        )

    while epoch < config.epochs and not learned:
        if loop.take_checkpoint_request():
            yield make_checkpoint()
        yield from loop.apply_changes(epoch)
        lr = optimizer.param_groups[0]["lr"] = loop.now.lr

        logits, _ = model(inputs, model.init_hidden_cell())
        loss = nn.functional.cross_entropy(logits.squeeze(1), targets)
        check_finite(loss.item(), f"epoch {epoch}", lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        # if all teacher-forced predictions are correct, free-running generation probably is, too
        probably = config.stop_when_learned and bool((logits.squeeze(1).argmax(dim=1) == targets).all())
        due = probably or epoch % GENERATION_INTERVAL == 0 or epoch == config.epochs - 1
        if due or loop.control.verbose:
            reconstruction = generate_text(model, alphabet, max_length=len(sentence) + 10)
            accuracy = char_accuracy(config.sentence, reconstruction)
        learned = config.stop_when_learned and due and accuracy == 1  # must not depend on `verbose`
        yield MemorizeEpoch(epoch, loss.item(), lr, reconstruction, accuracy)
        epoch += 1

    yield make_checkpoint()


def seconds_per_epoch(config: MemorizeConfig) -> float:
    """Measure the seconds per epoch on this machine, on one core: the fastest of three, without text generation."""
    run, times = fit(replace(config, epochs=5)), []
    with threadpool_limits(1):
        next(run)  # may compile, and generates text
        for _ in range(3):
            began = time.thread_time()  # other threads do not count
            next(run)
            times.append(time.thread_time() - began)
    return min(times)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Copy the state of a PyTorch optimizer: "2.exp_avg" belongs to the third parameter."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value.numpy().copy() for i, values in state.items() for name, value in values.items()}


def load_optimizer_state(optimizer: torch.optim.Optimizer, arrays: dict[str, np.ndarray]) -> None:
    """Restore a state copied by `optimizer_state`."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in arrays.items():
        number, name = key.split(".")
        state.setdefault(int(number), {})[name] = torch.tensor(array)  # a copy: steps change it in place
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
