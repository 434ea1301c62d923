"""Presets: each can be set with the page's controls, and every claim in its text is true."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from core.memorize import Alphabet, MemorizeConfig, MemorizeEpoch, fit, restore_model
from core.memorize.gates import record
from core.memorize.predictions import context_length, first_mistake, teacher_forced
from core.memorize.presets import PRESETS
from core.text import graphemes
from core.training import Checkpoint, Control
from pages.ui.controls import LEARNING_RATES

CONFIGS = {preset.name: preset.config for preset in PRESETS}
WATCH = {preset.name: preset.watch for preset in PRESETS}


def train(config: MemorizeConfig) -> tuple[list[MemorizeEpoch], Checkpoint]:
    *events, end = fit(config)
    return events, end


def learned_after(history: list[MemorizeEpoch]) -> int:
    """Return the first epoch after which the whole sentence was generated."""
    return next(epoch.epoch for epoch in history if epoch.char_accuracy == 1)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_can_be_set_and_has_at_most_three_sentences(preset):
    config = preset.config
    assert config.lr in LEARNING_RATES
    assert config.hidden_size in (1, 2, 4, 8, 16, 32, 64, 128, 256)
    assert config.num_layers in range(1, 5)
    assert config.epochs in range(50, 1001, 50)
    assert 1 <= preset.watch.count(". ") + 1 <= 3


def test_all_presets_are_listed():
    assert list(CONFIGS) == [
        *("Baseline", "Learning rate too high", "Learning rate too low", "Too few units", "Repeated letter"),
        *("Palindrome", "Shuffled palindrome", "Korean", "Emoji", "100 words", "Brackets"),
    ]


def test_the_baseline_starts_at_guessing_then_generates_repetitions_pieces_and_everything():
    history, _ = train(CONFIGS["Baseline"])
    letters = set(graphemes(history[0].reconstruction))
    assert "here 3.2." in WATCH["Baseline"]
    assert history[0].loss == pytest.approx(3.2, abs=0.05)
    assert history[0].loss == pytest.approx(math.log(len(set(CONFIGS["Baseline"].sentence)) + 2), abs=0.1)
    assert learned_after(history) < len(history) / 2
    assert len(letters) <= 5
    assert len(set(history[10].reconstruction)) <= 5
    assert len(set(history[40].reconstruction)) > 10


def test_with_too_high_a_learning_rate_the_loss_jumps_and_the_sentence_is_never_learned():
    history, _ = train(CONFIGS["Learning rate too high"])
    losses = [epoch.loss for epoch in history]
    assert max(losses) > 10 * losses[0]
    assert losses[-1] < max(losses) / 2
    good, _ = train(replace(CONFIGS["Baseline"], epochs=50))
    assert losses[-1] > good[-1].loss
    assert history[-1].char_accuracy < 0.5


def test_with_too_low_a_learning_rate_the_loss_falls_at_every_step_but_hardly_gets_anywhere():
    losses = [epoch.loss for epoch in train(CONFIGS["Learning rate too low"])[0]]
    assert all(after < before for before, after in pairwise(losses))
    assert losses[-1] > 0.8 * losses[0]


def test_raising_the_low_learning_rate_bends_the_curve_down():
    control, losses = Control(), []
    for event in fit(replace(CONFIGS["Learning rate too low"], epochs=100), control):
        if isinstance(event, MemorizeEpoch):
            losses.append(event.loss)
            control.changes = {"lr": 0.01} if len(losses) >= 50 else {}
    assert losses[50] - losses[99] > 5 * (losses[0] - losses[50])


def test_with_too_few_units_the_loss_stays_above_1_and_the_text_goes_in_circles():
    history, _ = train(CONFIGS["Too few units"])
    baseline, _ = train(CONFIGS["Baseline"])
    assert "after 300 epochs, the loss is still above 1, where the baseline's is below 0.01" in WATCH["Too few units"]
    assert len(history) == len(baseline) == 300
    assert history[-1].loss > 1
    assert baseline[-1].loss < 0.01
    assert history[-1].char_accuracy < 0.5
    every_epoch = fit(CONFIGS["Too few units"], Control(verbose=True))
    texts = [event.reconstruction for event in every_epoch if isinstance(event, MemorizeEpoch)][-100:]
    in_circles = [text for text in texts if any(text.count(text[at : at + 8]) > 1 for at in range(len(text) - 8))]
    assert len(in_circles) >= 40, "often"


def test_a_repeated_letter_is_learned_quickly_and_counted_by_cell_states_that_rise_or_fall():
    config = CONFIGS["Repeated letter"]
    history, end = train(config)
    assert history[30].loss < 0.3 * history[0].loss
    assert learned_after(history) > 60
    assert history[-1].reconstruction == config.sentence
    inputs = Alphabet(config.sentence).one_hot([Alphabet.START, *[2] * 20])
    steps = np.diff(record(restore_model(config, end), inputs).cell, axis=1)  # (layers, 20, units)
    assert ((steps > 0).all(axis=1) | (steps < 0).all(axis=1)).any()


def test_a_palindrome_is_no_easier_than_its_letters_in_random_order():
    palindrome, shuffled = CONFIGS["Palindrome"], CONFIGS["Shuffled palindrome"]
    assert palindrome.sentence == palindrome.sentence[::-1]
    assert sorted(shuffled.sentence) == sorted(palindrome.sentence)
    assert list(CONFIGS).index("Shuffled palindrome") == list(CONFIGS).index("Palindrome") + 1, "the next preset"
    needed = [learned_after(train(replace(config, stop_when_learned=True))[0]) for config in (palindrome, shuffled)]
    assert 0.75 < needed[0] / needed[1] < 1.33


def test_the_lstms_leave_the_level_of_guessing_the_closing_brackets_and_the_rnn_does_not():
    config = CONFIGS["Brackets"]
    guessing = 4 * math.log(4) / (len(config.sentence) + 1)  # all else is known; the closing brackets are 4 guesses
    assert context_length(config.sentence) == 22, "the opening bracket and the 21 characters after it"
    losses = {}
    for cell in ("MyLSTM", "nn.LSTM", "RNN"):
        history, _ = train(replace(config, cell=cell))
        losses[cell] = [epoch.loss for epoch in history]
        assert any(0.9 * guessing < loss < 1.15 * guessing for loss in losses[cell]), "it rests there"
        learned = history[-1].reconstruction == config.sentence
        assert learned == (cell != "RNN")
    assert losses["MyLSTM"][-1] < 0.05 * guessing
    assert losses["nn.LSTM"][-1] < 0.5 * guessing
    assert losses["RNN"][-1] > 0.9 * guessing


def test_korean_syllables_are_characters_and_predictions_after_spaces_are_less_certain():
    config = CONFIGS["Korean"]
    letters = graphemes(config.sentence)
    once = [letter for letter in letters if letters.count(letter) == 1]
    assert len(once) > len(letters) / 2
    history, _ = train(config)
    assert history[-1].reconstruction == config.sentence

    successors = {letters[at + 1] for at in range(len(letters) - 1) if letters[at] == " "}
    assert len(successors) > 1

    _, end = train(replace(config, epochs=50))
    alphabet = Alphabet(config.sentence)
    probabilities = teacher_forced(restore_model(config, end), alphabet, config.sentence)
    targets = [*alphabet.encode(config.sentence), Alphabet.END]
    certainty = {letter: [] for letter in ("space", "once")}
    for at, letter in enumerate(letters, start=1):
        if letter in (" ", *once):
            certainty["space" if letter == " " else "once"].append(probabilities[at, targets[at]])
    assert np.mean(certainty["space"]) < np.mean(certainty["once"])


def test_an_emoji_is_one_character_and_the_two_thumbs_are_different_ones():
    config = CONFIGS["Emoji"]
    letters = graphemes(config.sentence)
    assert len(letters[0]) == 7
    thumbs = [letter for letter in letters if letter.startswith("👍")]
    assert len(set(thumbs)) == 2
    assert len({Alphabet(config.sentence).token_ids[thumb] for thumb in thumbs}) == 2
    history, _ = train(replace(config, stop_when_learned=True))
    assert history[-1].reconstruction == config.sentence


def test_100_words_look_learned_long_before_they_can_be_generated():
    config = CONFIGS["100 words"]
    assert len(config.sentence.split()) >= 100
    assert len(graphemes(config.sentence)) > 500
    history, _ = train(replace(config, stop_when_learned=True))
    assert history[-1].reconstruction == config.sentence
    nearly = next(epoch for epoch in history if epoch.loss < 0.1 * history[0].loss)
    assert nearly.epoch < history[-1].epoch
    mistake = first_mistake(config.sentence, nearly.reconstruction)
    assert mistake.similar is not None, "it confused two positions"
    assert nearly.char_accuracy < 0.5
