"""Classifying: data are split cleanly, the loop does what PyTorch's would do, and test pictures teach nothing."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
import torch

from core import classify
from core.classify import (
    MLP,
    ClassifyConfig,
    Epoch,
    PreparationProgress,
    Result,
    Step,
    datasets,
    evaluate,
    make_model,
    parameter_counts,
    predict,
    validation_size,
)
from core.classify.inputs import Pixels, Standardizer
from core.runs.serialization import to_json
from core.training import Checkpoint, Control, TrainingDiverged

SMALL = ClassifyConfig(hidden=(16,), lr=0.05, batch_size=20, epochs=3)


def fit(*arguments) -> Iterator:
    """The loop's events, without its checkpoints."""
    return (event for event in classify.fit(*arguments) if not isinstance(event, Checkpoint))


def of_kind(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


def without_arrays(event) -> tuple:
    """The event's numbers, and what the model thinks of its pictures as bytes, so that two can be compared."""
    parts = [getattr(event, field.name) for field in fields(event)]
    return tuple(part.probabilities.tobytes() if hasattr(part, "probabilities") else part for part in parts)


# Batches and inputs


@pytest.mark.parametrize("batch_size", [1, 7, 30, 45])
def test_every_epoch_sees_every_training_picture_once_in_batches_of_permuted_samples(make_dataset, batch_size):
    dataset, orders = make_dataset(train=50), []
    control = Control()
    for event in classify.fit(replace(SMALL, batch_size=batch_size), dataset, control):
        if isinstance(event, Step):
            control.checkpoint_requested = True
        if isinstance(event, Checkpoint):
            orders.append(event.arrays["order"])
    different = np.unique(orders, axis=0)
    assert len(different) == 3, "an order for each epoch"
    training = np.random.default_rng(SMALL.seed).permutation(50)[5:]
    for order in different:
        assert sorted(order) == sorted(training)
        assert (np.diff(order[:10]) != 1).any()


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3)])
def test_inputs_have_mean_0_and_deviation_1_in_each_colour(shape):
    pictures = np.random.default_rng(0).integers(0, 200, (700, *shape), np.uint8)
    if len(shape) == 3:
        pictures[..., 1] //= 4  # a colour of its own mean and deviation
    inputs = Standardizer(pictures)(pictures)
    assert inputs.shape == (700, np.prod(shape))
    assert inputs.dtype == np.float32
    channels = inputs.reshape(-1, 3 if len(shape) == 3 else 1)
    np.testing.assert_allclose(channels.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(channels.std(axis=0), 1, atol=0.05)


def test_pictures_that_are_all_alike_are_no_division_by_zero():
    assert np.isfinite(Standardizer(np.zeros((9, 4, 4), np.uint8))(np.zeros((2, 4, 4), np.uint8))).all()


# The model


def as_torch(model: MLP) -> torch.nn.Sequential:
    """The same network with a copy of its weights, made of PyTorch's layers."""
    arrays = list(model.state_dict().values())
    layers = []
    for weight, bias in zip(arrays[::2], arrays[1::2], strict=True):
        linear = torch.nn.Linear(*weight.shape)
        linear.load_state_dict({"weight": torch.tensor(weight.T), "bias": torch.tensor(bias)})
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("hidden", [(), (7,), (9, 8, 7)])
def test_the_mlp_is_linear_layers_with_relus_between_them(hidden):
    model = MLP(12, hidden, 5, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((4, 12)).astype(np.float32)
    np.testing.assert_allclose(model(x).data, as_torch(model)(torch.tensor(x)).detach(), atol=1e-6)
    np.testing.assert_allclose(predict(model, x).sum(axis=1), 1, rtol=1e-6)


def test_ten_steps_are_those_of_pytorch(make_dataset):
    """The loop's own losses, against PyTorch's SGD on the same batches, with momentum, weight decay and a cosine."""
    config = replace(SMALL, epochs=2, weight_decay=1e-3)
    dataset = make_dataset(train=112)  # 101 to learn from, after 11 for validation: five full batches and one of 1
    losses = [event.loss for event in of_kind(Step, list(fit(config, dataset)))]
    assert len(losses) == 12

    rng = np.random.default_rng(config.seed)
    training = rng.permutation(112)[11:]
    theirs = as_torch(MLP(20, config.hidden, 4, rng))
    optimizer = torch.optim.SGD(theirs.parameters(), config.lr, config.momentum, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
    standardize = Standardizer(dataset.x_train)
    expected = []
    for _ in range(config.epochs):
        order = rng.permutation(training)
        for start in range(0, 101, config.batch_size):
            numbers = order[start : start + config.batch_size]
            logits = theirs(torch.tensor(standardize(dataset.x_train[numbers])))
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor(dataset.y_train[numbers]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            expected.append(loss.item())
    np.testing.assert_allclose(losses, expected, rtol=2e-4, atol=1e-5)


# The loop


def test_a_step_a_batch_an_epoch_after_each_pass_and_a_result(make_dataset):
    events = list(fit(SMALL, make_dataset(train=200)))
    assert [type(event).__name__ for event in events] == (["Step"] * 9 + ["Epoch"]) * 3 + ["Result"]
    assert [step.step for step in of_kind(Step, events)] == list(range(27))
    assert [step.epoch for step in of_kind(Step, events)] == [0] * 9 + [1] * 9 + [2] * 9
    assert [epoch.step for epoch in of_kind(Epoch, events)] == [8, 17, 26]
    for epoch in of_kind(Epoch, events):
        losses = [step.loss for step in of_kind(Step, events) if step.epoch == epoch.epoch]
        assert epoch.train_loss == pytest.approx(np.mean(losses))
    assert events[-1].size == 40


def test_the_schedule_scales_the_learning_rate(make_dataset):
    steps = of_kind(Step, list(fit(replace(SMALL, schedule="cosine"), make_dataset())))
    assert steps[0].lr == SMALL.lr
    assert steps[len(steps) // 2].lr == pytest.approx(SMALL.lr / 2, rel=0.1)
    assert steps[-1].lr < SMALL.lr / 100


def test_a_fixed_handful_of_test_pictures_is_shown_with_probabilities(make_dataset):
    dataset = make_dataset()
    first, *_, last = (epoch.samples for epoch in of_kind(Epoch, list(fit(SMALL, dataset))))
    assert list(first.labels) == [0, 1, 2, 3]
    np.testing.assert_array_equal(first.images, last.images)
    for samples in (first, last):
        np.testing.assert_allclose(samples.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (last.probabilities.argmax(axis=1) == last.labels).all()
    assert (first.probabilities != last.probabilities).any(), "each event has a copy of its own"


def test_the_same_seed_gives_the_same_events_and_another_seed_others(make_dataset):
    dataset, config = make_dataset(), replace(SMALL, dropout=0.3)
    once, twice = ([without_arrays(event) for event in fit(config, dataset)] for _ in range(2))
    assert once == twice
    assert once != [without_arrays(event) for event in fit(replace(config, seed=1), dataset)]


def test_numpy_s_global_randomness_is_neither_used_nor_touched(make_dataset):
    np.random.seed(0)
    expected = np.random.random()
    np.random.seed(0)
    list(fit(replace(SMALL, epochs=1, dropout=0.5), make_dataset()))
    assert np.random.random() == expected


def test_test_data_choose_nothing(make_dataset):
    """With other test pictures and labels everything but what is said of them stays as it was."""
    dataset = make_dataset()
    rng = np.random.default_rng(9)
    other = replace(dataset, x_test=rng.permutation(dataset.x_test[::-1]), y_test=rng.permutation(dataset.y_test))

    def numbers(data):
        return [without_arrays(event)[:7] for event in fit(SMALL, data) if not isinstance(event, Result)]

    assert numbers(dataset) == numbers(other)


def test_validation_pictures_are_set_aside_from_training(make_dataset):
    """With other labels for them every step stays as it was; only what is said of them changes."""
    dataset = make_dataset(train=50)
    assert validation_size(50) == 5
    validation = np.random.default_rng(SMALL.seed).permutation(50)[:5]
    labels = dataset.y_train.copy()
    labels[validation] = (labels[validation] + 1) % 4
    config = replace(SMALL, batch_size=45)
    before, after = (list(fit(config, data)) for data in (dataset, replace(dataset, y_train=labels)))
    assert of_kind(Step, before) == of_kind(Step, after)
    assert [epoch.train_accuracy for epoch in of_kind(Epoch, before)] == [
        epoch.train_accuracy for epoch in of_kind(Epoch, after)
    ]
    assert [epoch.val_loss for epoch in of_kind(Epoch, before)] != [epoch.val_loss for epoch in of_kind(Epoch, after)]


def test_thirty_two_pictures_are_learned_by_heart(make_dataset):
    config = ClassifyConfig(hidden=(64,), lr=0.1, weight_decay=0, batch_size=29, epochs=60, schedule="constant")
    *_, last = of_kind(Epoch, list(fit(config, make_dataset(train=32, noise=200))))
    assert last.train_accuracy == 1
    assert last.train_loss < 0.02


def test_real_digits_are_learned_in_seconds():
    config = ClassifyConfig(dataset="mnist-5k", epochs=10)
    *_, result = fit(config, datasets.load("mnist-5k"))
    assert result.size == 1_000
    assert result.accuracy > 0.93


def test_evaluation_does_not_depend_on_how_many_fit_into_a_thousand(make_dataset):
    dataset = make_dataset(test=2_300)
    model, inputs = MLP(20, (6,), 4, np.random.default_rng(0), dropout=0.5), Pixels(dataset)
    loss, accuracy = evaluate(model, inputs, "test", np.arange(len(dataset.y_test)), dataset.y_test)
    probabilities = predict(model.eval(), inputs.encode(dataset.x_test))
    assert accuracy == (probabilities.argmax(axis=1) == dataset.y_test).mean()
    assert loss == pytest.approx(-np.log(probabilities[np.arange(2_300), dataset.y_test]).mean(), rel=1e-4)
    assert model.eval().training is False


def test_colours_and_no_hidden_layer_are_fine(make_dataset):
    *_, result = fit(replace(SMALL, hidden=()), make_dataset(shape=(4, 4, 3)))
    assert result.accuracy > 0.9


# Other networks, other inputs


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": "adam", "lr": 0.01},
        {"activation": "tanh", "initialisation": "glorot"},
        {"activation": "sigmoid", "initialisation": "glorot", "lr": 0.5},
        {"augment": ("shift", "rotate")},
        {"features": "patches", "patches": 20},
        {"features": "patches", "patches": 20, "augment": ("flip",)},
        {"train_size": 60},
    ],
)
def test_every_kind_of_network_learns_and_goes_on_as_if_never_interrupted(make_dataset, monkeypatch, tmp_path, changed):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    dataset = make_dataset(shape=(12, 12))
    config = replace(SMALL, epochs=6, **changed)
    events = list(fit(config, dataset))
    [result] = of_kind(Result, events)
    assert result.accuracy > 0.9

    control = Control()
    interrupted = classify.fit(config, dataset, control)
    before = [next(interrupted) for _ in range(events.index(of_kind(Step, events)[7]))]
    control.checkpoint_requested = True
    assert len(before) > 6
    checkpoint = next(event for event in interrupted if isinstance(event, Checkpoint))
    rest = of_kind(Step, list(fit(config, dataset, None, Checkpoint.from_bytes(checkpoint.to_bytes()))))
    assert rest == of_kind(Step, events)[rest[0].step :]


def test_patch_features_are_prepared_before_the_first_step(make_dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    config = replace(SMALL, features="patches", patches=6)
    events = list(fit(config, make_dataset(shape=(12, 12))))
    preparations = of_kind(PreparationProgress, events)
    assert events[: len(preparations)] == preparations
    assert preparations[-1].fraction == 1
    assert not of_kind(PreparationProgress, list(fit(config, make_dataset(shape=(12, 12)))))


def test_augmented_pictures_are_new_at_every_step_and_never_those_that_are_evaluated(make_dataset):
    inputs = Pixels(make_dataset(shape=(12, 12)), ("rotate",))
    rng, numbers = np.random.default_rng(0), np.arange(10)
    assert (inputs.train_batch(numbers, rng) != inputs.train_batch(numbers, rng)).any()
    np.testing.assert_array_equal(inputs.batch("train", numbers), inputs.encode(inputs.pictures["train"][numbers]))


def test_a_few_pictures_are_some_of_the_many(make_dataset):
    dataset = make_dataset()
    used, everything = (
        [event for event in fit(replace(SMALL, epochs=1, train_size=size), dataset) if isinstance(event, Step)]
        for size in (40, 0)
    )
    assert len(used) == 2
    assert len(everything) == 9
    with pytest.raises(ValueError, match="180 pictures to learn from, as 20 are set aside for validation; 181"):
        next(fit(replace(SMALL, train_size=181), dataset))


def test_labels_dealt_out_at_random_can_be_learned_by_heart_but_not_understood(make_dataset):
    config = replace(SMALL, hidden=(128,), epochs=60, weight_decay=0, shuffled_labels=True)
    dataset = make_dataset(train=100, test=200, noise=100)
    events = list(fit(config, dataset))
    last = of_kind(Epoch, events)[-1]
    assert last.train_accuracy > 0.95
    assert of_kind(Result, events)[0].accuracy < 0.6
    assert np.bincount(dataset.y_train).tolist() == [25] * 4, "the data set itself stays as it was"


def test_every_epoch_tells_how_the_layers_are(make_dataset):
    events = list(fit(replace(SMALL, hidden=(16, 8)), make_dataset()))
    for epoch in of_kind(Epoch, events):
        assert [layer.dead is None for layer in epoch.layers] == [False, False, True]
        assert all(layer.gradient_ratio > 0 for layer in epoch.layers)


def test_the_hidden_layers_activations_are_those_that_lead_to_the_answer(make_dataset):
    dataset = make_dataset()
    model = make_model(replace(SMALL, hidden=(16, 8)), dataset, np.random.default_rng(0)).eval()
    x = Pixels(dataset).batch("test", np.arange(7))
    first, second = model.activations(x)
    assert (first.shape, second.shape) == ((7, 16), (7, 8))
    assert first.min() == 0
    np.testing.assert_allclose(model.linears()[-1](second).data, model(x).data, rtol=1e-6)


@pytest.mark.parametrize("features", ["pixels", "patches"])
def test_parameters_are_counted_before_there_are_any(make_dataset, features):
    dataset = make_dataset(shape=(12, 12))
    config = replace(SMALL, hidden=(16, 8), features=features)
    model = make_model(config, dataset, np.random.default_rng(0))
    counts = parameter_counts(config, (12, 12), 4)
    assert counts == [layer.weight.data.size + layer.bias.data.size for layer in model.linears()]


def test_a_network_that_would_fill_the_memory_is_refused(make_dataset):
    with pytest.raises(ValueError, match=r"would have 302,\d+,\d+ parameters; at most 30,000,000"):
        next(fit(replace(SMALL, hidden=(4096,) * 19), make_dataset()))


def test_with_patch_features_only_flip_can_be_had():
    with pytest.raises(ValueError, match="only flip"):
        ClassifyConfig(features="patches", augment=("shift",))


# What goes wrong


def test_an_exploding_loss_ends_with_a_sentence(make_dataset):
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match=r"At step \d+ \(epoch 0\) the loss became"):
        list(fit(replace(SMALL, hidden=(64, 64, 64), lr=10, momentum=0.99), make_dataset()))


def test_what_explodes_in_the_last_step_of_an_epoch_ends_with_a_sentence_too(make_dataset):
    # one step an epoch: what it has done to the weights is first seen by the validation
    exploding = replace(SMALL, hidden=(64, 64, 64), momentum=0.99, schedule="constant", epochs=30, batch_size=180)
    said = []
    with np.errstate(all="ignore"):
        for lr, seed in product((0.5, 1, 3, 10), range(5)):
            try:
                for event in fit(replace(exploding, lr=lr, seed=seed), make_dataset(train=200)):
                    to_json(event)  # raises ValueError for a number that is not finite
            except TrainingDiverged as error:
                said.append(str(error))
    assert any(re.match(r"At the end of epoch \d+ (the loss|a gradient) became", text) for text in said)


def test_a_batch_larger_than_the_data_is_refused(make_dataset):
    with pytest.raises(ValueError, match=r"batch size must be at most 180, .* but it is 181"):
        next(fit(replace(SMALL, batch_size=181), make_dataset(train=200)))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("hidden", (0,), "size of a hidden layer must be a whole number from 1 to 4,096, but it is 0"),
        ("hidden", (10**6,), "but it is 1000000"),
        ("hidden", (10,) * 21, "number of hidden layers"),
        ("hidden", (1.5,), "a whole number"),
        ("lr", 1e3, "learning rate must be a number from 1e-06 to 10, but it is 1000"),
        ("lr", float("nan"), "but it is nan"),
        ("lr", "0.1", "but it is '0.1'"),
        ("momentum", 1.0, "momentum"),
        ("weight_decay", -1e-4, "weight decay"),
        ("dropout", 1, "dropout"),
        ("batch_size", 0, "batch size"),
        ("epochs", True, "number of epochs must be a whole number"),
        ("seed", -1, "seed"),
        ("schedule", "linear", "must be one of constant, step, cosine, warmup, but it is 'linear'"),
        ("activation", "softmax", "activation must be one of relu, tanh, sigmoid"),
        ("initialisation", "ones", "initialisation must be one of he, glorot, small, large, zero"),
        ("optimizer", "rmsprop", "optimiser must be one of sgd, adam"),
        ("features", "edges", "must be one of pixels, patches"),
        ("augment", ("blur",), "Each augmentation must be one of shift, flip, rotate, elastic, but it is 'blur'"),
        ("train_size", -1, "number of pictures to learn from"),
    ],
)
def test_settings_that_make_no_run_are_refused(field, value, says):
    with pytest.raises(ValueError, match=says):
        ClassifyConfig(**{field: value})
