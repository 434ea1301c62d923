"""Generating text: greedy, sampled, from a prompt, and after a wrong character."""

from collections import Counter

import pytest
import torch

from core.memorize import Alphabet
from core.memorize.generate import Recovery, generate, generate_text, recovery, replace_character
from core.memorize.predictions import teacher_forced


def test_without_a_prompt_each_generated_character_is_the_next_input(half_trained):
    model, alphabet, _ = half_trained
    token_id, state, expected = Alphabet.START, model.init_hidden_cell(), []
    with torch.no_grad():
        while len(expected) < 40 and token_id != Alphabet.END:
            logits, state = model(alphabet.one_hot([token_id]), state)
            token_id = int(logits.argmax())
            expected.append(token_id)
    assert generate_text(model, alphabet, max_length=40) == alphabet.decode(expected)
    assert [token_id for token_id, _ in generate(model, alphabet, max_length=40)] == expected


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
def test_every_token_comes_with_the_probabilities_that_it_was_chosen_from(half_trained, temperature):
    model, alphabet, _ = half_trained
    steps = list(generate(model, alphabet, "to", 20, temperature, seed=4))
    prompt = alphabet.encode("to")
    inputs = alphabet.one_hot([Alphabet.START, *prompt, *(token_id for token_id, _ in steps[:-1])])
    with torch.no_grad():
        logits, _ = model(inputs, model.init_hidden_cell())
    expected = (logits[len(prompt) :, 0] / (temperature or 1)).softmax(dim=-1)
    torch.testing.assert_close(torch.stack([probabilities for _, probabilities in steps]), expected, atol=1e-5, rtol=0)
    if temperature == 0:
        assert [token_id for token_id, _ in steps] == expected.argmax(dim=-1).tolist()


def test_generation_is_lazy_and_builds_no_graph(trained):
    steps = generate(trained.model, trained.alphabet)
    token_id, probabilities = next(steps)
    assert trained.alphabet.decode([token_id]) == "t"
    assert not probabilities.requires_grad
    assert torch.is_grad_enabled()
    steps.close()


@pytest.mark.parametrize("known", [1, 3, 10, 19, 20])
def test_a_learned_sentence_is_continued_from_any_of_its_beginnings(trained, known):
    model, alphabet, sentence = trained
    symbols = alphabet.encode(sentence)
    prompt, rest = alphabet.decode(symbols[:known]), alphabet.decode(symbols[known:])
    assert generate_text(model, alphabet, prompt, 60) == rest


def test_generation_stops_after_max_length_characters(trained):
    assert generate_text(trained.model, trained.alphabet, "", 4) == "to b"
    assert generate_text(trained.model, trained.alphabet, "to", 0) == ""


@pytest.mark.slow
def test_with_a_temperature_the_first_character_is_sampled_from_the_scaled_probabilities(half_trained):
    model, alphabet, _ = half_trained
    temperature, draws = 1.5, 800
    sharp = torch.from_numpy(teacher_forced(model, alphabet, "to")[-1])
    expected = (sharp.log() / temperature).softmax(dim=0)
    counts = Counter(generate_text(model, alphabet, "to", 1, temperature, seed) for seed in range(draws))
    for token_id, probability in enumerate(expected.tolist()):
        symbol = alphabet.decode([token_id])
        if token_id > 1 and probability > 0.02:  # START and END decode to nothing
            spread = (probability * (1 - probability) / draws) ** 0.5
            assert counts[symbol] / draws == pytest.approx(probability, abs=4 * spread), symbol


def test_the_same_seed_draws_the_same_text_and_other_seeds_differ(half_trained):
    model, alphabet, _ = half_trained
    texts = [generate_text(model, alphabet, "to", 20, 2.0, seed) for seed in (0, 0, 1, 2)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


def test_a_tiny_temperature_is_greedy(trained):
    model, alphabet, _ = trained
    assert generate_text(model, alphabet, "to", 40, 1e-3, seed=5) == generate_text(model, alphabet, "to", 40)


def test_an_unknown_character_is_named(trained):
    with pytest.raises(ValueError, match=r"has never seen 'x' '!'\. It knows only .*: 't' 'o'"):
        generate_text(trained.model, trained.alphabet, "tox!x", 5)


def test_a_character_is_replaced_by_its_position_as_readers_count():
    assert replace_character("a👋🏽b", 1, "x") == "axb"
    assert replace_character("axb", 1, "👋🏽") == "a👋🏽b"
    with pytest.raises(IndexError):
        replace_character("ab", 2, "x")


@pytest.mark.parametrize(
    ("expected", "generated", "result"),
    [
        ("abc", "abc", Recovery(0, 0, 0)),
        ("abc", "xbc", Recovery(1, 1, 0)),
        ("abcdefgh", "xbcdefxh", Recovery(7, 2, 0)),  # wrong twice, however far apart
        ("abc", "xxabc", Recovery(2, 2, 2)),
        ("abc", "c", Recovery(0, 0, -2)),
        ("abc", "abx", Recovery(None, 1, 0)),
        ("abc", "", Recovery(None, 0, 0)),
        ("", "", Recovery(0, 0, 0)),
        ("", "x", Recovery(None, 1, 0)),
    ],
)
def test_a_text_has_recovered_if_it_ends_as_expected(expected, generated, result):
    assert recovery(expected, generated) == result
