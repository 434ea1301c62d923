"""Training: steps match PyTorch's, edits take effect, and a run can be interrupted and replayed anywhere."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from core import plane
from core.plane import (
    DATASETS,
    Edit,
    PlaneConfig,
    PlaneEpoch,
    PlaneResult,
    PlaneStep,
    from_text,
    make,
    split,
    with_edit,
)
from core.plane.features import compute_features
from core.plane.network import PlaneNetwork, evaluate, restore
from core.plane.replay import replay, state_at
from core.plane.training import random_stream
from core.runs.serialization import to_json
from core.training import Change, Checkpoint, Control, TrainingDiverged
from tests.plane.test_config import SQUARE, default

CONFIG = PlaneConfig(dataset="blobs", hidden=(5, 4), n_points=60, epochs=4, batch_size=15, noise=0.4)  # 42 for training


def fit(*arguments) -> list:
    """The loop's events, without its checkpoints."""
    return [event for event in plane.fit(*arguments) if not isinstance(event, Checkpoint)]


def of_type(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("name", DATASETS)
def test_events_are_the_initial_state_one_step_per_batch_one_epoch_per_pass_and_a_result(name):
    config = replace(default(name), n_points=60, epochs=3, batch_size=20)
    training = len(make(config).training)
    steps = -(-training // 20)
    events = fit(config)
    assert [type(event) for event in events] == [PlaneEpoch, *([PlaneStep] * steps + [PlaneEpoch]) * 3, PlaneResult]
    assert [epoch.epoch for epoch in of_type(PlaneEpoch, events)] == [0, 1, 2, 3]
    assert [epoch.step for epoch in of_type(PlaneEpoch, events)] == [0, steps, 2 * steps, 3 * steps]
    assert [step.step for step in of_type(PlaneStep, events)] == list(range(3 * steps))
    assert [epoch.is_last for epoch in of_type(PlaneEpoch, events)] == [False, False, False, True]
    assert (events[-1].accuracy is None) == (config.task == "regression" or name == "own")
    for event in events:
        to_json(event)


def test_the_result_is_measured_on_the_test_points():
    config = replace(CONFIG, classes=4)
    *_, last, result = fit(config)
    data = make(config)
    network = restore(config, last.weights)
    outputs = network(compute_features(config.features, data.test_points)).data
    assert (result.loss, result.accuracy) == evaluate(config, outputs, data.test_targets)
    confusion = np.array(result.confusion)
    assert confusion.sum() == result.size == 500
    assert confusion.trace() / 500 == pytest.approx(result.accuracy)
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(data.test_targets))
    own = fit(PlaneConfig(dataset="own", points=SQUARE * 3, epochs=1))
    assert own[-1] == PlaneResult(0, None, None)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_match_pytorch_also_with_units_switched_off_and_frozen(task, optimizer):
    edits = (Edit(0, 1, "off"), Edit(1, 2, "frozen"), Edit(2, 0, "frozen"), Edit(0, 0, "weight", 1, 1.5))
    config = replace(CONFIG, optimizer=optimizer, weight_decay=0.01, edits=edits, lr=0.02)
    if task == "regression":
        config = replace(config, task=task, dataset="saddle")
    events = fit(config)
    data, rng = make(config), random_stream(config, "training")
    network = PlaneNetwork(config, rng)
    network.type_number(edits[3])
    parameters = [torch.tensor(part.copy(), requires_grad=True) for part in split(config, network.flat)]
    if optimizer == "sgd":
        theirs = torch.optim.SGD(parameters, config.lr, config.momentum, weight_decay=config.weight_decay)
    else:
        theirs = torch.optim.Adam(parameters, config.lr, (config.momentum, 0.999), weight_decay=config.weight_decay)
    x, losses = torch.tensor(compute_features(config.features, data.points)), []
    mask = torch.ones(5)
    mask[1] = 0
    for _ in range(config.epochs):
        order = rng.permutation(data.training)
        for start in range(0, len(order), config.batch_size):
            batch = order[start : start + config.batch_size]
            hidden = torch.tanh(x[batch] @ parameters[0] + parameters[1]) * mask
            hidden = torch.tanh(hidden @ parameters[2] + parameters[3])
            outputs, targets = hidden @ parameters[4] + parameters[5], torch.tensor(data.targets[batch])
            if task == "regression":
                loss = torch.nn.functional.mse_loss(outputs[:, 0], targets)
            else:
                loss = torch.nn.functional.cross_entropy(outputs, targets)
            theirs.zero_grad()
            loss.backward()
            kept = [parameters[i].detach()[..., unit].clone() for i, unit in ((2, 2), (3, 2), (4, 0), (5, 0))]
            theirs.step()
            with torch.no_grad():
                for (i, unit), values in zip(((2, 2), (3, 2), (4, 0), (5, 0)), kept, strict=True):
                    parameters[i][..., unit] = values
            losses.append(loss.item())
    np.testing.assert_allclose([step.loss for step in of_type(PlaneStep, events)], losses, rtol=2e-4, atol=1e-5)
    flat = np.concatenate([parameter.detach().numpy().reshape(-1) for parameter in parameters])
    np.testing.assert_allclose(from_text(of_type(PlaneEpoch, events)[-1].weights), flat, rtol=2e-3, atol=2e-4)


def test_weights_of_an_epoch_give_its_losses_and_accuracies():
    data = make(CONFIG)
    for epoch in of_type(PlaneEpoch, fit(CONFIG)):
        network = restore(CONFIG, epoch.weights)
        for part, loss, accuracy in (
            (data.training, epoch.train_loss, epoch.train_accuracy),
            (data.validation, epoch.val_loss, epoch.val_accuracy),
        ):
            outputs = network(compute_features(CONFIG.features, data.points[part])).data
            assert evaluate(CONFIG, outputs, data.targets[part]) == pytest.approx((loss, accuracy), rel=1e-5)


def test_without_validation_points_there_is_no_validation_loss():
    epochs = of_type(PlaneEpoch, fit(replace(CONFIG, validation=0.0)))
    assert all(epoch.val_loss is None and epoch.val_accuracy is None for epoch in epochs)


def test_steps_contain_weights_and_batch_for_someone_who_follows():
    control = Control(verbose=True)
    steps = of_type(PlaneStep, fit(CONFIG, control))
    assert sorted(steps[0].batch + steps[1].batch + steps[2].batch) == sorted(make(CONFIG).training)
    epochs = of_type(PlaneEpoch, fit(CONFIG))
    assert [step.weights for step in steps[2::3]] == [epoch.weights for epoch in epochs[1:]]
    assert {step.weights for step in of_type(PlaneStep, fit(CONFIG))} == {""}


# Edits


def steered(changes: dict[int, dict], config: PlaneConfig = CONFIG) -> list:
    """The events of a run whose settings are changed before these steps."""
    control, events = Control(dict(changes.get(0, {}))), []
    for event in plane.fit(config, control):
        if isinstance(event, PlaneStep):
            control.changes = control.changes | changes.get(event.step + 1, {})
            control.checkpoint_requested = True
        events.append(event)
    return events


def checkpoints(events: list) -> dict[int, np.ndarray]:
    """The parameters after each step."""
    found = of_type(Checkpoint, events)
    return {state.metadata["progress"]["step"]: state.arrays["model.flat"] for state in found}


def test_a_typed_weight_takes_effect_once_and_training_goes_on_from_it():
    edits = with_edit((), Edit(1, 2, "weight", 3, 2.0))
    config = replace(CONFIG, lr=1e-6)
    before, after = checkpoints(steered({}, config)), checkpoints(steered({5: {"edits": edits}}, config))
    place = 2 * 5 + 5 + 3 * 4 + 2
    np.testing.assert_array_equal(before[5], after[5])
    assert after[6][place] == pytest.approx(2, abs=1e-4)
    assert after[6][place] != 2, "it is trained"
    others = np.delete(np.arange(len(after[6])), place)
    np.testing.assert_allclose(after[6][others], before[6][others], atol=1e-4)
    again = checkpoints(steered({5: {"edits": edits}, 7: {"edits": edits, "lr": 1e-5}}, config))
    assert abs(again[8][place] - again[7][place]) > 0
    assert again[8][place] != pytest.approx(2, abs=1e-9), "it is not typed again when another setting changes"
    typed_twice = checkpoints(steered({5: {"edits": edits}, 7: {"edits": with_edit(edits, edits[0])}}, config))
    assert abs(typed_twice[8][place] - 2) < abs(typed_twice[7][place] - 2) + 1e-5


def test_frozen_weights_stay_as_they_are_and_learn_again_afterwards():
    frozen = with_edit((), Edit(1, 2, "frozen"))
    thawed = with_edit(frozen, Edit(1, 2, "frozen", 0, 0))
    config = replace(CONFIG, weight_decay=0.1)
    states = checkpoints(steered({3: {"edits": frozen}, 8: {"edits": thawed}}, config))
    incoming = [split(config, states[step])[2][:, 2] for step in range(1, 12)]
    biases = [split(config, states[step])[3][2] for step in range(1, 12)]
    moved = [bool((a != b).any()) for a, b in pairwise(incoming)]
    assert moved == [True, True, False, False, False, False, False, True, True, True]
    assert len(set(biases[2:8])) == 1
    others = [split(config, states[step])[2][:, 1] for step in range(1, 12)]
    assert all((a != b).any() for a, b in pairwise(others))


def test_a_unit_that_is_off_gets_no_gradient():
    off = with_edit((), Edit(0, 1, "off"))
    states = checkpoints(steered({0: {"edits": off, "momentum": 0.0}}))
    for parameters in (split(CONFIG, states[1]), split(CONFIG, states[9])):
        np.testing.assert_array_equal(parameters[0][:, 1], split(CONFIG, states[1])[0][:, 1])
        np.testing.assert_array_equal(parameters[2][1], split(CONFIG, states[1])[2][1])


CHANGES = {
    2: {"lr": 0.02, "edits": ((0, 1, "weight", 0, 2.0),)},
    4: {"edits": [[0, 1, "weight", 0, 2.0], [0, 1, "weight", 0, 2.0], [1, 0, "off", 0, 1]], "batch_size": 7},
    9: {"edits": ((0, 1, "weight", 0, 2.0), (0, 1, "weight", 0, 2.0), (1, 0, "off", 0, 0), (0, 3, "frozen", 0, 1))},
    11: {"weight_decay": 0.01, "momentum": 0.5},
}


def test_changes_are_events_with_the_edits():
    changes = of_type(Change, steered(CHANGES))
    assert [(change.at, change.name) for change in changes] == [
        *(
            (2, "lr"),
            (2, "edits"),
            (4, "batch_size"),
            (4, "edits"),
            (9, "edits"),
            (11, "momentum"),
            (11, "weight_decay"),
        ),
    ]
    assert changes[3].value == (*[Edit(0, 1, "weight", 0, 2.0)] * 2, Edit(1, 0, "off", 0, 1))


def test_every_state_of_a_steered_run_is_recomputed_bit_for_bit():
    events = steered(CHANGES)
    changes, states = of_type(Change, events), checkpoints(events)
    for step in (1, 2, 3, 4, 5, 9, 10, 12, max(states)):
        np.testing.assert_array_equal(state_at(CONFIG, changes, step).arrays["model.flat"], states[step])
    middle = state_at(CONFIG, changes, 5)
    *_, state = replay(CONFIG, changes, 10, Checkpoint.from_bytes(middle.to_bytes()))
    np.testing.assert_array_equal(state.arrays["model.flat"], states[10])


# Bad luck


def test_a_diverging_loss_is_explained():
    config = replace(CONFIG, task="regression", dataset="saddle", activation="relu", lr=10, features=("x2", "y2", "xy"))
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="Try a learning rate well below"):
        fit(replace(config, epochs=50))


def test_weights_of_another_network_are_rejected():
    *_, end = plane.fit(CONFIG)
    with pytest.raises(ValueError, match="belong to another network"):
        fit(replace(CONFIG, hidden=(5, 5)), None, end.weights())


@pytest.mark.parametrize("points", [SQUARE, (*SQUARE, (0, 0, 1)), SQUARE * 500])
def test_any_number_of_own_points_can_be_trained_on(points):
    events = fit(PlaneConfig(dataset="own", points=points, epochs=2, validation=0.5))
    assert of_type(PlaneEpoch, events)[-1].val_loss is not None
