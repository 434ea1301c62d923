"""Presets: each can be set with the page's controls, and does what its text says."""

import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from core.memorize import Alphabet, MemorizeConfig, MemorizeEpoch, fit, restore_model
from core.memorize.gates import record
from core.memorize.predictions import first_mistake, teacher_forced
from core.memorize.presets import PRESETS
from core.text import graphemes
from core.training import Checkpoint
from pages.ui.controls import LEARNING_RATES

CONFIGS = {preset.name: preset.config for preset in PRESETS}


def trained(config: MemorizeConfig) -> tuple[list[MemorizeEpoch], Checkpoint]:
    *events, end = fit(config)
    return events, end


def known_after(history: list[MemorizeEpoch]) -> int:
    """The first epoch after which the whole sentence came back."""
    return next(epoch.epoch for epoch in history if epoch.char_accuracy == 1)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_can_be_set_and_has_two_or_three_sentences(preset):
    config = preset.config
    assert config.lr in LEARNING_RATES
    assert config.hidden_size in (1, 2, 4, 8, 16, 32, 64, 128, 256)
    assert config.num_layers in range(1, 5)
    assert config.epochs in range(50, 1001, 50)
    assert 1 <= preset.watch.count(". ") + 1 <= 3


def test_the_presets_of_the_lesson_are_all_there():
    assert list(CONFIGS) == [
        *("The report's", "Rate too high", "Rate too low", "Too few units", "One letter", "A palindrome"),
        *("Korean", "Emoji", "A hundred words"),
    ]


def test_the_report_s_begins_at_guessing_and_says_repeats_then_pieces_then_all():
    history, _ = trained(CONFIGS["The report's"])
    letters = set(graphemes(history[0].reconstruction))
    assert history[0].loss == pytest.approx(math.log(len(set(CONFIGS["The report's"].sentence)) + 2), abs=0.1)
    assert known_after(history) < len(history) / 2
    assert len(letters) <= 5
    assert len(set(history[10].reconstruction)) <= 5
    assert len(set(history[40].reconstruction)) > 10


def test_with_a_rate_too_high_the_loss_jumps_and_the_sentence_is_never_found():
    history, _ = trained(CONFIGS["Rate too high"])
    losses = [epoch.loss for epoch in history]
    assert max(losses) > 10 * losses[0]
    assert losses[-1] < max(losses) / 2
    good, _ = trained(replace(CONFIGS["The report's"], epochs=50))
    assert losses[-1] > good[-1].loss
    assert history[-1].char_accuracy < 0.5


def test_with_a_rate_too_low_every_step_helps_and_none_gets_anywhere():
    losses = [epoch.loss for epoch in trained(CONFIGS["Rate too low"])[0]]
    assert all(after < before for before, after in pairwise(losses))
    assert losses[-1] > 0.8 * losses[0]


def test_with_too_few_units_the_loss_gets_stuck_and_what_is_said_goes_in_circles():
    history, _ = trained(CONFIGS["Too few units"])
    assert history[-1].loss > 0.5
    assert history[-1].char_accuracy < 0.5
    said = history[-1].reconstruction
    assert any(said.count(said[at : at + 8]) > 1 for at in range(len(said) - 8))


def test_one_letter_is_learned_at_once_and_then_counted_by_memories_that_climb_or_fall():
    config = CONFIGS["One letter"]
    history, end = trained(config)
    assert history[30].loss < 0.3 * history[0].loss
    assert known_after(history) > 60
    assert history[-1].reconstruction == config.sentence
    inputs = Alphabet(config.sentence).one_hot([Alphabet.START, *[2] * 20])
    steps = np.diff(record(restore_model(config, end), inputs).cell, axis=1)  # (layers, 20, units)
    assert ((steps > 0).all(axis=1) | (steps < 0).all(axis=1)).any()


def test_a_palindrome_is_no_easier_than_its_letters_shuffled():
    config = CONFIGS["A palindrome"]
    assert config.sentence == config.sentence[::-1]
    shuffled = list(config.sentence)
    random.Random(0).shuffle(shuffled)
    needed = [
        known_after(trained(replace(config, sentence=sentence, stop_when_learned=True))[0])
        for sentence in (config.sentence, "".join(shuffled))
    ]
    assert needed[0] > 0.75 * needed[1]


def test_korean_syllables_are_characters_and_the_space_is_the_last_to_be_known():
    config = CONFIGS["Korean"]
    letters = graphemes(config.sentence)
    once = [letter for letter in letters if letters.count(letter) == 1]
    assert len(once) > len(letters) / 2
    history, _ = trained(config)
    assert history[-1].reconstruction == config.sentence

    events, end = trained(replace(config, epochs=50))  # half-way
    alphabet = Alphabet(config.sentence)
    probabilities = teacher_forced(restore_model(config, end), alphabet, config.sentence)
    targets = [*alphabet.encode(config.sentence), Alphabet.END]
    sure = {letter: [] for letter in ("space", "once")}
    for at, letter in enumerate(letters, start=1):
        if letter in (" ", *once):
            sure["space" if letter == " " else "once"].append(probabilities[at, targets[at]])
    assert np.mean(sure["space"]) < np.mean(sure["once"])
    assert events


def test_an_emoji_is_one_character_and_the_two_thumbs_are_different():
    config = CONFIGS["Emoji"]
    letters = graphemes(config.sentence)
    assert len(letters[0]) == 7
    thumbs = [letter for letter in letters if letter.startswith("👍")]
    assert len(set(thumbs)) == 2
    assert len({Alphabet(config.sentence).numbers[thumb] for thumb in thumbs}) == 2
    history, _ = trained(replace(config, stop_when_learned=True))
    assert history[-1].reconstruction == config.sentence


def test_a_hundred_words_look_learned_long_before_they_can_be_said():
    config = CONFIGS["A hundred words"]
    assert len(config.sentence.split()) >= 100
    assert len(graphemes(config.sentence)) > 500
    history, _ = trained(replace(config, stop_when_learned=True))
    assert history[-1].reconstruction == config.sentence
    nearly = next(epoch for epoch in history if epoch.loss < 0.1 * history[0].loss)
    assert nearly.epoch < history[-1].epoch
    mistake = first_mistake(config.sentence, nearly.reconstruction)
    assert mistake.alike is not None, "it took one place for another"
    assert nearly.char_accuracy < 0.5
