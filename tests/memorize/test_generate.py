"""Going on from a prompt: greedy and drawn, and whether it finds back after a wrong character."""

from collections import Counter

import pytest
import torch

from core.memorize import reconstruct
from core.memorize.generate import go_on, recovery_length, replaced
from core.memorize.predictions import teacher_forced


def test_from_nothing_it_goes_on_as_it_reconstructs(half_learned):
    model, alphabet, _ = half_learned
    assert go_on(model, alphabet, "", 40) == reconstruct(model, alphabet, 40)


@pytest.mark.parametrize("known", [1, 3, 10, 19, 20])
def test_what_was_learned_goes_on_from_any_of_its_beginnings(learned, known):
    model, alphabet, sentence = learned
    symbols = alphabet.encode(sentence)
    prompt, rest = alphabet.decode(symbols[:known]), alphabet.decode(symbols[known:])
    assert go_on(model, alphabet, prompt, 60) == rest


def test_it_stops_after_as_many_characters_as_it_may_say(learned):
    assert go_on(learned.model, learned.alphabet, "", 4) == "to b"
    assert go_on(learned.model, learned.alphabet, "to", 0) == ""


def test_with_a_temperature_the_first_character_is_drawn_from_the_softened_probabilities(half_learned):
    model, alphabet, _ = half_learned
    temperature, draws = 1.5, 800
    sharp = torch.from_numpy(teacher_forced(model, alphabet, "to")[-1])
    expected = (sharp.log() / temperature).softmax(dim=0)
    counts = Counter(go_on(model, alphabet, "to", 1, temperature, seed) for seed in range(draws))
    for number, share in enumerate(expected.tolist()):
        symbol = alphabet.decode([number])
        if number > 1 and share > 0.02:  # START and END are both said as nothing
            spread = (share * (1 - share) / draws) ** 0.5
            assert counts[symbol] / draws == pytest.approx(share, abs=4 * spread), symbol


def test_the_same_seed_draws_the_same_and_others_differ(half_learned):
    model, alphabet, _ = half_learned
    texts = [go_on(model, alphabet, "to", 20, 2.0, seed) for seed in (0, 0, 1, 2)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


def test_a_tiny_temperature_is_greedy(learned):
    model, alphabet, _ = learned
    assert go_on(model, alphabet, "to", 40, 1e-3, seed=5) == go_on(model, alphabet, "to", 40)


def test_an_unknown_character_is_named(learned):
    with pytest.raises(ValueError, match=r"has never seen 'x' '!': it knows only .* 't' 'o'"):
        go_on(learned.model, learned.alphabet, "tox!x", 5)


def test_a_character_is_replaced_as_readers_count():
    assert replaced("a👋🏽b", 1, "x") == "axb"
    assert replaced("axb", 1, "👋🏽") == "a👋🏽b"
    with pytest.raises(IndexError):
        replaced("ab", 2, "x")


@pytest.mark.parametrize(
    ("expected", "said", "after"),
    [
        ("abc", "abc", 0),
        ("abc", "xbc", 1),
        ("abc", "xxabc", 2),
        ("abc", "c", 0),
        ("abc", "ab", None),
        ("abc", "", None),
        ("", "", 0),
        ("", "x", None),
    ],
)
def test_it_has_found_back_where_it_ends_as_the_sentence_does(expected, said, after):
    assert recovery_length(expected, said) == after
