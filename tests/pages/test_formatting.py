"""Durations and settings as text."""

import pytest

from pages.ui.formatting import format_duration, format_setting, setting_label


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 second"), (45, "45 seconds"), (90, "90 seconds"), (300, "5 minutes"), (9000, "2.5 hours")],
)
def test_durations_are_rounded_to_a_readable_unit(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [((256, 128), "256, 128"), ((), "none"), (0.05, "0.05"), (64, "64"), ("relu", "relu"), (None, "–"), (True, "True")],
)
def test_settings_are_shown_as_a_student_types_them(value, text):
    assert format_setting(value) == text


@pytest.mark.parametrize("kind", [tuple, list])
def test_points_and_edits_are_counted_not_listed(kind):
    points = kind([(1.0, 2.0, 0)] * 2_000)
    assert format_setting(points) == "2,000 in all"
    assert format_setting(kind([[0, 1, "weight", 0, 2.5]])) == "1 in all"


def test_setting_names_are_words():
    assert setting_label("lr") == "learning rate"
    assert setting_label("weight_decay") == "weight decay"
