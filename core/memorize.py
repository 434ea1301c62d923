"""Memorising a sentence: an LSTM learns to say, after every character, which one comes next."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import regex
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from core.cells import CELLS
from core.lstm import BACKENDS, Model
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
from core.transfer import translate

REPORT_SENTENCE = "hello pytorch, how long can a rnn cell remember? show me your limit!"
MAX_CHARACTERS = 2_000
MAX_PARTS = 8 * MAX_CHARACTERS  # code points; one character may be a whole family of emoji
EPOCHS_BETWEEN_RECONSTRUCTIONS = 20  # each takes as long as several epochs, and nobody reads so many a second


@dataclass(frozen=True)
class MemorizeConfig:
    """All that determines a run; the same config gives the same curve.

    sentence: 1 to 2,000 characters. hidden_size: units a layer. lr: Adam's learning rate.
    epochs: how often the whole sentence is seen, one step of the optimiser each. cell: what stands in the LSTM's place,
    one of CELLS. until_known: end as soon as the whole sentence comes back. backend: who finds MyLSTM's gradients.
    Raises ValueError with a sentence for a student where a field is wrong.
    """

    sentence: str = REPORT_SENTENCE
    hidden_size: int = 64
    num_layers: int = 2
    lr: float = 0.01
    epochs: int = 300
    seed: int = 0
    cell: str = "MyLSTM"
    until_known: bool = False
    backend: str = "bptt"

    def __post_init__(self):
        check_sentence(self.sentence)
        check_range("The hidden size", self.hidden_size, 1, 512, whole=True)
        check_range("The number of layers", self.num_layers, 1, 6, whole=True)
        check_range("The learning rate", self.lr, 1e-6, 10)
        check_range("The number of epochs", self.epochs, 1, 5_000, whole=True)
        check_range("The seed", self.seed, 0, 2**31 - 1, whole=True)
        if self.cell not in CELLS:
            raise ValueError(f"The cell must be one of {', '.join(CELLS)}, but it is {self.cell!r}.")
        if self.backend not in BACKENDS:
            raise ValueError(f"The backend must be one of {', '.join(BACKENDS)}, but it is {self.backend!r}.")


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


def characters(text: str) -> list[str]:
    """The characters as a reader counts them: an emoji with its skin tone or a letter with its accents is one.

    They are Unicode's extended grapheme clusters (UAX #29).
    """
    return regex.findall(r"\X", text)


def check_sentence(sentence: str) -> None:
    """Raise ValueError with a sentence for a student unless `sentence` can be memorised."""
    nothing = "There is nothing to memorise yet: type a sentence with at least one visible character."
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError(nothing)
    for unit, length, limit in (
        ("characters", len(characters(sentence)), MAX_CHARACTERS),
        ("letters, accents and parts of emoji", len(sentence), MAX_PARTS),
    ):
        if length > limit:
            raise ValueError(
                f"The sentence has {length:,} {unit} and at most {limit:,} are allowed: please shorten it."
            )
    for position, character in enumerate(characters(sentence), start=1):
        for symbol in character:
            if unicodedata.category(symbol) in ("Cc", "Cs") and symbol not in "\n\t":
                raise ValueError(
                    f"Character {position} is an invisible control character (U+{ord(symbol):04X}), which cannot be "
                    "shown: please delete it. Letters, signs, emoji, spaces and line breaks are all fine."
                )
    if all(unicodedata.category(symbol)[0] in "ZC" for symbol in sentence):  # spaces, joiners, marks of direction
        raise ValueError(nothing)


class Alphabet:
    """The sentence's own characters, each with a number, after two tokens: START (0) and END (1)."""

    START, END = 0, 1

    def __init__(self, sentence: str):
        self.symbols = list(dict.fromkeys(characters(sentence)))
        self.numbers = {symbol: number for number, symbol in enumerate(self.symbols, start=2)}

    def __len__(self) -> int:
        return len(self.symbols) + 2

    def encode(self, sentence: str) -> list[int]:
        """The numbers of the sentence's characters. Raises KeyError for one that is not in the alphabet."""
        return [self.numbers[symbol] for symbol in characters(sentence)]

    def decode(self, numbers: list[int]) -> str:
        """The characters with these numbers, tokens left out."""
        return "".join(self.symbols[number - 2] for number in numbers if number > Alphabet.END)

    def one_hot(self, numbers: list[int]) -> torch.Tensor:
        """(seq_len, 1, alphabet): a 1 at each character's number, 0 elsewhere."""
        return nn.functional.one_hot(torch.tensor(numbers), len(self)).float().unsqueeze(1)


@torch.no_grad()
def reconstruct(model: Model, alphabet: Alphabet, max_characters: int) -> str:
    """What the model says by itself (free-running): from START, each most probable character is the next input.

    It ends with the END token, or after max_characters.
    """
    state, number, said = model.init_hidden_cell(), Alphabet.START, []
    for _ in range(max_characters):
        logits, state = model(alphabet.one_hot([number]).to(state[0].device), state)
        number = int(logits.argmax())
        if number == Alphabet.END:
            break
        said.append(number)
    return alphabet.decode(said)


def char_accuracy(sentence: str, reconstruction: str) -> float:
    """Share of positions at which both have the same character, of the longer one's length. 1.0: identical."""
    expected, said = characters(sentence), characters(reconstruction)
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
    weights = checkpoint.part("model")
    if "symbols" not in weights:
        raise ValueError("This is no checkpoint of a memorised sentence: it does not say which characters it knows.")
    weights = translate(weights, weights.pop("symbols").tolist(), fresh, alphabet.symbols)
    weights = weights_for(fresh, Checkpoint(named("model", weights), {}))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def model_of(config: MemorizeConfig, checkpoint: Checkpoint) -> Model:
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
    if checkpoint and checkpoint.facts:
        load_memory(optimizer, checkpoint.part("optimizer"))
        epoch, reconstruction, accuracy = (checkpoint.facts[name] for name in ("epoch", "reconstruction", "accuracy"))
        control.changes = {**checkpoint.facts["changes"], **control.changes}
        now = replace(config, **checkpoint.facts["changes"])

    def make_checkpoint() -> Checkpoint:
        weights = {name: weight.numpy().copy() for name, weight in model.state_dict().items()}
        return Checkpoint(
            {
                **named("model", {**weights, "symbols": np.array(alphabet.symbols)}),
                **named("optimizer", memory(optimizer)),
            },
            {
                "epoch": epoch,
                "reconstruction": reconstruction,
                "accuracy": accuracy,
                "changes": differences(config, now),
            },
        )

    while epoch < config.epochs:
        if control.checkpoint_wanted:
            control.checkpoint_wanted = False
            yield make_checkpoint()
        before, now = now, control.apply(config)
        for name, value in differences(before, now).items():
            yield Change(epoch, name, value)
        optimizer.param_groups[0]["lr"] = now.lr

        logits, _ = model(inputs, model.init_hidden_cell())
        loss = nn.functional.cross_entropy(logits.squeeze(1), targets)
        check_finite(loss.item(), f"epoch {epoch}", now.lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        # whoever expects the right character everywhere says the sentence by itself, too
        known = config.until_known and bool((logits.squeeze(1).argmax(dim=1) == targets).all())
        due = epoch % EPOCHS_BETWEEN_RECONSTRUCTIONS == 0 or epoch == config.epochs - 1
        if due or known or control.watched:
            reconstruction = reconstruct(model, alphabet, len(sentence) + 10)
            accuracy = char_accuracy(config.sentence, reconstruction)
        yield MemorizeEpoch(epoch, loss.item(), now.lr, reconstruction, accuracy)
        epoch += 1
        if config.until_known and accuracy == 1:
            break

    yield make_checkpoint()


def seconds_an_epoch(config: MemorizeConfig) -> float:
    """How long an epoch of such a run takes here, on one core: the fastest of three, reconstruction left out."""
    run, times = fit(replace(config, epochs=5)), []
    with threadpool_limits(1):
        next(run)  # which may have to wait for the compiler, and reconstructs
        for _ in range(3):
            began = time.thread_time()  # what others make the core do meanwhile does not count
            next(run)
            times.append(time.thread_time() - began)
    return min(times)


def memory(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """A copy of what PyTorch's optimiser takes from one step into the next: "2.exp_avg" is of the third parameter."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value.numpy().copy() for i, values in state.items() for name, value in values.items()}


def load_memory(optimizer: torch.optim.Optimizer, arrays: dict[str, np.ndarray]) -> None:
    """Give the optimiser what `memory` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in arrays.items():
        number, name = key.split(".")
        state.setdefault(int(number), {})[name] = torch.tensor(array)  # a copy: steps change it in place
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
