"""The recorded run of the home page is what the training loop computes."""

import pytest

from core.memorize import MemorizeConfig, recording
from core.text import graphemes


def test_the_recording_equals_a_new_run_of_the_default_settings():
    """Rounding differs between processors: after a while the loss falls an epoch earlier or later, and so do texts."""
    recorded, new = recording.load(), recording.record(MemorizeConfig())
    assert recorded.sentence == new.sentence
    assert recorded.losses[:30] == pytest.approx(new.losses[:30], rel=0.02)
    assert recorded.losses == pytest.approx(new.losses, rel=0.25)
    assert len(recorded.texts) == len(recorded.losses) == recording.EPOCHS
    assert recorded.texts[0] == new.texts[0]
    assert recorded.texts[-1] == new.texts[-1] == recorded.sentence


def test_the_recording_begins_with_guesses_and_ends_with_the_sentence_learned():
    recorded = recording.load()
    assert recorded.losses[0] > 3
    assert recorded.losses[-1] < 0.05
    assert recorded.texts[0] != recorded.sentence
    longest = max(len(graphemes(text)) for text in recorded.texts)
    assert longest <= len(graphemes(recorded.sentence)) + 10
