"""Predictions, compared with PyTorch's LSTM and with the generated text that training shows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.memorize import Alphabet, generate_text
from core.memorize.predictions import (
    Mistake,
    context_length,
    correct_characters,
    first_mistake,
    free_running,
    teacher_forced,
    top,
)
from core.text import graphemes


def torch_probabilities(trained, token_ids: list[int]) -> np.ndarray:
    """Compute the probabilities with torch.nn.LSTM and the same weights."""
    model, alphabet, _ = trained
    lstm = torch.nn.LSTM(len(alphabet), model.lstm.hidden_size, model.lstm.num_layers)
    for layer, cell in enumerate(model.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    with torch.no_grad():
        hidden, _ = lstm(torch.eye(len(alphabet))[token_ids].unsqueeze(1))
        return model.linear(hidden.squeeze(1)).softmax(dim=1).numpy()


def test_teacher_forced_probabilities_equal_those_of_pytorch_s_lstm(half_trained):
    model, alphabet, sentence = half_trained
    probabilities = teacher_forced(model, alphabet, sentence)
    assert probabilities.shape == (21, len(alphabet))
    expected = torch_probabilities(half_trained, [Alphabet.START, *alphabet.encode(sentence)])
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("limit", [1, 5, 60])
def test_free_running_gives_the_generated_text_and_its_probabilities(half_trained, limit):
    model, alphabet, _ = half_trained
    token_ids, probabilities = free_running(model, alphabet, limit)
    assert alphabet.decode(token_ids) == generate_text(model, alphabet, max_length=limit)
    assert len(token_ids) == len(probabilities) <= limit
    assert token_ids == probabilities.argmax(axis=1).tolist()
    expected = torch_probabilities(half_trained, [Alphabet.START, *token_ids[:-1]])
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_free_running_ends_with_the_end_token_after_a_learned_sentence(trained):
    token_ids, _ = free_running(trained.model, trained.alphabet, 100)
    assert token_ids[-1] == Alphabet.END
    assert trained.alphabet.decode(token_ids) == trained.sentence


def test_top_gives_the_most_likely_tokens_in_order():
    token_ids, probabilities = top(np.array([[0.1, 0.2, 0.4, 0.3], [0.7, 0.1, 0.1, 0.1]]), count=3)
    assert token_ids.tolist() == [[2, 3, 1], [0, 1, 2]]
    assert probabilities.tolist() == [[0.4, 0.3, 0.2], [0.7, 0.1, 0.1]]
    assert top(np.array([[0.5, 0.5]]))[0].shape == (1, 2), "an alphabet may have fewer than five"


@pytest.mark.parametrize(
    ("sentence", "generated", "mistake"),
    [
        ("abc", "abc", None),
        ("abc", "abx", Mistake(2, "c", "x", None, "")),
        ("abc", "ab", Mistake(2, "c", "", None, "")),
        ("abc", "abcabc", Mistake(3, "", "a", None, "")),
        # "the " is followed by "c" first, then by "d": "c" was generated twice
        ("the cat the dog", "the cat the cat", Mistake(12, "d", "c", 4, "the ")),
        # the longest shared past counts: "xab" before "c" at 3, only "b" before "c" at 6
        ("xabc-bc-xabd", "xabc-bc-xabc", Mistake(11, "d", "c", 3, "xab")),
        # it stopped as if at the end
        ("no no", "no", Mistake(2, " ", "", 5, "no")),
        ("👋🏽a👋🏽b", "👋🏽a👋🏽a", Mistake(3, "b", "a", 1, "👋🏽")),
    ],
)
def test_the_first_mistake_and_the_position_it_was_confused_with(sentence, generated, mistake):
    assert first_mistake(sentence, generated) == mistake


@pytest.mark.parametrize(
    ("sentence", "generated", "correct"),
    [
        ("abc", "abc", 3),
        ("abc", "abcabcabc", 3),
        ("abc", "a", 1),
        ("abc", "xabc", 0),
        ("👋🏽a", "👋🏽b", 1),
        ("a", "", 0),
    ],
)
def test_correct_characters_are_counted_out_of_the_sentence(sentence, generated, correct):
    assert correct_characters(sentence, generated) == correct <= len(sentence)


def context_length_by_definition(sentence: str) -> int:
    """Return the smallest n for which equal last n characters (START counts) have equal successors."""
    read = ["START", *graphemes(sentence)]
    following = [*read[1:], "END"]
    for length in range(len(read) + 1):
        successors: dict = {}
        for at in range(len(read)):
            successors.setdefault(tuple(read[max(0, at + 1 - length) : at + 1]), set()).add(following[at])
        if all(len(each) == 1 for each in successors.values()):
            return length
    raise AssertionError("the whole past always determines the next character")


@given(st.text("ab👋🏽", min_size=1, max_size=12))
def test_context_length_follows_its_definition(sentence):
    assert context_length(sentence) == context_length_by_definition(sentence)


def test_a_repeated_letter_and_a_bracket_need_a_long_context():
    assert context_length("abc") == 1
    assert context_length("a" * 20) == 20
    assert context_length("(12345)[12345]") == 6
