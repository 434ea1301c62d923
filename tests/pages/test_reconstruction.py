"""The generated text beside the sentence and the figures."""

import re

import pytest

from core.memorize import MemorizeEpoch
from pages.ui.memorize.reconstruction import diff, reconstruction_html
from pages.ui.memorize.training import curve_in_words, figures


def pieces(sentence: str, generated: str) -> list[tuple[str, str, str]]:
    """Return kind, explanation and text of every piece of the HTML."""
    return re.findall(r'<span class="(\w+)" title="(.*?)">(.*?)</span>', reconstruction_html(sentence, generated))


@pytest.mark.parametrize(
    ("sentence", "generated", "expected"),
    [
        ("abc", "abc", [("correct", "abc", "abc")]),
        ("abc", "", [("missing", "···", "abc")]),
        ("abcd", "abxd", [("correct", "ab", "ab"), ("wrong", "x", "c"), ("correct", "d", "d")]),
        ("ab", "xy", [("wrong", "x", "a"), ("wrong", "y", "b")]),
        ("ab", "abc", [("correct", "ab", "ab"), ("wrong", "c", "")]),
        ("👍🏽a", "👍🏽", [("correct", "👍🏽", "👍🏽"), ("missing", "·", "a")]),
    ],
)
def test_the_text_is_split_into_correct_wrong_and_missing_pieces(sentence, generated, expected):
    assert diff(sentence, generated) == expected


def test_a_wrong_space_is_visible_and_every_wrong_character_says_what_was_right():
    assert pieces("abcd", "a cd") == [
        ("correct", "correct", "a"),
        ("wrong", "wrong: should be b", "␣"),
        ("correct", "correct", "cd"),
    ]
    assert ("wrong", "wrong: should be ␣", "b") in pieces("a b", "abb")
    assert ("wrong", "wrong: should be ⏎", "␣") in pieces("a\nb", "a b")
    assert ("wrong", "wrong: the sentence has ended", "c") in pieces("ab", "abc")


def test_markup_in_the_sentence_stays_text():
    assert ("wrong", "wrong: should be &lt;", "&quot;") in pieces("a<b", 'a"b')
    assert ("correct", "correct", "&lt;b&gt;") in pieces("<b>", "<b>")


def epochs(*losses: float) -> list[MemorizeEpoch]:
    return [MemorizeEpoch(number, loss, 0.01, "a", 0.5) for number, loss in enumerate(losses)]


def test_the_figures_say_what_the_loss_means():
    loss, correct, epoch = figures(epochs(3.0, 0.6931)[-1], 1_000, "ab")
    assert (loss.value, correct.value, epoch.value) == ("0.693", "1 of 2", "2 of 1,000")
    assert loss.note == "correct character: p ≈ 50.0%"
    assert [figure.value for figure in figures(None, 300, "ab")] == ["–", "0 of 2", "0 of 300"]


def test_the_curve_is_described_for_readers_who_cannot_see_it():
    assert curve_in_words(epochs(3.0, 2.0, 0.123)) == ("Loss curve over 3 epochs: from 3 to 0.123 nats per character.")
    assert "empty" in curve_in_words([])
