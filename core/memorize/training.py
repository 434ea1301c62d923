"""Training: an LSTM learns to predict, after every character, the next one."""

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
from core.memorize.generate import reconstruct
from core.memorize.lstm import Model
from core.memorize.rnn_variants import CELLS
from core.text import graphemes
from core.training import (
    Change,
    Checkpoint,
    Control,
    changed_fields,
    check_finite,
    checked_weights,
    prefixed,
)

GENERATION_INTERVAL = 20  # each takes as long as several epochs, and nobody reads so many a second


@dataclass(frozen=True)
class MemorizeEpoch:
    """What is known after an epoch.

    epoch: counts from 0. loss: mean cross-entropy a character in nats, before this epoch's step. lr: what the
    step was made with. reconstruction: what the model last gave back, free-running; it is asked every few
    epochs and after the last one. char_accuracy: share of the sentence's characters that are right in it, 0 to 1.
    """

    epoch: int
    loss: float
    lr: float
    reconstruction: str
    char_accuracy: float


Event = MemorizeEpoch | Change


def char_accuracy(sentence: str, reconstruction: str) -> float:
    """Share of positions at which both have the same character, of the longer one's length. 1.0: identical."""
    expected, said = graphemes(sentence), graphemes(reconstruction)
    right = sum(a == b for a, b in zip(expected, said, strict=False))
    return right / max(len(expected), len(said), 1)


def make_model(config: MemorizeConfig) -> Model:
    """The model that the config describes, its weights drawn with its seed; no other randomness is disturbed."""
    size = len(Alphabet(config.sentence))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = Model(size, config.hidden_size, size, config.num_layers, config.backend)
        model.lstm = CELLS[config.cell](model.lstm)
    return model


def load_weights(model: Model, checkpoint: Checkpoint, alphabet: Alphabet) -> None:
    """Give the model a checkpoint's weights; where those learned another sentence, see `translate`.

    Raises ValueError where the weights are another model's.
    """
    fresh = {name: weight.numpy() for name, weight in model.state_dict().items()}
    weights = checkpoint.section("model")
    if "symbols" not in weights:
        raise ValueError("This is no checkpoint of a memorised sentence: it does not say which characters it knows.")
    weights = translate(weights, weights.pop("symbols").tolist(), fresh, alphabet.symbols)
    weights = checked_weights(fresh, Checkpoint(prefixed("model", weights), {}))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def restore_model(config: MemorizeConfig, checkpoint: Checkpoint) -> Model:
    """The model as a run left it. Raises ValueError where the weights are another model's."""
    model = make_model(config)
    load_weights(model, checkpoint, Alphabet(config.sentence))
    return model


def fit(
    config: MemorizeConfig, control: Control | None = None, checkpoint: Checkpoint | None = None
) -> Iterator[Event | Checkpoint]:
    """Train a Model on config.sentence, one event an epoch.

    Teacher forcing: the input at every step is the sentence's right character, whatever the model would have said.
    control: asks for a Checkpoint, and may change the learning rate, noted by a Change. checkpoint: goes on where the
    run that yielded it was; the last thing yielded is a Checkpoint, too.
    Raises TrainingDiverged when the loss is no longer a finite number.
    """
    control = control or Control()
    alphabet = Alphabet(config.sentence)
    model = make_model(config)
    sentence = alphabet.encode(config.sentence)
    inputs = alphabet.one_hot([Alphabet.START, *sentence])  # (seq_len, 1, alphabet)
    targets = torch.tensor([*sentence, Alphabet.END])  # (seq_len,)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)  # one loop over all weights, not a dozen
    epoch, reconstruction, accuracy, now = 0, "", 0.0, config
    if checkpoint:
        load_weights(model, checkpoint, alphabet)
    if checkpoint and checkpoint.metadata:
        load_optimizer_state(optimizer, checkpoint.section("optimizer"))
        epoch, reconstruction, accuracy = (
            checkpoint.metadata[name] for name in ("epoch", "reconstruction", "accuracy")
        )
        control.changes = {**checkpoint.metadata["changes"], **control.changes}
        now = replace(config, **checkpoint.metadata["changes"])

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
                "changes": changed_fields(config, now),
            },
        )

    while epoch < config.epochs:
        if control.checkpoint_requested:
            control.checkpoint_requested = False
            yield make_checkpoint()
        before, now = now, control.apply(config)
        for name, value in changed_fields(before, now).items():
            yield Change(epoch, name, value)
        optimizer.param_groups[0]["lr"] = now.lr

        logits, _ = model(inputs, model.init_hidden_cell())
        loss = nn.functional.cross_entropy(logits.squeeze(1), targets)
        check_finite(loss.item(), f"epoch {epoch}", now.lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        # whoever expects the right character everywhere says the sentence by itself, too
        known = config.stop_when_learned and bool((logits.squeeze(1).argmax(dim=1) == targets).all())
        due = epoch % GENERATION_INTERVAL == 0 or epoch == config.epochs - 1
        if due or known or control.verbose:
            reconstruction = reconstruct(model, alphabet, len(sentence) + 10)
            accuracy = char_accuracy(config.sentence, reconstruction)
        yield MemorizeEpoch(epoch, loss.item(), now.lr, reconstruction, accuracy)
        epoch += 1
        if config.stop_when_learned and accuracy == 1:
            break

    yield make_checkpoint()


def seconds_per_epoch(config: MemorizeConfig) -> float:
    """How long an epoch of such a run takes here, on one core: the fastest of three, reconstruction left out."""
    run, times = fit(replace(config, epochs=5)), []
    with threadpool_limits(1):
        next(run)  # which may have to wait for the compiler, and reconstructs
        for _ in range(3):
            began = time.thread_time()  # what others make the core do meanwhile does not count
            next(run)
            times.append(time.thread_time() - began)
    return min(times)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """A copy of what PyTorch's optimiser takes from one step into the next: "2.exp_avg" is of the third parameter."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value.numpy().copy() for i, values in state.items() for name, value in values.items()}


def load_optimizer_state(optimizer: torch.optim.Optimizer, arrays: dict[str, np.ndarray]) -> None:
    """Give the optimiser what `optimizer_state` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in arrays.items():
        number, name = key.split(".")
        state.setdefault(int(number), {})[name] = torch.tensor(array)  # a copy: steps change it in place
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
