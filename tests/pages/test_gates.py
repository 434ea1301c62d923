"""Heat maps of a network whose weights have overflowed."""

from types import SimpleNamespace

import numpy as np
import pytest

from pages.ui.memorize.gates import gate_heatmap


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_a_heat_map_is_drawn_even_if_all_values_are_nan(value):
    snapshot = SimpleNamespace(sentence="abc")
    chart = gate_heatmap(snapshot, "cell", 0, np.full((4, 5), value, np.float32), np.arange(5), range(4), selected=0)
    assert chart.to_dict()["encoding"]["color"]["scale"]["domain"] == [-1, 0, 1]
    assert len(chart.data) == (20 if np.isfinite(value) else 0)
