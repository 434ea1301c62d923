"""The benchmarks: contestants compute the same, and ratios and exponents are correct."""

import numpy as np
import pytest
import torch

from benchmarks import features, formula, lstm, mlp, plane
from benchmarks.measure import MIN_ROUNDS, Result, format_table, growth_exponent, time_interleaved
from core.autograd.nn import Linear
from core.classify.patch_features import PatchEncoder, PatchSettings
from core.plane import PlaneConfig
from core.plane.datasets import random_stream


def test_an_epoch_without_a_graph_gives_the_same_weights_as_ours(monkeypatch):
    models: list[Linear] = []

    class RecordedMLP(mlp.MLP):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            models.append(self)

    monkeypatch.setattr(mlp, "MLP", RecordedMLP)
    x, y = mlp.random_images(100)
    for contestant in (mlp.ours, mlp.numpy_without_graph):
        contestant(x, y, (20, 10), 30)()
    ours, no_graph = (model.state_dict() for model in models)
    untrained = mlp.MLP(mlp.INPUTS, (20, 10), mlp.CLASSES, np.random.default_rng(0)).state_dict()
    for name, values in ours.items():
        np.testing.assert_allclose(no_graph[name], values, atol=1e-5)
        assert not np.allclose(values, untrained[name])


def test_an_epoch_on_points_without_a_graph_gives_the_same_weights_as_ours_and_the_training_loop(monkeypatch):
    networks: list[plane.PlaneNetwork] = []

    class RecordedNetwork(plane.PlaneNetwork):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            networks.append(self)

    config = PlaneConfig(dataset="spiral", hidden=(8, 5), n_points=50, validation=0, batch_size=15)
    untrained = plane.PlaneNetwork(config, random_stream(config, "training")).flat
    monkeypatch.setattr(plane, "PlaneNetwork", RecordedNetwork)
    monkeypatch.setattr("core.plane.training.PlaneNetwork", RecordedNetwork)
    for contestant in (plane.ours, plane.numpy_without_graph, plane.training_loop):
        contestant(config)()
    ours, no_graph, loop = (network.flat for network in networks)
    np.testing.assert_allclose(no_graph, ours, atol=1e-5)
    np.testing.assert_array_equal(loop, ours)
    assert not np.allclose(ours, untrained)


@pytest.mark.parametrize("contestant", [formula.ours, formula.pytorch])
def test_every_contestant_computes_the_formula_and_its_gradients(contestant):
    value, *gradients = contestant()
    assert (value, tuple(map(float, gradients))) == (formula.VALUE, formula.GRADIENTS)


def test_columns_and_products_of_a_one_hot_input_are_equal():
    product, columns = (compute() for compute in lstm.one_hot_input(20, 5).values())
    for expected, found in zip(product, columns, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_patch_features_with_a_convolution_equal_ours():
    images = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    encoder = PatchEncoder(images, PatchSettings(20, grid=3))
    ours = encoder.encode(images[0])
    np.testing.assert_allclose(features.with_convolution(encoder)(images[0]), ours, atol=2e-3)
    assert ours.max() > 0.1


def test_eight_linears_compute_the_same_as_nn_lstm():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reference, eight, inputs = torch.nn.LSTM(3, 5, 2), lstm.EightLinears(3, 5, 2), torch.randn(7, 2, 3)
    with torch.no_grad():
        for layer, cell in enumerate(eight.cells):
            for source, prefix in (("ih", "x"), ("hh", "h")):
                for parameter in ("weight", "bias"):
                    blocks = getattr(reference, f"{parameter}_{source}_l{layer}").chunk(4)
                    for gate, block in zip("ifgo", blocks, strict=True):
                        getattr(cell[f"{prefix}{gate}"], parameter).copy_(block)
    torch.testing.assert_close(eight(inputs)[0], reference(inputs)[0], rtol=0, atol=1e-6)


def test_eight_linears_train_all_their_weights():
    model = lstm.EightLinears(3, 5, 2)
    assert len(list(model.parameters())) == 2 * 8 * 2
    lstm.training_step(model, 5, torch.randn(7, 1, 3))()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_flops_are_those_of_the_matrix_products():
    assert mlp.flops_per_image((256, 128)) == 2 * 2 * 784 * 256 + 3 * 2 * (256 * 128 + 128 * 10)


def test_contestants_are_called_in_turn():
    calls = []
    medians = time_interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, warm_up=1, seconds=0)
    assert calls == ["a", "b"] + ["a", "a", "b", "b"] * MIN_ROUNDS
    assert all(milliseconds >= 0 for milliseconds in medians.values())


def test_ratios_exponents_and_tables():
    result = Result("section", "case", {"ours": 2.0, "other": 8.0}, details={"exponent": 0.5})
    assert result.ratios == {"other": 0.25}
    assert format_table([result]) == "case  ours 2.00 ms  other 8.00 (x0.25)  exponent 0.500"
    assert Result("section", "case", {"10": 1.0, "20": 4.0}, compared=False).ratios == {}
    assert growth_exponent([10, 20, 40], [3, 12, 48]) == pytest.approx(2)
