"""The alphabet of a sentence: characters to token ids and back."""

from __future__ import annotations

import torch
from torch import nn

from core.text import graphemes


class Alphabet:
    """The different characters of a sentence, each with a token id, after two special tokens.

    Attributes:
        START, END: ids of the tokens before the first and after the last character (0 and 1).
        symbols: the characters, in order of first appearance.
        token_ids: id of every character; the first one has id 2.
    """

    START, END = 0, 1

    def __init__(self, sentence: str):
        self.symbols = list(dict.fromkeys(graphemes(sentence)))
        self.token_ids = {symbol: token_id for token_id, symbol in enumerate(self.symbols, start=2)}

    def __len__(self) -> int:
        return len(self.symbols) + 2

    def encode(self, sentence: str) -> list[int]:
        """Return the token ids of the sentence's characters. Raises KeyError for a character not in the alphabet."""
        return [self.token_ids[symbol] for symbol in graphemes(sentence)]

    def decode(self, token_ids: list[int]) -> str:
        """Return the text with these token ids, without START and END."""
        return "".join(self.symbols[token_id - 2] for token_id in token_ids if token_id > Alphabet.END)

    def one_hot(self, token_ids: list[int]) -> torch.Tensor:
        """Return (seq_len, 1, alphabet): a 1 at each character's token id, 0 elsewhere."""
        return nn.functional.one_hot(torch.tensor(token_ids), len(self)).float().unsqueeze(1)
