"""Generating text from a model."""

from __future__ import annotations

import torch

from core.memorize.alphabet import Alphabet
from core.memorize.lstm import Model
from core.text import graphemes


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


@torch.no_grad()
def go_on(
    model: Model, alphabet: Alphabet, prompt: str, max_characters: int, temperature: float = 0.0, seed: int = 0
) -> str:
    """What the model says after it has read `prompt`, until END or for max_characters.

    temperature 0: always the most probable character. Above: drawn from softmax(logits / temperature), by `seed`.
    Raises ValueError, with a sentence for a student, for a character that the model has never seen.
    """
    check_known(alphabet, prompt)
    generator = torch.Generator().manual_seed(seed)
    logits, state = model(alphabet.one_hot([Alphabet.START, *alphabet.encode(prompt)]), model.init_hidden_cell())
    said: list[int] = []
    while len(said) < max_characters:
        scores = logits[-1, 0]
        if temperature > 0:
            number = int(torch.multinomial((scores / temperature).softmax(dim=0), 1, generator=generator))
        else:
            number = int(scores.argmax())
        if number == Alphabet.END:
            break
        said.append(number)
        logits, state = model(alphabet.one_hot([number]), state)
    return alphabet.decode(said)


def check_known(alphabet: Alphabet, text: str) -> None:
    """Raise ValueError with a sentence for a student where `text` has characters that the model does not know."""
    unknown = list(dict.fromkeys(symbol for symbol in graphemes(text) if symbol not in alphabet.numbers))
    if unknown:
        raise ValueError(
            f"The network has never seen {' '.join(map(repr, unknown))}: it knows only its own sentence's characters, "
            f"{' '.join(map(repr, alphabet.symbols))}."
        )


def replaced(prompt: str, position: int, character: str) -> str:
    """The prompt with another character at `position`, counted from 0. Raises IndexError where there is none."""
    parts = graphemes(prompt)
    parts[position] = character
    return "".join(parts)


def recovery_length(expected: str, said: str) -> int | None:
    """After how many characters `said` is the sentence again, up to its end; None: never. 0: it was never off.

    It may be behind or ahead by then: what counts is that it ends as `expected` does.
    """
    right, got = graphemes(expected), graphemes(said)
    same = 0
    while same < min(len(right), len(got)) and right[-1 - same] == got[-1 - same]:
        same += 1
    return None if same == 0 and (right or got) else len(got) - same
