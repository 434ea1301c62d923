"""Advice on runs that failed fits the reason for which they failed."""

import re
from dataclasses import replace

import pytest

from core.memorize import MemorizeConfig, MemorizeEpoch, fit
from core.memorize.advice import advice
from core.memorize.presets import PRESETS

BASELINE = MemorizeConfig()
CONFIGS = {preset.name: preset.config for preset in PRESETS}


def history_of(config: MemorizeConfig) -> list[MemorizeEpoch]:
    return [event for event in fit(config) if isinstance(event, MemorizeEpoch)]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIGS["Learning rate too high"], r"rose to 92.2, above the 3.19 .* \(1\) is too high. Try 0.01"),
        (replace(BASELINE, lr=0.1), r"\(0.1\) is too high. Try 0.01"),
        (CONFIGS["Learning rate too low"], r"from 3.19 to 2.7 in 300 epochs.* \(0.0001\) is low. Try 0.001"),
        (replace(BASELINE, lr=0.001), r"\(0.001\) is low. Try 0.01"),
        (CONFIGS["Too few units"], "4 units per layer can hardly tell the positions of 68 characters apart"),
        (replace(BASELINE, hidden_size=1), "1 unit per layer can hardly tell"),
        (replace(BASELINE, epochs=50), "still falling: it is 0.716 after 50 epochs. Train for more epochs"),
        (replace(BASELINE, hidden_size=8), "still falling"),
    ],
    ids=["rate 1", "rate 0.1", "rate 0.0001", "rate 0.001", "4 units", "1 unit", "50 epochs", "8 units"],
)
def test_advice_names_what_the_loss_shows(config, words):
    history = history_of(config)
    assert history[-1].char_accuracy < 1
    assert re.search(words, advice(config, history))


def epochs(losses, accuracies=None) -> list[MemorizeEpoch]:
    pairs = zip(losses, accuracies or [0.5] * len(losses), strict=True)
    return [MemorizeEpoch(at, loss, 0.01, "", accuracy) for at, (loss, accuracy) in enumerate(pairs)]


def test_a_sentence_that_was_lost_again_calls_for_a_lower_learning_rate():
    text = advice(BASELINE, epochs([3, 1, 0.1, 0.5], [0, 0.5, 1, 0.7]))
    assert "after 3 epochs and lost it again" in text
    assert "lower the learning rate (0.01)" in text


def test_a_loss_that_no_longer_falls_calls_for_other_settings():
    assert "no longer falls: it is 1." in advice(BASELINE, epochs([3, 1, 1, 1, 1, 1]))


def test_one_epoch_is_enough_for_advice():
    assert advice(BASELINE, epochs([3.2]))
