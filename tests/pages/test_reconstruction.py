"""The generated text beside the sentence and the figures."""

import re

import pytest

from core.memorize import MemorizeEpoch
from pages.ui.memorize.reconstruction import TAGS, diff, line_breaks, reconstruction_html
from pages.ui.memorize.training import curve_in_words, figures


def pieces(sentence: str, generated: str) -> list[tuple[str, str, str]]:
    """Return kind, explanation and text of every piece of the HTML."""
    html = re.sub("<w?br>", "", reconstruction_html(sentence, generated))
    kinds = {tag: kind for kind, tag in TAGS.items()}
    found = re.findall(r'<(u|s|small)(?: title="(.*?)")?>(.*?)</', html)
    return [(kinds[tag], explanation, text) for tag, explanation, text in found]


@pytest.mark.parametrize(
    ("sentence", "generated", "expected"),
    [
        ("abc", "abc", [("correct", "abc", "abc")]),
        ("abc", "", [("missing", "···", "abc")]),
        ("abcd", "abxd", [("correct", "ab", "ab"), ("wrong", "x", "c"), ("correct", "d", "d")]),
        ("ab", "xy", [("wrong", "xy", "ab")]),
        ("a b c", "xxxxx", [("wrong", "xx", "a "), ("wrong", "xx", "b "), ("wrong", "x", "c")]),
        ("ab", "axx", [("correct", "a", "a"), ("wrong", "x", "b"), ("wrong", "x", "")]),
        ("ab", "abc", [("correct", "ab", "ab"), ("wrong", "c", "")]),
        ("👍🏽a", "👍🏽", [("correct", "👍🏽", "👍🏽"), ("missing", "·", "a")]),
    ],
)
def test_the_text_is_split_into_correct_wrong_and_missing_pieces(sentence, generated, expected):
    assert diff(sentence, generated) == expected


def test_a_wrong_space_is_visible_and_wrong_characters_say_what_was_right():
    assert pieces("abcd", "a cd") == [
        ("correct", "", "a"),
        ("wrong", "should be b", "␣"),
        ("correct", "", "cd"),
    ]
    assert ("wrong", "should be ␣", "b") in pieces("a b", "abb")
    assert ("wrong", "should be ⏎", "␣") in pieces("a\nb", "a b")
    assert ("wrong", "after the end", "c") in pieces("ab", "abc")
    assert pieces("to be", "xxxxx") == [
        ("wrong", "should be to␣", "xxx"),
        ("wrong", "should be be", "xx"),
    ]


def test_a_long_text_that_is_all_wrong_takes_a_few_bytes_per_character():
    sentence = "a sentence that is long enough to be watched for a while; " * 12
    html = reconstruction_html(sentence, "x" * len(sentence))
    assert len(html) < 10 * len(sentence), "it is sent several times a second to every browser"


def test_markup_in_the_sentence_stays_text():
    assert ("wrong", "should be &lt;", "&quot;") in pieces("a<b", 'a"b')
    assert ("correct", "", "&lt;b&gt;") in pieces("<b>", "<b>")


@pytest.mark.parametrize(
    ("sentence", "lines"),
    [
        ("how are you?", ["how ", "are ", "you?"]),
        ("one\ntwo", ["one\n", "two"]),
        ("a" * 21, ["a"] * 21),
        ("a" * 19 + " b", ["a" * 19 + " ", "b"]),
        ("你好 ab", ["你", "好", " ", "ab"]),
    ],
)
def test_a_line_ends_between_words_and_within_those_that_may_not_fit(sentence, lines):
    shown = "".join(map("".join, zip(sentence, line_breaks(sentence), strict=True)))
    assert re.split("<w?br>", shown)[:-1] == lines


@pytest.mark.parametrize(
    "generated", ["", "how are you?", "ho", "xxx  x x x xxx", "how are you? how are y", "how\nare"]
)
def test_the_places_of_characters_and_lines_do_not_depend_on_the_generated_text(generated):
    def cells(html: str) -> str:
        html = html.replace("<i></i>", "x")
        return re.sub("[^<>]", "x", re.sub("<(?!w?br>).*?>", "", html))

    assert cells(reconstruction_html("how are you?", generated)) == cells(reconstruction_html("how are you?", ""))


def test_a_text_that_is_much_longer_than_the_sentence_is_shown_as_a_whole():
    assert "".join(text for _, _, text in pieces("ab", "ab" * 50)) == "ab" * 50


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
