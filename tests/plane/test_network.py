"""The network: activations, switched-off units and gradients are those of PyTorch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.autograd.functional import cross_entropy, mse_loss
from core.plane import (
    Edit,
    PlaneConfig,
    activations,
    from_text,
    make,
    restore,
    scores_without,
    split,
    switched,
    to_text,
)
from core.plane.features import compute_features
from core.plane.network import PlaneNetwork, evaluate

CONFIG = PlaneConfig(dataset="blobs", classes=3, features=("x", "y", "xy"), hidden=(5, 4), n_points=60)
TORCH = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


def network_of(config: PlaneConfig) -> PlaneNetwork:
    """A network with random weights and biases, edited as the config says."""
    network = PlaneNetwork(config, np.random.default_rng(config.seed))
    network.flat[:] = np.random.default_rng(1).normal(size=network.flat.shape)
    for edit in config.edits:
        network.type_number(edit)
    network.switch_off(switched(config.edits, "off"))
    return network


def torch_outputs(config: PlaneConfig, parameters: list[torch.Tensor], x: np.ndarray) -> tuple[list, torch.Tensor]:
    """The hidden activations and outputs, with PyTorch; switched-off units are multiplied by 0."""
    value, hidden = torch.tensor(x), []
    for layer in range(len(config.hidden) + 1):
        value = value @ parameters[2 * layer] + parameters[2 * layer + 1]
        if layer < len(config.hidden):
            value = TORCH[config.activation](value)
            mask = torch.ones(value.shape[1])
            mask[switched(config.edits, "off").get(layer, [])] = 0
            value = value * mask
            hidden.append(value)
    return hidden, value


units = st.one_of(
    st.tuples(st.just(0), st.integers(0, 4), st.just("weight"), st.integers(0, 2), st.floats(-3, 3)),
    st.tuples(st.just(1), st.integers(0, 3), st.just("weight"), st.integers(0, 4), st.floats(-3, 3)),
    st.tuples(st.just(2), st.just(0), st.just("bias"), st.just(0), st.floats(-3, 3)),
    st.tuples(st.integers(0, 1), st.integers(0, 3), st.just("off"), st.just(0), st.sampled_from([0, 1])),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(units, max_size=6), st.sampled_from(sorted(TORCH)), st.booleans())
def test_outputs_and_gradients_of_edited_networks_match_pytorch(edits, activation, regression):
    config = replace(CONFIG, edits=edits, activation=activation)
    if regression:
        config = replace(config, task="regression", dataset="ripples")
    data, network = make(config), network_of(config)
    x = compute_features(config.features, data.points)
    targets = data.targets[:, None] if regression else data.targets
    (mse_loss if regression else cross_entropy)(network(x), targets).backward()

    parameters = [torch.tensor(part.copy(), requires_grad=True) for part in split(config, network.flat)]
    hidden, outputs = torch_outputs(config, parameters, x)
    loss = torch.nn.functional.mse_loss if regression else torch.nn.functional.cross_entropy
    loss(outputs, torch.tensor(targets)).backward()
    for ours, theirs in zip(network.parameters(), parameters, strict=True):
        np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)

    maps = activations(config, network.flat, data.points)
    for ours, theirs in zip(maps.hidden, hidden, strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-4, atol=1e-5)
    shown = outputs if regression else torch.softmax(outputs, dim=1)
    np.testing.assert_allclose(maps.output, shown.detach(), rtol=1e-4, atol=1e-5)


def test_a_typed_weight_is_the_weight_from_that_input_to_that_unit():
    config = replace(CONFIG, edits=(Edit(1, 3, "weight", 2, 0.75), Edit(2, 1, "bias", 0, -0.5)))
    parts = split(config, network_of(config).flat)
    assert parts[2][2, 3] == 0.75
    assert parts[5][1] == -0.5


def test_parameters_survive_as_text():
    network = network_of(CONFIG)
    text = to_text(network.flat)
    assert len(text) < 6 * network.flat.size
    np.testing.assert_array_equal(from_text(text), network.flat)
    np.testing.assert_array_equal(restore(CONFIG, text).flat, network.flat)
    with pytest.raises(ValueError, match="These are 3 weights and biases, but this network has 59"):
        restore(CONFIG, to_text(np.zeros(3)))


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, task="regression", dataset="ripples")])
def test_scores_without_each_unit_are_those_of_a_network_whose_weights_from_it_are_0(config):
    config = replace(config, edits=(Edit(0, 2, "off"),))
    network, data = network_of(config), make(config)
    x = compute_features(config.features, data.points)
    scores = scores_without(config, network.flat, data.points, data.targets)
    assert [len(layer) for layer in scores] == [5, 4]
    for layer, units in enumerate(scores):
        for unit, (loss, accuracy) in enumerate(units):
            cut = network_of(config)
            split(config, cut.flat)[2 * (layer + 1)][unit] = 0
            expected = evaluate(config, cut(x).data, data.targets)
            assert (loss, accuracy) == pytest.approx(expected) if accuracy is not None else expected[1] is None
            assert loss == pytest.approx(expected[0], rel=1e-5)
    assert scores[0][2] == evaluate(config, network(x).data, data.targets), "it is off already"


def test_the_activation_of_a_unit_that_is_off_is_0_everywhere():
    config = replace(CONFIG, edits=(Edit(0, 2, "off"), Edit(1, 0, "off"), Edit(1, 0, "off", 0, 0)))
    maps = activations(config, network_of(config).flat, make(config).points)
    assert not maps.hidden[0][:, 2].any()
    assert maps.hidden[1][:, 0].all()
