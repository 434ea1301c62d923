"""Settings of points in a plane: invalid ones are rejected with a sentence."""

import json
from dataclasses import asdict, replace

import pytest

from core.plane import DATASETS, Edit, PlaneConfig, allowed_features
from core.runs.serialization import from_json, to_json

SQUARE = ((-1, -1, 0), (1, 1, 0), (1, -1, 1), (-1, 1, 1))
OWN = {"dataset": "own", "points": SQUARE}


def default(name: str) -> PlaneConfig:
    """A config with this dataset."""
    info = DATASETS[name]
    features = ("x",) if info.inputs == 1 else ("x", "y")
    return PlaneConfig(task=info.task, dataset=name, features=features, points=SQUARE)


@pytest.mark.parametrize("name", DATASETS)
def test_configs_can_be_stored_and_read_again(name):
    config = replace(default(name), edits=((0, 1, "weight", 0, 2.5), (1, 0, "off", 0, 1)))
    assert from_json(PlaneConfig, to_json(config)) == config
    assert PlaneConfig(**json.loads(json.dumps(asdict(config)))) == config
    assert all(isinstance(edit, Edit) for edit in from_json(PlaneConfig, to_json(config)).edits)


def test_sizes_and_parameters_follow_from_features_layers_and_classes():
    config = PlaneConfig(dataset="blobs", classes=3, features=("x", "y", "sin_x"), hidden=(5, 4))
    assert config.sizes == (3, 5, 4, 3)
    assert config.parameter_shapes == ((3, 5), (5,), (5, 4), (4,), (4, 3), (3,))
    assert config.parameter_count == 15 + 5 + 20 + 4 + 12 + 3


def test_features_are_in_one_order_and_without_duplicates():
    assert PlaneConfig(features=("sin_y", "y", "x", "y")).features == ("x", "y", "sin_y")


def test_the_number_of_classes_of_own_points_follows_from_their_labels():
    assert PlaneConfig(**OWN, classes=5).classes == 2
    assert PlaneConfig(dataset="own", points=(*SQUARE, (0, 0, 3))).classes == 4
    assert default("sine").classes == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"task": "clustering"}, "The task must be one of classification, regression"),
        ({"dataset": "sine"}, "The dataset for classification must be one of blobs, circles, xor"),
        ({"task": "regression"}, "The dataset for regression must be one of line, sine"),
        ({"dataset": "blobs", "classes": 6}, "number of classes of blobs must be a whole number from 2 to 5"),
        ({"dataset": "xor", "classes": 3}, "number of classes of xor must be a whole number from 2 to 2"),
        ({"n_points": 10**6}, "number of points must be a whole number from 10 to 2,000, but it is 1000000"),
        ({"n_points": 2}, "number of points must be a whole number from 10"),
        ({"noise": 1.5}, "noise must be a number from 0 to 1"),
        ({"noise": float("nan")}, "noise must be a number from 0 to 1, but it is nan"),
        ({"validation": 0.6}, "fraction for validation must be a number from 0 to 0.5"),
        ({"hidden": (8,) * 5}, "number of hidden layers must be a whole number from 0 to 4"),
        ({"hidden": (33,)}, "size of a hidden layer must be a whole number from 1 to 32"),
        ({"features": ()}, "Choose at least one feature"),
        ({"features": ("z",)}, "Each feature must be one of x, y, x2"),
        (
            {"task": "regression", "dataset": "sine"},
            "function of x, so y cannot be a feature. Choose from x, x2, sin_x",
        ),
        ({"lr": 100}, "learning rate"),
        ({"momentum": 1}, "momentum"),
        ({"weight_decay": -1}, "weight decay"),
        ({"batch_size": 0}, "batch size"),
        ({"epochs": 10**6}, "number of epochs"),
        ({"seed": -1}, "seed"),
        ({"activation": "softmax"}, "activation must be one of"),
        ({"initialisation": "ones"}, "initialisation must be one of"),
        ({"optimizer": "rmsprop"}, "optimizer must be one of"),
        ({"formula": 5}, "formula must be a text"),
        ({"formula": "x" * 301}, "at most 300 characters"),
        ({"points": "text"}, "At most 2,000 points can be used, but this is another kind"),
    ],
)
def test_invalid_settings_are_rejected(changes, says):
    with pytest.raises(ValueError, match=says):
        PlaneConfig(**changes)


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ((), "at least 4 points to learn from, but there are 0 points"),
        (SQUARE[:1], "here is 1 point"),
        (SQUARE[:2], "at least 4 points to learn from, but there are 2 points. Draw more"),
        (SQUARE[:2] * 2, "All 4 points are of one class. Draw points of at least two classes"),
        (((1, 1, 0), (1, 1, 1)) * 3, "All 6 points are at the same place"),
        (((0, 0, 0),) * 2_001, "At most 2,000 points can be used, but there are 2,001"),
        ((*SQUARE, (float("nan"), 0, 1)), "x of point 5 must be a number from -6 to 6, but it is nan"),
        ((*SQUARE, (0, 7, 1)), "y of point 5 must be a number from -6 to 6, but it is 7"),
        ((*SQUARE, (0, 0, 5)), "label of point 5 must be a whole number from 0 to 4, but it is 5"),
        ((*SQUARE, (0, 0, 0.5)), "label of point 5 must be a whole number"),
        ((*SQUARE, (0, 0, True)), "label of point 5 must be a whole number"),
        ((*SQUARE, (0, "0", 1)), "y of point 5 must be a number from -6 to 6, but it is '0'"),
        ((*SQUARE, (0, 0)), "Point 5 must be x, y and a label or target"),
    ],
)
def test_own_points_that_teach_nothing_are_rejected(points, says):
    with pytest.raises(ValueError, match=says):
        PlaneConfig(dataset="own", points=points)


def test_own_values_may_be_any_numbers_up_to_100():
    config = PlaneConfig(
        task="regression", dataset="own-values", points=((0, 0, 1.5), (1, 0, -2), (2, 0, 3), (3, 1, 4))
    )
    assert config.sizes[-1] == 1
    with pytest.raises(ValueError, match="target of point 1 must be a number from -100 to 100, but it is 1000"):
        replace(config, points=((0, 0, 1000),))


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("x**2 + 100", "has no boundary in the plane: all points would be of one class"),
        ("x*x + y*y + 1", "no boundary"),
        ("y*0", "no boundary"),
        ("20", "no boundary"),
        ("log(x)", "has no value at x = -6, y = -6"),
        ("1/x", "has no value at x = 0"),
        ("z + x", "coordinates x and y, but the formula uses z"),
        ("x +", "Something is missing at the end"),
        ("", "Type a formula"),
        ("__import__('os')", "starts with a letter|cannot be used"),
        ("exp(exp(exp(x)))", "has no value|no boundary"),
    ],
)
def test_formulas_without_a_boundary_or_a_value_are_rejected(formula, says):
    with pytest.raises(ValueError, match=says):
        PlaneConfig(dataset="formula", formula=formula)


def test_values_of_a_surface_may_not_be_too_large():
    PlaneConfig(task="regression", dataset="surface", formula="20")
    with pytest.raises(ValueError, match="has values up to 216, but targets may be at most 100"):
        PlaneConfig(task="regression", dataset="surface", formula="x**3")


def test_a_function_of_x_allows_only_features_of_x():
    assert allowed_features("sine") == ("x", "x2", "sin_x")
    assert len(allowed_features("ripples")) == len(allowed_features("circles")) == 7
