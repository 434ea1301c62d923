"""Heat maps of a network whose weights have overflowed."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from pages.ui.downloads import render_chart
from pages.ui.memorize.gates import gate_heatmap
from pages.ui.memorize.heatmap import heat_map


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_a_heat_map_is_drawn_even_if_all_values_are_nan(value):
    snapshot = SimpleNamespace(sentence="abc")
    chart = gate_heatmap(snapshot, "cell", 0, np.full((4, 5), value, np.float32), np.arange(5), range(4), selected=0)
    assert chart.to_dict()["encoding"]["color"]["scale"]["domain"] == [-1, 0, 1]
    assert len(chart.data) == (20 if np.isfinite(value) else 0)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "visible"), [(330, 30), (900, 69)], ids=["phone", "laptop"])
def test_as_many_characters_are_shown_as_have_room_for_their_labels(width, visible):
    symbols = list("abcdefghijklmnopqrstuvwxyz" * 3)[:69]
    titles = {"x_title": "x", "y_title": "y", "value_title": "value"}
    chart = heat_map(np.zeros((2, 69), np.float32), symbols, ["1", "2"], **titles, low=0, high=1, first=3)
    image = render_chart(chart.properties(width=width), "svg").decode()
    assert image.count('aria-roledescription="rect mark"') == 2 * visible
    labels = re.findall(r'font-family="Source Code Pro, monospace" font-size="([\d.]+)px"[^>]*>[a-z]</text>', image)
    assert len(labels) == visible, "each character has its label"
    assert min(map(float, labels)) > 13
