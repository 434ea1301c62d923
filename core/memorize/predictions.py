"""Predictions of the next character, teacher-forced and free-running, and the first mistake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.memorize.alphabet import Alphabet
from core.memorize.generate import generate
from core.memorize.lstm import Model
from core.text import graphemes


@torch.no_grad()
def teacher_forced(model: Model, alphabet: Alphabet, sentence: str) -> np.ndarray:
    """Return the probabilities (characters + 1, alphabet) of the next token after START and each correct character."""
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)])
    logits, _ = model(inputs, model.init_hidden_cell())
    return logits.squeeze(1).softmax(dim=-1).numpy()


def free_running(model: Model, alphabet: Alphabet, max_length: int) -> tuple[list[int], np.ndarray]:
    """Generate greedily and return the token ids and the probabilities (tokens, alphabet) they were chosen from.

    If END was generated, it is the last token id.
    """
    steps = list(generate(model, alphabet, max_length=max_length))
    return [token_id for token_id, _ in steps], np.array([probabilities.numpy() for _, probabilities in steps])


def top(probabilities: np.ndarray, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's most likely token ids, best first, and their probabilities; (rows, at most count) each."""
    token_ids = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return token_ids, np.take_along_axis(probabilities, token_ids, axis=1)


def correct_characters(sentence: str, generated: str) -> int:
    """Return how many characters of the sentence were generated at their place."""
    return sum(a == b for a, b in zip(graphemes(sentence), graphemes(generated), strict=False))


@dataclass(frozen=True)
class Mistake:
    """Where free-running generation first leaves the sentence.

    Attributes:
        position: index of the character, from 0.
        expected: the correct character; "" is the end of the sentence.
        generated: the character generated instead; "" is the end of the text.
        similar: index of the position it was probably confused with, where `generated` is correct and the same
            characters come before; None if there is no such position.
        shared: the characters before both positions.
    """

    position: int
    expected: str
    generated: str
    similar: int | None
    shared: str


def first_mistake(sentence: str, generated: str) -> Mistake | None:
    """Return the first position at which the texts differ, and the one it was probably confused with.

    Among the positions where the wrong character would be correct, that is the one with the longest shared past.
    Returns None if the texts are equal.
    """
    expected, got = [*graphemes(sentence), ""], [*graphemes(generated), ""]
    position = next((at for at, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), None)
    if position is None:
        return None

    def shared_length(at: int) -> int:
        """Return how many characters before `at` equal those before the mistake."""
        length = 0
        while length < min(at, position) and expected[at - 1 - length] == expected[position - 1 - length]:
            length += 1
        return length

    candidates = [at for at, character in enumerate(expected) if character == got[position] and shared_length(at)]
    similar = max(candidates, key=shared_length, default=None)
    shared = "" if similar is None else "".join(expected[position - shared_length(similar) : position])
    return Mistake(position, expected[position], got[position], similar, shared)


def context_length(sentence: str) -> int:
    """Return how many of the last characters are needed, at most, to know the next one for certain.

    Two positions that are followed by different characters must differ within that many characters before them. The
    start counts as a character.
    """
    characters = ["", *graphemes(sentence)]  # "": START
    ids = np.unique(characters, return_inverse=True)[1]
    following = np.append(ids[1:], -1)  # -1: END
    shared = np.zeros(len(ids), dtype=int)  # characters up to each position that equal those up to position `at`
    longest = 0
    for at in range(len(ids)):
        shared = np.where(ids == ids[at], np.append(0, shared[:-1]) + 1, 0)
        shared[at:] = 0  # each pair once
        longest = max(longest, int(shared[following != following[at]].max(initial=-1)) + 1)
    return longest
