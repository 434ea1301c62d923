"""Looking inside a network whose weights have exploded."""

from types import SimpleNamespace

import numpy as np
import pytest

from pages.ui.memorize.gates import map_of


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_a_map_is_made_whatever_the_numbers_are(value):
    known = SimpleNamespace(sentence="abc")
    chart = map_of(known, "cell", 0, np.full((4, 5), value, np.float32), np.arange(5), range(4))
    assert chart.to_dict()["encoding"]["color"]["scale"]["domain"] == [-1, 0, 1]
    assert len(chart.data) == (20 if np.isfinite(value) else 0)
