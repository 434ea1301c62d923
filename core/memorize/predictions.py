"""What the model expects at every character: led by the right sentence, and left to itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.memorize.alphabet import Alphabet
from core.memorize.lstm import Model
from core.text import graphemes


@torch.no_grad()
def teacher_forced(model: Model, alphabet: Alphabet, sentence: str) -> np.ndarray:
    """Probabilities (characters + 1, alphabet) of what comes next, after START and then each right character."""
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)])
    logits, _ = model(inputs, model.init_hidden_cell())
    return logits.squeeze(1).softmax(dim=-1).numpy()


@torch.no_grad()
def free_running(model: Model, alphabet: Alphabet, max_characters: int) -> tuple[list[int], np.ndarray]:
    """Each most probable character is the next input: what is said, and the probabilities it was chosen by.

    Returns the numbers (END is the last one, where it came) and the probabilities (as many, alphabet).
    """
    state, number = model.init_hidden_cell(), Alphabet.START
    said, probabilities = [], []
    while len(said) < max_characters and number != Alphabet.END:
        logits, state = model(alphabet.one_hot([number]), state)
        number = int(logits.argmax())
        said.append(number)
        probabilities.append(logits.flatten().softmax(dim=0).numpy())
    return said, np.array(probabilities)


def top(probabilities: np.ndarray, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """The most probable numbers of each row, best first, and their probabilities; (rows, at most count) each."""
    numbers = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return numbers, np.take_along_axis(probabilities, numbers, axis=1)


@dataclass(frozen=True)
class Mistake:
    """Where free-running first leaves the sentence.

    position: of the character, from 0. expected, said: what should come and what came; "" is the sentence's end.
    alike: another position that `said` is right for, where the same characters come before; None where there is none.
    shared: those characters.
    """

    position: int
    expected: str
    said: str
    alike: int | None
    shared: str


def first_mistake(sentence: str, said: str) -> Mistake | None:
    """The first position at which both differ, and the place it was probably confused with; None: they are equal.

    That place is the one of the sentence that `said` would be right for and whose past is the same for longest.
    """
    expected, got = [*graphemes(sentence), ""], [*graphemes(said), ""]
    position = next((at for at, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), None)
    if position is None:
        return None

    def shared(at: int) -> int:
        """How many characters before `at` are those before the mistake."""
        length = 0
        while length < min(at, position) and expected[at - 1 - length] == expected[position - 1 - length]:
            length += 1
        return length

    places = [at for at, character in enumerate(expected) if character == got[position] and shared(at)]
    alike = max(places, key=shared, default=None)
    past = "" if alike is None else "".join(expected[position - shared(alike) : position])
    return Mistake(position, expected[position], got[position], alike, past)
