"""The benchmarks compare what does the same, and divide and fit right."""

import numpy as np
import pytest
import torch

from benchmarks import lstm, mlp
from benchmarks.measure import MINIMUM, Result, exponent, interleaved, table
from core.autograd.nn import Linear


def test_an_epoch_without_a_graph_learns_what_ours_learns(monkeypatch):
    made: list[Linear] = []

    class Seen(mlp.MLP):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(mlp, "MLP", Seen)
    x, y = mlp.pictures(100)
    for contestant in (mlp.ours, mlp.without_a_graph):
        contestant(x, y, (20, 10), 30)()
    ours, plain = (model.state_dict() for model in made)
    untouched = mlp.MLP(mlp.INPUTS, (20, 10), mlp.CLASSES, np.random.default_rng(0)).state_dict()
    for name, values in ours.items():
        np.testing.assert_allclose(plain[name], values, atol=1e-5)
        assert not np.allclose(values, untouched[name])


def test_eight_linears_are_an_lstm():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs, eight, inputs = torch.nn.LSTM(3, 5, 2), lstm.EightLinears(3, 5, 2), torch.randn(7, 2, 3)
    with torch.no_grad():
        for layer, cell in enumerate(eight.cells):
            for kind, place in (("ih", "x"), ("hh", "h")):
                for what in ("weight", "bias"):
                    parts = getattr(theirs, f"{what}_{kind}_l{layer}").chunk(4)
                    for gate, part in zip("ifgo", parts, strict=True):
                        getattr(cell[f"{place}{gate}"], what).copy_(part)
    torch.testing.assert_close(eight(inputs)[0], theirs(inputs)[0], rtol=0, atol=1e-6)


def test_operations_are_counted_as_the_products_have_them():
    assert mlp.operations((256, 128)) == 2 * 2 * 784 * 256 + 3 * 2 * (256 * 128 + 128 * 10)


def test_contestants_are_called_in_turn():
    calls = []
    medians = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, warm_up=1, seconds=0)
    assert calls == ["a", "b"] + ["a", "a", "b", "b"] * MINIMUM
    assert all(milliseconds >= 0 for milliseconds in medians.values())


def test_ratios_exponents_and_tables():
    result = Result("section", "case", {"ours": 2.0, "other": 8.0}, facts={"share": 0.5})
    assert result.ratios == {"other": 0.25}
    assert table([result]) == "case  ours 2.00 ms  other 8.00 (x0.25)  share 0.500"
    assert Result("section", "case", {"10": 1.0, "20": 4.0}, compared=False).ratios == {}
    assert exponent([10, 20, 40], [3, 12, 48]) == pytest.approx(2)
