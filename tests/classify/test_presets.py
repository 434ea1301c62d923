"""Every preset does what its text says."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from core import classify
from core.classify import Epoch, Result, Step, datasets
from core.classify.inputs import FEATURES
from core.classify.presets import PRESETS, TEACHING_DATASET

GUESSING = np.log(10)


@pytest.fixture(scope="module")
def run():
    """run(name, **changed) gives the Steps, Epochs and Result of a preset on TEACHING_DATASET, trained once."""
    cache = {}

    def run(name: str, **changed):
        key = (name, *changed.items())
        if key not in cache:
            preset = PRESETS[name]
            config = replace(preset.config(TEACHING_DATASET), **changed)
            events = list(classify.fit(config, datasets.load(TEACHING_DATASET)))
            kinds = ([event for event in events if isinstance(event, kind)] for kind in (Step, Epoch, Result))
            cache[key] = tuple(kinds)
        return cache[key]

    return run


def test_each_text_has_two_sentences():
    for preset in PRESETS.values():
        assert 2 <= preset.text.count(". ") + preset.text.endswith(".") <= 2, preset.text


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("dataset", datasets.DATASETS)
@pytest.mark.parametrize("features", FEATURES)
def test_each_preset_works_with_any_dataset(name, dataset, features):
    config = PRESETS[name].config(dataset, features)
    assert (config.dataset, config.features) == (dataset, features)


def test_baseline_has_two_hidden_layers_and_no_augmentation():
    for dataset, epochs in (("mnist", 20), ("fashion-mnist", 20), ("cifar10", 30)):
        config = PRESETS["baseline"].config(dataset)
        assert (config.epochs, config.augment, len(config.hidden)) == (epochs, (), 2)


def test_fast_reaches_90_percent_in_five_epochs(run):
    _, epochs, [result] = run("fast")
    assert len(epochs) == 5
    assert result.accuracy > 0.9


def test_best_beats_baseline_and_trains_on_harder_images(run):
    _, epochs, [result] = run("best", epochs=10)
    assert result.accuracy > run("baseline")[2][0].accuracy
    assert epochs[-1].train_accuracy < epochs[-1].val_accuracy


def test_rate_too_high_never_falls_but_a_tenth_of_it_does(run):
    steps, epochs, [result] = run("rate-too-high")
    assert min(epoch.train_loss for epoch in epochs) > 2 * GUESSING
    assert np.mean(np.diff([step.loss for step in steps]) > 0) > 0.3, "it jumps about"
    assert result.accuracy < 0.4
    assert run("rate-too-high", lr=0.05)[2][0].accuracy > 0.9


def test_rate_too_low_falls_in_a_straight_line_and_stays_high(run):
    _, epochs, _ = run("rate-too-low")
    losses = [epoch.train_loss for epoch in epochs]
    assert len(losses) == 20
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] > 1.5
    assert np.corrcoef(range(20), losses)[0, 1] < -0.98
    assert run("rate-too-low", lr=0.05)[1][-1].train_loss < 0.3


def test_no_hidden_layer_stops_at_about_90_percent(run):
    _, _, [result] = run("no-hidden-layer")
    assert 0.85 < result.accuracy < 0.93
    assert result.accuracy < run("baseline")[2][0].accuracy - 0.02


def test_almost_no_gradient_reaches_the_first_of_twenty_layers(run):
    _, epochs, [result] = run("twenty-layers")
    assert len(epochs[0].layers) == 21
    assert epochs[0].layers[0].gradient_ratio < 1e-6 * epochs[0].layers[-1].gradient_ratio
    assert result.accuracy < 0.2
    relus = run("twenty-layers", activation="relu", initialisation="he")
    assert relus[1][0].layers[0].gradient_ratio > 1e-3
    assert relus[2][0].accuracy > 0.5


def test_dead_relus_stay_dead(run):
    _, epochs, [result] = run("dead-relus")
    assert epochs[-1].layers[1].dead > 0.9
    assert result.accuracy < 0.25
    assert run("dead-relus", initialisation="he")[1][-1].layers[1].dead < 0.1


def test_two_hundred_images_are_memorised(run):
    _, epochs, _ = run("overfit")
    assert epochs[-1].train_accuracy == 1
    assert epochs[-1].train_loss < 0.01
    lowest = min(epoch.val_loss for epoch in epochs)
    assert epochs[-1].val_loss > 1.1 * lowest, "it turns and rises"
    assert epochs[-1].val_accuracy < 0.9


def test_all_zero_does_not_beat_guessing(run):
    steps, _, [result] = run("all-zero")
    assert all(abs(step.loss - GUESSING) < 0.05 for step in steps)
    assert result.accuracy < 0.15


def test_shuffled_labels_are_memorised_without_generalising(run):
    _, epochs, [result] = run("shuffled-labels")
    assert epochs[-1].train_accuracy == 1
    assert result.accuracy < 0.15
    assert epochs[-1].val_loss > 1.5 * GUESSING


def test_digits_are_never_mirrored():
    for preset, features in product(PRESETS.values(), FEATURES):
        config = preset.config("mnist", features)
        assert "flip" not in config.augment
        assert "mirror" not in config.average
