"""What is expected next: against PyTorch's own LSTM, and against the reconstruction that training shows."""

import numpy as np
import pytest
import torch

from core.memorize import Alphabet, reconstruct
from core.memorize.predictions import Mistake, first_mistake, free_running, teacher_forced, top


def torch_probabilities(learned, numbers: list[int]) -> np.ndarray:
    """The same by torch.nn.LSTM with the same weights."""
    model, alphabet, _ = learned
    lstm = torch.nn.LSTM(len(alphabet), model.lstm.hidden_size, model.lstm.num_layers)
    for layer, cell in enumerate(model.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    with torch.no_grad():
        hidden, _ = lstm(torch.eye(len(alphabet))[numbers].unsqueeze(1))
        return model.linear(hidden.squeeze(1)).softmax(dim=1).numpy()


def test_teacher_forced_probabilities_are_those_of_pytorch_s_lstm(half_learned):
    model, alphabet, sentence = half_learned
    probabilities = teacher_forced(model, alphabet, sentence)
    assert probabilities.shape == (21, len(alphabet))
    expected = torch_probabilities(half_learned, [Alphabet.START, *alphabet.encode(sentence)])
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("limit", [1, 5, 60])
def test_free_running_says_what_reconstruction_says_and_why(half_learned, limit):
    model, alphabet, _ = half_learned
    said, probabilities = free_running(model, alphabet, limit)
    assert alphabet.decode(said) == reconstruct(model, alphabet, limit)
    assert len(said) == len(probabilities) <= limit
    assert said == probabilities.argmax(axis=1).tolist()
    expected = torch_probabilities(half_learned, [Alphabet.START, *said[:-1]])
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_free_running_ends_with_the_end_token_of_what_it_has_learned(learned):
    said, _ = free_running(learned.model, learned.alphabet, 100)
    assert said[-1] == Alphabet.END
    assert learned.alphabet.decode(said) == learned.sentence


def test_the_top_are_the_most_probable_in_order():
    numbers, shares = top(np.array([[0.1, 0.2, 0.4, 0.3], [0.7, 0.1, 0.1, 0.1]]), count=3)
    assert numbers.tolist() == [[2, 3, 1], [0, 1, 2]]
    assert shares.tolist() == [[0.4, 0.3, 0.2], [0.7, 0.1, 0.1]]
    assert top(np.array([[0.5, 0.5]]))[0].shape == (1, 2), "an alphabet may have fewer than five"


@pytest.mark.parametrize(
    ("sentence", "said", "mistake"),
    [
        ("abc", "abc", None),
        ("abc", "abx", Mistake(2, "c", "x", None, "")),
        ("abc", "ab", Mistake(2, "c", "", None, "")),
        ("abc", "abcabc", Mistake(3, "", "a", None, "")),
        # after "the" came " c" first, then " d": it said " c" again
        ("the cat the dog", "the cat the cat", Mistake(12, "d", "c", 4, "the ")),
        # the longest shared past counts: "xab" before "c" at 3, only "b" before "c" at 6
        ("xabc-bc-xabd", "xabc-bc-xabc", Mistake(11, "d", "c", 3, "xab")),
        # it stopped as if it were at the end
        ("no no", "no", Mistake(2, " ", "", 5, "no")),
        ("👋🏽a👋🏽b", "👋🏽a👋🏽a", Mistake(3, "b", "a", 1, "👋🏽")),
    ],
)
def test_the_first_mistake_and_the_place_it_was_confused_with(sentence, said, mistake):
    assert first_mistake(sentence, said) == mistake
