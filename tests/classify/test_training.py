"""Training: data are split cleanly, steps match PyTorch's, and test images have no influence."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise, product

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
from core.runs.job_types import is_worth_storing
from core.runs.serialization import to_json
from core.training import Checkpoint, Control, TrainingDiverged

SMALL = ClassifyConfig(hidden=(16,), lr=0.05, batch_size=20, epochs=3)


def fit(*arguments) -> Iterator:
    """The loop's events, without its checkpoints."""
    return (event for event in classify.fit(*arguments) if not isinstance(event, Checkpoint))


def events_of_type(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


def without_arrays(event) -> tuple:
    """The event's values, with the predictions for its samples as bytes, so that two events can be compared."""
    parts = [getattr(event, field.name) for field in fields(event)]
    return tuple(part.probabilities.tobytes() if hasattr(part, "probabilities") else part for part in parts)


def test_the_stored_steps_of_a_long_run_contain_the_highest_loss_of_those_left_out(make_dataset):
    config, dataset, items = replace(SMALL, batch_size=1, epochs=40), make_dataset(train=50), []
    control = Control()
    for item in classify.fit(config, dataset, control):
        items.append(item)
        control.checkpoint_requested |= isinstance(item, Step) and item.step == 1_001
    steps = events_of_type(Step, items)
    stored = [step for step in steps if is_worth_storing(step)]
    assert len(stored) < len(steps) / 2
    for before, after in pairwise(stored):
        between = steps[before.step + 1 : after.step + 1]
        assert after.peak == max(step.loss for step in between)
    checkpoint = next(item for item in items if isinstance(item, Checkpoint))
    assert events_of_type(Step, classify.fit(config, dataset, None, checkpoint)) == steps[1_002:]


# Batches and inputs


@pytest.mark.parametrize("batch_size", [1, 7, 30, 45])
def test_every_epoch_uses_every_training_image_once_in_random_order(make_dataset, batch_size):
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
def test_inputs_have_mean_0_and_standard_deviation_1_in_each_colour(shape):
    images = np.random.default_rng(0).integers(0, 200, (700, *shape), np.uint8)
    if len(shape) == 3:
        images[..., 1] //= 4  # a colour with another mean and deviation
    inputs = Standardizer(images)(images)
    assert inputs.shape == (700, np.prod(shape))
    assert inputs.dtype == np.float32
    channels = inputs.reshape(-1, 3 if len(shape) == 3 else 1)
    np.testing.assert_allclose(channels.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(channels.std(axis=0), 1, atol=0.05)


def test_identical_images_do_not_divide_by_zero():
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


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_steps_match_pytorch(make_dataset, smoothing):
    """The loop's own losses, against PyTorch's SGD on the same batches, with momentum, weight decay and a cosine."""
    config = replace(SMALL, epochs=2, weight_decay=1e-3, label_smoothing=smoothing)
    dataset = make_dataset(train=112)  # 101 for training, 11 for validation: five full batches and one of 1
    losses = [event.loss for event in events_of_type(Step, list(fit(config, dataset)))]
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
            targets = torch.tensor(dataset.y_train[numbers])
            loss = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            expected.append(loss.item())
    np.testing.assert_allclose(losses, expected, rtol=2e-4, atol=1e-5)


# The loop


def test_events_are_one_step_per_batch_one_epoch_per_pass_and_a_result(make_dataset):
    events = list(fit(SMALL, make_dataset(train=200)))
    assert [type(event).__name__ for event in events] == (["Step"] * 9 + ["Epoch"]) * 3 + ["Result"]
    assert [step.step for step in events_of_type(Step, events)] == list(range(27))
    assert [step.epoch for step in events_of_type(Step, events)] == [0] * 9 + [1] * 9 + [2] * 9
    assert [epoch.step for epoch in events_of_type(Epoch, events)] == [8, 17, 26]
    for epoch in events_of_type(Epoch, events):
        losses = [step.loss for step in events_of_type(Step, events) if step.epoch == epoch.epoch]
        assert epoch.train_loss == pytest.approx(np.mean(losses))
    assert events[-1].size == 40


def test_progress_is_the_fraction_of_images_used_whatever_the_batch_size(make_dataset):
    dataset, control, fractions = make_dataset(train=200), Control(), []
    for event in fit(replace(SMALL, epochs=4), dataset, control):
        if isinstance(event, Step):
            fractions.append(event.progress)
            sizes = {0: 20, 1: 1, 2: 180, 3: 35}
            control.changes = {"batch_size": sizes[min(3, int(4 * event.progress))]}
        if isinstance(event, Epoch):
            assert fractions[-1] == (event.epoch + 1) / 4
    assert len(fractions) == 9 + 180 + 1 + 6
    np.testing.assert_allclose(np.diff([0, *fractions[:9]]), 1 / 36)
    np.testing.assert_allclose(np.diff(fractions[8:189]), 1 / 720)
    assert fractions == sorted(fractions)


def test_the_schedule_scales_the_learning_rate(make_dataset):
    steps = events_of_type(Step, list(fit(replace(SMALL, schedule="cosine"), make_dataset())))
    assert steps[0].lr == SMALL.lr
    assert steps[len(steps) // 2].lr == pytest.approx(SMALL.lr / 2, rel=0.1)
    assert steps[-1].lr < SMALL.lr / 100


def test_every_epoch_predicts_the_same_validation_images(make_dataset):
    dataset = make_dataset()
    first, *_, last = (epoch.samples for epoch in events_of_type(Epoch, list(fit(SMALL, dataset))))
    assert list(first.labels) == [0, 1, 2, 3]
    np.testing.assert_array_equal(first.images, last.images)
    for samples in (first, last):
        np.testing.assert_allclose(samples.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (last.probabilities.argmax(axis=1) == last.labels).all()
    assert (first.probabilities != last.probabilities).any(), "each event has its own copy"


def test_samples_and_dead_units_are_those_of_the_network_without_dropout(make_dataset):
    dataset, config = make_dataset(), replace(SMALL, dropout=0.6, hidden=(16, 8))
    *events, end = classify.fit(config, dataset)
    last = events_of_type(Epoch, events)[-1]
    model, inputs = classify.restore_model(config, dataset, end), Pixels(dataset)
    validation = np.random.default_rng(config.seed).permutation(200)[:20]
    chosen = np.array([next(i for i in validation if dataset.y_train[i] == label) for label in range(4)])
    np.testing.assert_array_equal(last.samples.images, dataset.x_train[chosen])
    np.testing.assert_array_equal(last.samples.probabilities, predict(model, inputs.batch("train", chosen)))
    activations = model.activations(inputs.batch("train", validation))
    assert [layer.dead for layer in last.layers[:-1]] == [(units <= 0).all(axis=0).mean() for units in activations]


def test_the_seed_determines_all_events(make_dataset):
    dataset, config = make_dataset(), replace(SMALL, dropout=0.3)
    first, second = ([without_arrays(event) for event in fit(config, dataset)] for _ in range(2))
    assert first == second
    assert first != [without_arrays(event) for event in fit(replace(config, seed=1), dataset)]


def test_the_global_random_generator_of_numpy_is_not_used(make_dataset):
    np.random.seed(0)
    expected = np.random.random()
    np.random.seed(0)
    list(fit(replace(SMALL, epochs=1, dropout=0.5), make_dataset()))
    assert np.random.random() == expected


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, features="patches", patches=20),
        replace(SMALL, features="patches", patches=20, augment=("flip",), average=("mirror",)),
        replace(SMALL, features="patches", patches=20, augment=("shift", "flip")),
        replace(SMALL, features="whitened", augment=("shift",), average=("mirror", "shifts"), label_smoothing=0.1),
        replace(SMALL, augment=("shift", "elastic"), dropout=0.2, schedule="warmup", average=("shifts",)),
        replace(SMALL, train_size=60, shuffled_labels=True, optimizer="adam"),
    ],
)
def test_test_data_have_no_influence(make_dataset, monkeypatch, tmp_path, config):
    """With other test images and labels, only the evaluation on them changes, and no weight."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    dataset = make_dataset(shape=(12, 12))
    rng = np.random.default_rng(9)
    other = replace(dataset, x_test=rng.permutation(dataset.x_test[::-1]), y_test=rng.permutation(dataset.y_test))

    def numbers(data):
        *events, end = classify.fit(config, data)
        return [
            *(without_arrays(event)[:7] for event in events if isinstance(event, Step | Epoch)),
            *(event.samples.images.tolist() for event in events if isinstance(event, Epoch)),
            {name: array.tolist() for name, array in end.arrays.items()},
        ]

    assert numbers(dataset) == numbers(other)


def test_validation_images_are_not_trained_on(make_dataset):
    """With other labels for them, every step stays the same; only their evaluation changes."""
    dataset = make_dataset(train=50)
    assert validation_size(50) == 5
    validation = np.random.default_rng(SMALL.seed).permutation(50)[:5]
    labels = dataset.y_train.copy()
    labels[validation] = (labels[validation] + 1) % 4
    config = replace(SMALL, batch_size=45)
    before, after = (list(fit(config, data)) for data in (dataset, replace(dataset, y_train=labels)))
    assert events_of_type(Step, before) == events_of_type(Step, after)
    assert [epoch.train_accuracy for epoch in events_of_type(Epoch, before)] == [
        epoch.train_accuracy for epoch in events_of_type(Epoch, after)
    ]
    assert [epoch.val_loss for epoch in events_of_type(Epoch, before)] != [
        epoch.val_loss for epoch in events_of_type(Epoch, after)
    ]


def test_thirty_two_images_are_memorised(make_dataset):
    config = ClassifyConfig(hidden=(64,), lr=0.1, weight_decay=0, batch_size=29, epochs=60, schedule="constant")
    *_, last = events_of_type(Epoch, list(fit(config, make_dataset(train=32, noise=200))))
    assert last.train_accuracy == 1
    assert last.train_loss < 0.02


@pytest.mark.slow
def test_real_digits_are_learned_in_seconds():
    config = ClassifyConfig(dataset="mnist-5k", epochs=10)
    *_, result = fit(config, datasets.load("mnist-5k"))
    assert result.size == 1_000
    assert result.accuracy > 0.93


def test_evaluation_does_not_depend_on_the_batch_boundaries(make_dataset):
    dataset = make_dataset(test=2_300)
    model, inputs = MLP(20, (6,), 4, np.random.default_rng(0), dropout=0.5), Pixels(dataset)
    loss, accuracy = evaluate(model, inputs, "test", np.arange(len(dataset.y_test)), dataset.y_test)
    probabilities = predict(model.eval(), inputs.encode(dataset.x_test))
    assert accuracy == (probabilities.argmax(axis=1) == dataset.y_test).mean()
    assert loss == pytest.approx(-np.log(probabilities[np.arange(2_300), dataset.y_test]).mean(), rel=1e-4)
    assert model.eval().training is False


def test_colour_images_and_no_hidden_layer_are_accepted(make_dataset):
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
        {"features": "patches", "patches": 20, "augment": ("shift", "flip")},
        {"train_size": 60},
    ],
)
def test_every_kind_of_network_learns_and_resumes_exactly(make_dataset, monkeypatch, tmp_path, changed):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    dataset = make_dataset(shape=(12, 12))
    config = replace(SMALL, epochs=6, **changed)
    events = list(fit(config, dataset))
    [result] = events_of_type(Result, events)
    assert result.accuracy > 0.9

    control = Control()
    interrupted = classify.fit(config, dataset, control)
    before = [next(interrupted) for _ in range(events.index(events_of_type(Step, events)[7]))]
    control.checkpoint_requested = True
    assert len(before) > 6
    checkpoint = next(event for event in interrupted if isinstance(event, Checkpoint))
    rest = events_of_type(Step, list(fit(config, dataset, None, Checkpoint.from_bytes(checkpoint.to_bytes()))))
    assert rest == events_of_type(Step, events)[rest[0].step :]


def test_patch_features_are_prepared_before_the_first_step(make_dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    config = replace(SMALL, features="patches", patches=6)
    events = list(fit(config, make_dataset(shape=(12, 12))))
    preparations = events_of_type(PreparationProgress, events)
    assert events[: len(preparations)] == preparations
    assert preparations[-1].fraction == 1
    assert not events_of_type(PreparationProgress, list(fit(config, make_dataset(shape=(12, 12)))))


def test_augmentation_changes_every_step_but_not_the_evaluation(make_dataset):
    inputs = Pixels(make_dataset(shape=(12, 12)), ("rotate",))
    rng, numbers = np.random.default_rng(0), np.arange(10)
    assert (inputs.train_batch(numbers, rng) != inputs.train_batch(numbers, rng)).any()
    np.testing.assert_array_equal(inputs.batch("train", numbers), inputs.encode(inputs.images["train"][numbers]))


def test_train_size_limits_the_training_images(make_dataset):
    dataset = make_dataset()
    used, everything = (
        [event for event in fit(replace(SMALL, epochs=1, train_size=size), dataset) if isinstance(event, Step)]
        for size in (40, 0)
    )
    assert len(used) == 2
    assert len(everything) == 9
    with pytest.raises(ValueError, match="180 training images, besides 20 for validation, but 181"):
        next(fit(replace(SMALL, train_size=181), dataset))


def test_shuffled_labels_can_be_memorised_but_do_not_generalise(make_dataset):
    config = replace(SMALL, hidden=(128,), epochs=60, weight_decay=0, shuffled_labels=True)
    dataset = make_dataset(train=100, test=200, noise=100)
    events = list(fit(config, dataset))
    last = events_of_type(Epoch, events)[-1]
    assert last.train_accuracy > 0.95
    assert events_of_type(Result, events)[0].accuracy < 0.6
    assert np.bincount(dataset.y_train).tolist() == [25] * 4, "the dataset itself is unchanged"


def test_every_epoch_reports_layer_health(make_dataset):
    events = list(fit(replace(SMALL, hidden=(16, 8)), make_dataset()))
    for epoch in events_of_type(Epoch, events):
        assert [layer.dead is None for layer in epoch.layers] == [False, False, True]
        assert all(layer.gradient_ratio > 0 for layer in epoch.layers)


def test_the_output_follows_from_the_last_hidden_activations(make_dataset):
    dataset = make_dataset()
    model = make_model(replace(SMALL, hidden=(16, 8)), dataset, np.random.default_rng(0)).eval()
    x = Pixels(dataset).batch("test", np.arange(7))
    first, second = model.activations(x)
    assert (first.shape, second.shape) == ((7, 16), (7, 8))
    assert first.min() == 0
    np.testing.assert_allclose(model.linears()[-1](second).data, model(x).data, rtol=1e-6)


@pytest.mark.parametrize("features", ["pixels", "patches"])
def test_parameters_are_counted_without_making_the_model(make_dataset, features):
    dataset = make_dataset(shape=(12, 12))
    config = replace(SMALL, hidden=(16, 8), features=features)
    model = make_model(config, dataset, np.random.default_rng(0))
    counts = parameter_counts(config, (12, 12), 4)
    assert counts == [layer.weight.data.size + layer.bias.data.size for layer in model.linears()]


def test_a_network_that_would_fill_the_memory_is_rejected(make_dataset):
    with pytest.raises(ValueError, match=r"would have 302,\d+,\d+ parameters, more than the limit of 30,000,000"):
        next(fit(replace(SMALL, hidden=(4096,) * 19), make_dataset()))


def test_patch_features_can_only_be_shifted_and_mirrored():
    with pytest.raises(ValueError, match="with shift and flip only, but not with rotate"):
        ClassifyConfig(features="patches", augment=("shift", "flip", "rotate"))


# Errors


def test_a_diverging_loss_is_explained(make_dataset):
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match=r"At step \d+ \(epoch 0\) the loss became"):
        list(fit(replace(SMALL, hidden=(64, 64, 64), lr=10, momentum=0.99), make_dataset()))


def test_divergence_in_the_last_step_of_an_epoch_is_explained(make_dataset):
    # one step per epoch: the validation is the first to see the new weights
    exploding = replace(SMALL, hidden=(64, 64, 64), momentum=0.99, schedule="constant", epochs=30, batch_size=180)
    messages = []
    with np.errstate(all="ignore"):
        for lr, seed in product((0.5, 1, 3, 10), range(5)):
            try:
                for event in fit(replace(exploding, lr=lr, seed=seed), make_dataset(train=200)):
                    to_json(event)  # raises ValueError for a number that is not finite
            except TrainingDiverged as error:
                messages.append(str(error))
    assert any(re.match(r"At the end of epoch \d+ (the loss|a gradient) became", text) for text in messages)


def test_a_batch_larger_than_the_data_is_rejected(make_dataset):
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
        ("label_smoothing", 1, "label smoothing"),
        ("batch_size", 0, "batch size"),
        ("epochs", True, "number of epochs must be a whole number"),
        ("seed", -1, "seed"),
        ("schedule", "linear", "must be one of constant, step, cosine, warmup, but it is 'linear'"),
        ("activation", "softmax", "activation must be one of relu, tanh, sigmoid"),
        ("initialisation", "ones", "initialisation must be one of he, glorot, small, large, zero"),
        ("optimizer", "rmsprop", "optimizer must be one of sgd, adam"),
        ("features", "edges", "must be one of pixels, whitened, patches"),
        ("augment", ("blur",), "Each augmentation must be one of shift, flip, rotate, elastic, but it is 'blur'"),
        ("train_size", -1, "number of training images"),
    ],
)
def test_invalid_settings_are_rejected(field, value, says):
    with pytest.raises(ValueError, match=says):
        ClassifyConfig(**{field: value})


@pytest.mark.parametrize(
    ("images", "batch_size", "expected"), [(40, 100, 9), (40, 36, 36), (3, 100, 1), (4_000, 100, 100)]
)
def test_the_batch_size_follows_a_small_dataset(images, batch_size, expected):
    config, sentence = classify.fit_batch_size(ClassifyConfig(batch_size=batch_size), images)
    assert config == ClassifyConfig(batch_size=expected)
    classify.check_fits_dataset(config, images, (28, 28), 10)
    if expected == batch_size:
        assert sentence == ""
    else:
        assert sentence.startswith(f"The batch size is {expected} instead of 100, because there are only ")
