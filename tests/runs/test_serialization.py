from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.classify import ClassifyConfig, Epoch, Samples
from core.memorize import MemorizeConfig
from core.plane import PlaneConfig
from core.runs.job_types import JOB_TYPES, job_type_of
from core.runs.serialization import from_json, to_json


@dataclass(frozen=True)
class Leaf:
    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Tree:
    number: int | float | None
    flags: tuple[bool, ...]
    leaf: Leaf | None
    leaves: tuple[Leaf, ...]


finite = st.floats(allow_nan=False, allow_infinity=False)
arrays = hnp.arrays(st.sampled_from([np.uint8, np.int64, np.float32, bool]), hnp.array_shapes(min_dims=0, min_side=0))
text = st.text(st.characters())  # lone surrogates as well: nothing that can be typed may break the database
leaves = st.builds(Leaf, text, arrays)


@pytest.mark.slow
@given(
    st.builds(
        Tree, st.none() | st.integers() | finite, st.lists(st.booleans()).map(tuple), st.none() | leaves,
        st.lists(leaves, max_size=3).map(tuple),
    )
)  # fmt: skip
def test_every_value_survives_a_round_trip(tree):
    back = from_json(Tree, to_json(tree))
    assert (back.number, back.flags) == (tree.number, tree.flags)
    assert type(back.number) is type(tree.number)
    assert len(back.leaves) == len(tree.leaves)
    assert (back.leaf is None) == (tree.leaf is None)
    before, after = [tree.leaf, *tree.leaves], [back.leaf, *back.leaves]
    for old, new in zip(before, after, strict=True):
        if old:
            assert (new.name, new.values.dtype, new.values.shape) == (old.name, old.values.dtype, old.values.shape)
            assert new.values.tobytes() == old.values.tobytes()


@pytest.mark.parametrize(
    "config",
    [
        MemorizeConfig("grüße 👩‍💻\n"),
        ClassifyConfig(hidden=(10, 20)),
        ClassifyConfig(hidden=()),
        PlaneConfig(edits=((0, 1, "weight", 0, 2.5),)),
    ],
)
def test_configs_survive_a_round_trip(config):
    assert from_json(JOB_TYPES[job_type_of(config)].config, to_json(config)) == config


def test_an_event_with_images_survives_a_round_trip():
    samples = Samples(np.arange(12, dtype=np.uint8).reshape(3, 2, 2)[::2], np.array([1, 2]), np.eye(2, dtype="f4"))
    names = [name for name in Epoch.__dataclass_fields__ if name != "samples"]
    event = Epoch(**dict.fromkeys(names, 1), samples=samples)
    back = from_json(Epoch, to_json(event))
    np.testing.assert_array_equal(back.samples.images, samples.images)
    assert back.samples.probabilities.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        back.samples.labels[0] = 7


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_rejected_with_its_name(number):
    with pytest.raises(ValueError, match="number must be a finite number"):
        to_json(Tree(number, (), None, ()))


@pytest.mark.parametrize("value", [object(), {"a": 1}, [1], np.array([object()]), np.float32(1), Leaf])
def test_values_that_could_not_be_read_back_are_rejected(value):
    with pytest.raises(TypeError, match="number has type"):
        to_json(Tree(value, (), None, ()))


def stored(**changes):
    fields = {**json.loads(to_json(Tree(1, (), Leaf("a", np.zeros(2)), ()))), **changes}
    return json.dumps({name: value for name, value in fields.items() if value != "absent"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (stored(number="absent"), "missing fields ['number']"),
        (stored(colour=3), "unknown fields ['colour']"),
        (stored(leaf={"Tree": {}}), "must be an array or one of ['Leaf']"),
        (stored(leaf={"Leaf": {"name": "a"}}), "Leaf: missing fields ['values']"),
        (stored(leaf={"dtype": "<f8", "shape": [3], "base64": "AAAA"}), "buffer size"),
        (stored(leaf={"dtype": "O", "shape": [1], "base64": "AAAAAAAAAAA="}), "OBJECT"),
        (stored(leaf={"dtype": "nonsense", "shape": [1], "base64": ""}), "nonsense"),
        ("[1, 2]", "must be an object"),
        ("{", "Expecting"),
    ],
)
def test_stored_text_that_does_not_fit_is_rejected_with_a_reason(text, reason):
    with pytest.raises(ValueError, match="Cannot read a stored Tree") as error:
        from_json(Tree, text)
    assert reason in str(error.value)


def test_the_config_still_rejects_an_invalid_value():
    text = to_json(MemorizeConfig("hello")).replace('"hello"', '""')
    with pytest.raises(ValueError, match="Cannot read a stored MemorizeConfig"):
        from_json(MemorizeConfig, text)


def test_only_configs_have_a_job_type():
    assert job_type_of(MemorizeConfig("a")) == "memorize"
    assert job_type_of(ClassifyConfig()) == "classify"
    with pytest.raises(TypeError, match="A run needs one of"):
        job_type_of({"sentence": "a"})
