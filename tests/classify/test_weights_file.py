"""weights.npz: a network is restored exactly, and any other file is rejected."""

import io
import json
import zipfile
from dataclasses import asdict

import numpy as np
import pytest

from core import classify
from core.classify import ClassifyConfig, restore_model, weights_file
from core.classify.inputs import Pixels
from core.classify.weights_file import from_file, to_file
from core.training import Checkpoint

CONFIG = ClassifyConfig(hidden=(6, 5), epochs=1, batch_size=20, augment=("shift",), activation="tanh")


@pytest.fixture
def checkpoint(make_dataset):
    *_, checkpoint = classify.fit(CONFIG, make_dataset())
    return checkpoint


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_a_network_is_restored_exactly(checkpoint, make_dataset):
    dataset = make_dataset()
    config, restored = from_file(to_file(CONFIG, checkpoint))
    assert config == CONFIG
    inputs = Pixels(dataset).batch("test", np.arange(40))
    before, after = (restore_model(CONFIG, dataset, weights)(inputs).data for weights in (checkpoint, restored))
    np.testing.assert_array_equal(before, after)


def test_the_arrays_have_the_names_of_the_parameters(checkpoint):
    with np.load(io.BytesIO(to_file(CONFIG, checkpoint)), allow_pickle=False) as file:
        assert file["layers.modules.0.weight"].shape == (20, 6)
        assert json.loads(str(file["config"]))["hidden"] == [6, 5]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        npz(weights=np.ones(3)),
        npz(config=np.array("no json")),
        npz(config=np.array('{"hidden": [3], "unknown": 1}')),
        npz(config=np.array(json.dumps(asdict(CONFIG) | {"lr": 1e3}))),
        npz(config=np.array(json.dumps(asdict(CONFIG) | {"dataset": ["mnist"]}))),
        npz(config=np.array(json.dumps(asdict(CONFIG) | {"hidden": 5}))),
        npz(config=np.array(json.dumps(asdict(CONFIG))), weight=np.array([np.nan])),
        npz(config=np.array(json.dumps(asdict(CONFIG))), weight=np.array(["text"])),
        npz(config=np.array([{"an": "object"}], dtype=object)),
    ],
)
def test_other_files_are_rejected(data):
    with pytest.raises(ValueError, match=r"This is not a weights\.npz from this page"):
        from_file(data)


def test_weights_of_another_network_are_rejected(checkpoint, make_dataset):
    config = ClassifyConfig(hidden=(7, 5))
    with pytest.raises(ValueError, match="belong to another network"):
        restore_model(config, make_dataset(), Checkpoint(checkpoint.arrays, {}))


def test_weights_of_another_network_name_both_networks_in_a_sentence(checkpoint, make_dataset):
    dataset = make_dataset()
    for config in (ClassifyConfig(hidden=(7,)), ClassifyConfig(hidden=(6, 5, 5)), ClassifyConfig(hidden=())):
        with pytest.raises(ValueError, match="with 20 → 6 → 5 → 4 units per layer; this one has 20") as error:
            restore_model(config, dataset, checkpoint.weights())
        with pytest.raises(ValueError, match=r"20 → 6 → 5 → 4"):
            list(classify.fit(config, dataset, checkpoint=checkpoint.weights()))
        assert "modules" not in str(error.value)


@pytest.mark.parametrize(
    "arrays",
    [{}, {"x": np.zeros(3)}, {"layers.modules.0.weight": np.zeros((2, 3, 4))}, {"9" * 5_000: np.zeros((1, 1))}],
)
def test_weights_of_no_network_are_rejected(arrays, make_dataset):
    weights = Checkpoint({f"model.{name}": array for name, array in arrays.items()}, {})
    with pytest.raises(ValueError, match="belong to another network"):
        restore_model(CONFIG, make_dataset(), weights)


def test_a_file_that_would_fill_the_memory_is_rejected_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(weights_file, "MAX_BYTES", 10_000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.npy", bytes(20_000))
    with pytest.raises(ValueError, match="would unpack to"):
        from_file(file.getvalue())
