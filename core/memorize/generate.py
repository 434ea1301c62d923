"""Generating text from a model, character by character."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from core.memorize.alphabet import Alphabet
from core.memorize.config import MAX_CHARACTERS
from core.memorize.lstm import Model
from core.text import graphemes


@torch.no_grad()
def generate(
    model: Model,
    alphabet: Alphabet,
    prompt: str = "",
    max_length: int = MAX_CHARACTERS,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[int, Tensor]]:
    """Continue `prompt`: each generated character is fed back as the next input (free-running generation).

    Yields (token id, probabilities (alphabet,) that it was chosen from). Stops after END or `max_length` tokens.
    temperature: 0 chooses the most likely token; above 0, a token is drawn from softmax(logits / temperature).
    seed: for drawing. Raises ValueError if the prompt contains characters that the model does not know.
    """
    check_known(alphabet, prompt)
    device = model.linear.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    one_hot = alphabet.one_hot(list(range(len(alphabet)))).to(device)  # (alphabet, 1, alphabet), built once: faster
    token_ids, state = [Alphabet.START, *alphabet.encode(prompt)], model.init_hidden_cell()
    for _ in range(max_length):
        logits, state = model(one_hot[token_ids], state)  # (seq_len, 1, alphabet)
        scores = logits[-1, 0]  # (alphabet,)
        if temperature > 0:
            probabilities = (scores / temperature).softmax(dim=0)
            token_id = int(torch.multinomial(probabilities, 1, generator=generator))
        else:
            probabilities = scores.softmax(dim=0)
            token_id = int(scores.argmax())
        yield token_id, probabilities
        if token_id == Alphabet.END:
            break
        token_ids = [token_id]


def generate_text(
    model: Model,
    alphabet: Alphabet,
    prompt: str = "",
    max_length: int = MAX_CHARACTERS,
    temperature: float = 0.0,
    seed: int = 0,
) -> str:
    """Return the text that `generate` yields after the prompt. Arguments and errors are the same."""
    steps = generate(model, alphabet, prompt, max_length, temperature, seed)
    return alphabet.decode([token_id for token_id, _ in steps])


def check_known(alphabet: Alphabet, text: str) -> None:
    """Raise ValueError if `text` contains characters that are not in the alphabet."""
    unknown = list(dict.fromkeys(symbol for symbol in graphemes(text) if symbol not in alphabet.token_ids))
    if unknown:
        raise ValueError(
            f"The network has never seen {' '.join(map(repr, unknown))}. It knows only the characters of its sentence: "
            f"{' '.join(map(repr, alphabet.symbols))}."
        )


def replace_character(text: str, position: int, character: str) -> str:
    """Return the text with another character at `position`, counted from 0. Raises IndexError beyond its end."""
    parts = graphemes(text)
    parts[position] = character
    return "".join(parts)


@dataclass(frozen=True)
class Recovery:
    """How a text that was generated after a wrong character differs from the expected one.

    Attributes:
        length: characters until the expected text is recovered: 0 if none is wrong, None if it never is.
        different: how many of these characters are wrong.
        shift: how many places later than expected the rest follows; negative: earlier.
    """

    length: int | None
    different: int
    shift: int


def recovery(expected: str, generated: str) -> Recovery:
    """Compare a generated text with the expected one. It has recovered if it ends as the expected text does."""
    wanted, got = graphemes(expected), graphemes(generated)
    same = 0
    while same < min(len(wanted), len(got)) and wanted[-1 - same] == got[-1 - same]:
        same += 1
    never = same == 0 and bool(wanted or got)
    length = len(got) - same
    different = sum(a != b for a, b in zip_longest(wanted[:length], got[:length]))
    return Recovery(None if never else length, different, 0 if never else len(got) - len(wanted))
