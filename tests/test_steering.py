"""All training loops: they resume exactly from any checkpoint, and changes take effect and are reported."""

from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from core import classify, memorize, plane
from core.classify import ClassifyConfig
from core.classify.inputs import Pixels
from core.memorize import MemorizeConfig
from core.plane import PlaneConfig
from core.runs.serialization import to_json
from core.training import Change, Checkpoint, Control, LoopState

MEMORIZE = MemorizeConfig("abca", hidden_size=4, num_layers=2, epochs=12)
CLASSIFY = ClassifyConfig(hidden=(6, 5), dropout=0.3, momentum=0.9, batch_size=30, epochs=3)
PLANE = PlaneConfig(dataset="blobs", hidden=(6, 5), n_points=60, batch_size=15, epochs=3)  # 42 to learn from
CHANGES = {  # by the number of the event before which they are made, from 0
    "memorize": {4: {"lr": 0.05}, 8: {"lr": 0.01}},
    "classify": {
        3: {"lr": 0.02},
        8: {"lr": 0.02, "momentum": 0.5, "dropout": 0.1},
        10: {
            "lr": 0.02,
            "momentum": 0.5,
            "dropout": 0.1,
            "label_smoothing": 0.2,
            "batch_size": 50,
            "weight_decay": 0.0,
            "schedule": "constant",
        },
    },
    "plane": {
        3: {"lr": 0.02, "edits": ((0, 1, "weight", 0, 2.0),)},
        6: {"lr": 0.02, "edits": ((0, 1, "weight", 0, 2.0), (0, 1, "weight", 0, 2.0), (1, 0, "off", 0, 1))},
        8: {"lr": 0.02, "edits": ((1, 0, "off", 0, 0), (1, 2, "frozen", 0, 1)), "batch_size": 10},
        11: {"lr": 0.02, "edits": ((1, 0, "off", 0, 1),), "batch_size": 7, "momentum": 0.5, "weight_decay": 0.01},
    },
}


@pytest.fixture(params=["memorize", "classify", "plane"])
def kind(request):
    return request.param


@pytest.fixture
def fit(kind, make_dataset):
    """fit(control=..., checkpoint=...) of a small run."""
    if kind == "memorize":
        return partial(memorize.fit, MEMORIZE)
    if kind == "plane":
        return partial(plane.fit, PLANE)
    return partial(classify.fit, CLASSIFY, make_dataset(train=133))  # 120 to learn from: 4 batches, or 3


def follow(run, control, changes, events, until=None):
    """Append the run's events, as text, to `events`, changing settings on the way. Returns the first Checkpoint.

    until: number of events at which a checkpoint is requested; by default, the run's last checkpoint is returned.
    """
    while True:
        control.changes = changes.get(len(events), control.changes)
        control.checkpoint_requested |= len(events) == until
        item = next(run)
        if isinstance(item, Checkpoint):
            return item
        events.append(to_json(item))


@pytest.mark.slow
def test_a_run_resumes_exactly_wherever_it_was_interrupted(kind, fit):
    control, whole = Control(), []
    end = follow(fit(control=control), control, CHANGES[kind], whole)
    assert sum('"name"' in event for event in whole) >= 2, "changes were reported"
    for place in range(len(whole) + 1):
        control, events = Control(), []
        checkpoint = follow(fit(control=control), control, CHANGES[kind], events, until=place)
        steps = [event for event in events[place:] if '"loss"' in event and '"epoch"' in event]
        assert len(steps) <= 1, "the current step and epoch are completed, but no other step follows"
        checkpoint = Checkpoint.from_bytes(checkpoint.to_bytes())
        control = Control(dict(control.changes))
        last = follow(fit(control=control, checkpoint=checkpoint), control, CHANGES[kind], events)
        assert events == whole, f"interrupted after {place} events"
        assert last.to_bytes() == end.to_bytes()


def test_a_checkpoint_contains_the_changed_settings(kind, fit):
    control, events = Control({"lr": 0.02}), []
    checkpoint = follow(fit(control=control), control, {}, events, until=6)
    follow(fit(checkpoint=checkpoint), Control(), {}, events)
    control, whole = Control({"lr": 0.02}), []
    follow(fit(control=control), control, {}, whole)
    assert events == whole


def test_resuming_does_not_change_the_checkpoint(fit):
    control = Control()
    checkpoint = follow(fit(control=control), control, {}, [], until=4)
    before = checkpoint.to_bytes()
    once, twice = [], []
    follow(fit(checkpoint=checkpoint), Control(), {}, once)
    follow(fit(checkpoint=checkpoint), Control(), {}, twice)
    assert once == twice
    assert checkpoint.to_bytes() == before


def test_training_does_not_change_a_checkpoint_it_has_yielded(fit):
    control = Control(checkpoint_requested=True)
    run = fit(control=control)
    checkpoint = next(run)
    assert not control.checkpoint_requested
    before = deepcopy(dict(checkpoint.arrays))
    list(run)
    for name, array in before.items():
        np.testing.assert_array_equal(checkpoint.arrays[name], array)


def test_a_checkpoint_with_weights_only_starts_a_new_run(kind, fit):
    *_, end = fit()
    control = Control(checkpoint_requested=True)
    run = fit(control=control, checkpoint=end.weights())
    first = next(run)
    for name, array in end.section("model").items():
        np.testing.assert_array_equal(first.section("model")[name], array)
    assert {"model"} <= {name.partition(".")[0] for name in first.arrays}
    *_, again = run
    assert again.metadata != first.metadata


def test_weights_of_another_network_are_rejected(make_dataset):
    *_, wide = memorize.fit(replace(MEMORIZE, hidden_size=5, epochs=1))
    with pytest.raises(ValueError, match=r"belong to another network: .* is \(.*\) in them, but \(.*\) in this one"):
        next(memorize.fit(MEMORIZE, checkpoint=wide))
    dataset = make_dataset()
    *_, deep = classify.fit(replace(CLASSIFY, hidden=(6, 5, 4), epochs=1), dataset)
    with pytest.raises(ValueError, match="belong to another network"):
        next(classify.fit(CLASSIFY, dataset, checkpoint=deep))


def test_the_model_of_a_run_can_be_restored_from_its_checkpoint(make_dataset):
    dataset = make_dataset()
    *events, _, result, end = classify.fit(CLASSIFY, dataset)
    model = classify.restore_model(CLASSIFY, dataset, end)
    numbers = np.arange(len(dataset.y_test))
    evaluated = classify.evaluate(model, Pixels(dataset), "test", numbers, dataset.y_test)
    assert evaluated == (result.loss, result.accuracy)
    config = replace(MEMORIZE, epochs=80, lr=0.05)
    *events, end = memorize.fit(config)
    alphabet = memorize.Alphabet(config.sentence)
    said = memorize.generate_text(memorize.restore_model(config, end), alphabet, max_length=14)
    assert said == events[-1].reconstruction


def test_a_checkpoint_counts_parameters_and_nothing_else(make_dataset):
    *_, end = memorize.fit(MEMORIZE)
    assert end.parameter_count == sum(weights.numel() for weights in memorize.make_model(MEMORIZE).parameters())
    assert end.weights().parameter_count == end.parameter_count
    dataset = make_dataset()
    *_, end = classify.fit(CLASSIFY, dataset)
    assert end.parameter_count == sum(classify.parameter_counts(CLASSIFY, (5, 4), 4))


def test_each_change_is_reported_once_when_it_takes_effect(make_dataset):
    control = Control({"lr": 0.02, "momentum": 0.5})
    first, second, step, *rest = classify.fit(CLASSIFY, make_dataset(), control)
    assert (first, second) == (Change(0, "lr", 0.02), Change(0, "momentum", 0.5))
    assert step.lr == 0.02
    assert not [event for event in rest if isinstance(event, Change)]


def test_a_change_that_the_config_rejects_ends_the_run_with_its_error(fit):
    with pytest.raises(ValueError, match="The learning rate must be a number from 1e-06 to 10"):
        next(fit(control=Control({"lr": -1.0})))


def test_the_loop_state_makes_a_new_config_only_if_the_changes_differ():
    control = Control()
    loop = LoopState(CLASSIFY, control, None)
    assert not list(loop.apply_changes(0))
    assert loop.now == CLASSIFY
    control.changes["lr"] = 0.3
    assert list(loop.apply_changes(7)) == [Change(7, "lr", 0.3)]
    assert loop.changes() == {"lr": 0.3}
    now = loop.now
    assert not list(loop.apply_changes(8))
    assert loop.now is now
    control.changes = {}
    assert list(loop.apply_changes(9)) == [Change(9, "lr", CLASSIFY.lr)]
    assert loop.now == CLASSIFY


@pytest.mark.parametrize("data", [b"", b"not a file", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}", b"PK\x03\x04broken"])
def test_data_that_is_not_a_checkpoint_is_rejected(data):
    with pytest.raises(ValueError, match="not a checkpoint of a run"):
        Checkpoint.from_bytes(data)


def test_a_checkpoint_that_would_run_code_is_rejected(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    np.savez(tmp_path / "evil.npz", metadata=np.array("{}"), weights=np.array([Evil()], dtype=object))
    with pytest.raises(ValueError, match="not a checkpoint of a run"):
        Checkpoint.from_bytes((tmp_path / "evil.npz").read_bytes())
    assert not (tmp_path / "owned").exists()
