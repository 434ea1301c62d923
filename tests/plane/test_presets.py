"""Every preset does what its text says, with more seeds than its own."""

import re
from dataclasses import replace

import numpy as np
import pytest

from core import plane
from core.plane import PlaneConfig, PlaneEpoch, PlaneResult, PlaneStep, activations, make, restore
from core.plane.features import compute_features
from core.plane.presets import PRESETS
from core.training import Checkpoint, Control

SEEDS = range(3)
AXIS = np.linspace(-6, 6, 61)
GRID = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)


@pytest.fixture(scope="module")
def run():
    """run(name, seed, **changed) gives the config, the epochs and the test accuracy of a preset, trained once."""
    cache = {}

    def run(name: str, seed: int, **changed) -> tuple[PlaneConfig, list[PlaneEpoch], float]:
        key = (name, seed, *changed.items())
        if key not in cache:
            config = replace(PRESETS[name].config, seed=seed, **changed)
            events = list(plane.fit(config))
            epochs = [event for event in events if isinstance(event, PlaneEpoch)]
            cache[key] = config, epochs, next(event.accuracy for event in events if isinstance(event, PlaneResult))
        return cache[key]

    return run


def logits(config: PlaneConfig, weights: str, points: np.ndarray) -> np.ndarray:
    """How far class 1 is ahead of class 0 at points, (n,)."""
    outputs = restore(config, weights)(compute_features(config.features, points)).data.astype(float)
    return outputs[:, 1] - outputs[:, 0]


def steepness(config: PlaneConfig, weights: str) -> float:
    """The steepest slope of the probability of class 1 in the plane."""
    probability = activations(config, weights, GRID).output[:, 1].reshape(61, 61)
    return np.hypot(*np.gradient(probability)).max()


def dead(config: PlaneConfig, weights: str) -> float:
    """The fraction of the last hidden layer's units that are 0 for all training points."""
    data = make(config)
    return (activations(config, weights, data.points[data.training]).hidden[-1] == 0).all(axis=0).mean()


def test_each_text_has_two_sentences():
    assert len(PRESETS) == 10
    for preset in PRESETS.values():
        assert len(re.findall(r"\.(?: |$)", preset.text)) == 2, preset.text


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_hidden_layer_the_boundary_is_a_line_that_does_not_separate_xor(run, seed):
    config, epochs, accuracy = run("no-hidden-layer", seed)
    assert accuracy < 0.65
    plane_of_logits = logits(config, epochs[-1].weights, GRID).reshape(61, 61)
    for axis in (0, 1):
        np.testing.assert_allclose(np.diff(plane_of_logits, 2, axis=axis), 0, atol=1e-5)
    assert run("no-hidden-layer", seed, hidden=(8,))[2] > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_two_units_draw_the_two_sides_of_a_wedge_and_one_does_not(run, seed):
    config, epochs, accuracy = run("two-lines", seed)
    assert accuracy > 0.95
    assert run("two-lines", seed, hidden=(1,))[2] < 0.8
    weights = restore(config, epochs[-1].weights).layers[0].weight.data
    left, right = sorted(-weights[0] / weights[1])  # the slopes of the two lines
    assert -6 < left < -1.5
    assert 1.5 < right < 6


@pytest.mark.parametrize("seed", SEEDS)
def test_three_units_close_around_the_inner_circle_and_two_do_not(run, seed):
    def is_closed(config, weights) -> bool:
        values = logits(config, weights, GRID).reshape(61, 61) > 0
        return all(edge.all() for edge in (values[0], values[-1], values[:, 0], values[:, -1])) and not values.all()

    config, epochs, accuracy = run("width", seed)
    assert accuracy > 0.97
    assert is_closed(config, epochs[-1].weights)
    config, epochs, accuracy = run("width", seed, hidden=(2,), epochs=1_000)
    assert accuracy < 0.92
    assert not is_closed(config, epochs[-1].weights)


@pytest.mark.parametrize("seed", SEEDS)
def test_three_layers_separate_the_spiral_and_one_does_not(run, seed):
    deep, _, accuracy = run("depth", seed)
    wide, _, accuracy_of_one_layer = run("depth", seed, hidden=(32,))
    assert accuracy > 0.9
    assert accuracy_of_one_layer < accuracy - 0.2
    assert 0.8 * deep.parameter_count < wide.parameter_count < deep.parameter_count


@pytest.mark.parametrize("seed", SEEDS)
def test_twenty_noisy_points_are_learned_and_the_validation_loss_turns_and_rises(run, seed):
    config, epochs, _ = run("overfit", seed)
    assert len(make(config).training) == 20
    assert epochs[-1].train_accuracy == 1
    assert epochs[-1].train_loss < 0.01
    losses = [epoch.val_loss for epoch in epochs]
    lowest = int(np.argmin(losses))
    assert 0 < lowest < len(epochs) / 4
    assert losses[lowest] < losses[0]
    assert losses[-1] > 2 * losses[lowest]


@pytest.mark.parametrize("seed", SEEDS)
def test_weight_decay_makes_the_boundary_gentler_and_the_validation_loss_rise_less(run, seed):
    config, epochs, _ = run("regularisation", seed)
    sharp, sharp_epochs, _ = run("overfit", seed)
    assert config == replace(sharp, weight_decay=config.weight_decay)
    assert steepness(config, epochs[-1].weights) < 0.7 * steepness(sharp, sharp_epochs[-1].weights)
    assert epochs[-1].val_loss < 0.8 * sharp_epochs[-1].val_loss
    sizes = [np.square(restore(config, each[-1].weights).flat).sum() for each in (epochs, sharp_epochs)]
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_relus_stay_dead_even_with_a_lower_learning_rate(run, seed):
    config, epochs, accuracy = run("dead-relus", seed)
    assert dead(config, epochs[0].weights) < 0.5
    assert dead(config, epochs[-1].weights) > 0.8
    assert accuracy < 0.75
    control, last = Control(), None
    for event in plane.fit(config, control):
        if isinstance(event, PlaneEpoch):
            last = event
            if event.epoch == 50:
                control.changes = {"lr": 0.05}
    assert dead(config, last.weights) > 0.8
    assert run("dead-relus", seed, lr=0.05)[2] > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_a_learning_rate_that_is_too_high_never_settles_but_a_tenth_of_it_does(run, seed):
    _, epochs, accuracy = run("rate-too-high", seed)
    losses = np.array([epoch.train_loss for epoch in epochs])
    assert losses[-20:].min() > 0.3
    assert (np.diff(losses) > 0).mean() > 0.3, "it jumps about"
    assert accuracy < 0.9
    assert run("rate-too-high", seed, lr=0.3)[1][-1].train_loss < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_relus_draw_straight_pieces_and_the_others_curves_and_sigmoid_is_slowest(run, seed):
    across = np.stack([np.linspace(-6, 6, 601), np.full(601, 0.37)], axis=1)
    straight, epochs_needed = {}, {}
    for activation in ("relu", "tanh", "sigmoid"):
        initialisation = "he" if activation == "relu" else "glorot"
        config, epochs, accuracy = run("activations", seed, activation=activation, initialisation=initialisation)
        assert accuracy > 0.97
        slopes = np.diff(logits(config, epochs[-1].weights, across))
        straight[activation] = (np.abs(np.diff(slopes)) < 1e-3 * np.abs(slopes).max()).mean()
        epochs_needed[activation] = next(epoch.epoch for epoch in epochs if epoch.train_accuracy > 0.97)
    assert straight["relu"] > 0.95
    assert max(straight["tanh"], straight["sigmoid"]) < 0.4
    assert epochs_needed["sigmoid"] > max(epochs_needed["tanh"], epochs_needed["relu"])


@pytest.mark.parametrize("seed", SEEDS)
def test_squares_as_features_replace_a_hidden_layer(run, seed):
    assert run("features", seed)[2] > 0.97
    assert run("features", seed, features=("x", "y"))[2] < 0.7


def test_every_preset_trains_in_seconds():
    """At most 10,000 steps, because a step takes a fraction of a millisecond."""
    for preset in PRESETS.values():
        steps = sum(isinstance(event, PlaneStep) for event in plane.fit(replace(preset.config, epochs=1)))
        assert steps * preset.config.epochs < 10_000
        assert isinstance(list(plane.fit(replace(preset.config, epochs=1)))[-1], Checkpoint)
