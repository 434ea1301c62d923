"""The alphabet of a sentence: characters to token ids and back."""

from __future__ import annotations

import torch
from torch import nn

from core.text import graphemes


class Alphabet:
    """The sentence's own characters, each with a number, after two tokens: START (0) and END (1)."""

    START, END = 0, 1

    def __init__(self, sentence: str):
        self.symbols = list(dict.fromkeys(graphemes(sentence)))
        self.numbers = {symbol: number for number, symbol in enumerate(self.symbols, start=2)}

    def __len__(self) -> int:
        return len(self.symbols) + 2

    def encode(self, sentence: str) -> list[int]:
        """The numbers of the sentence's characters. Raises KeyError for one that is not in the alphabet."""
        return [self.numbers[symbol] for symbol in graphemes(sentence)]

    def decode(self, numbers: list[int]) -> str:
        """The characters with these numbers, tokens left out."""
        return "".join(self.symbols[number - 2] for number in numbers if number > Alphabet.END)

    def one_hot(self, numbers: list[int]) -> torch.Tensor:
        """(seq_len, 1, alphabet): a 1 at each character's number, 0 elsewhere."""
        return nn.functional.one_hot(torch.tensor(numbers), len(self)).float().unsqueeze(1)
