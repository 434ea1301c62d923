"""weights.npz: a network is restored exactly, and any other file is rejected."""

import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from core import plane
from core.plane import Edit, PlaneConfig
from core.plane.weights_file import from_file, parameter_names, to_file

CONFIG = PlaneConfig(hidden=(3,), features=("x", "y", "xy"), epochs=1, n_points=20)


def npz(config: dict, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, config=np.array(json.dumps(asdict(CONFIG) | config)), **arrays)
    return file.getvalue()


def parameters(value: float = 1.0) -> dict[str, np.ndarray]:
    names, shapes = parameter_names(CONFIG), CONFIG.parameter_shapes
    return {name: np.full(shape, value, np.float32) for name, shape in zip(names, shapes, strict=True)}


def test_a_network_is_restored_exactly_with_its_switches_but_typed_numbers_are_not_typed_again():
    *_, end = plane.fit(CONFIG)
    edits = (Edit(0, 1, "weight", 2, 0.5), Edit(0, 2, "off"), Edit(1, 0, "frozen"))
    config, checkpoint = from_file(to_file(replace(CONFIG, edits=edits), end))
    assert config == replace(CONFIG, edits=edits[1:])
    np.testing.assert_array_equal(checkpoint.arrays["model.flat"], end.arrays["model.flat"])
    assert not checkpoint.metadata
    next(plane.fit(config, None, checkpoint))


def test_the_arrays_have_the_names_and_shapes_of_the_parameters():
    *_, end = plane.fit(CONFIG)
    with np.load(io.BytesIO(to_file(CONFIG, end)), allow_pickle=False) as file:
        assert {name: file[name].shape for name in file.files if name != "config"} == {
            "layers.0.weight": (3, 3),
            "layers.0.bias": (3,),
            "layers.1.weight": (3, 2),
            "layers.1.bias": (2,),
        }


def test_own_points_are_in_the_file():
    points = tuple((x / 1_000 - 1 / 3, 1 / 7, x % 5) for x in range(2_000))
    config = PlaneConfig(dataset="own", points=points, epochs=1)
    *_, end = plane.fit(config)
    assert from_file(to_file(config, end))[0] == config


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        npz({}),
        npz({"unknown": 1}, **parameters()),
        npz({"lr": 1e3}, **parameters()),
        npz({"hidden": 5}, **parameters()),
        npz({"hidden": [4]}, **parameters()),
        npz({"edits": [[0, 9, "off", 0, 1]]}, **parameters()),
        npz({}, **parameters(float("nan"))),
        npz({}, **(parameters() | {"layers.0.bias": np.array(["a", "b", "c"])})),
        npz({}, **(parameters() | {"more": np.zeros((1_000, 1_000))})),
    ],
)
def test_other_files_are_rejected(data):
    with pytest.raises(ValueError, match=r"This is not a weights\.npz from this page"):
        from_file(data)
