"""Edits: they are checked, compared and applied in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plane import Edit, PlaneConfig, new_edits, switched, with_edit
from core.plane.edits import MAX_EDITS

CONFIG = PlaneConfig(hidden=(3, 2))
edits = st.lists(
    st.one_of(
        st.builds(
            Edit, st.just(0), st.integers(0, 2), st.just("weight"), st.integers(0, 1), st.sampled_from([1.0, 2.0])
        ),
        st.builds(
            Edit,
            st.integers(0, 1),
            st.integers(0, 1),
            st.sampled_from(["off", "frozen"]),
            st.just(0),
            st.sampled_from([0, 1]),
        ),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ((3, 0, "bias", 0, 1.0), "layer of an edit must be a whole number from 0 to 2"),
        ((0, 3, "bias", 0, 1.0), "unit of an edit must be a whole number from 0 to 2"),
        ((0, 0, "weight", 2, 1.0), "input of an edit must be a whole number from 0 to 1"),
        ((0, 0, "bias", 1, 1.0), "Only a weight belongs to an input"),
        ((0, 0, "delete", 0, 1.0), "kind of an edit must be one of weight, bias, off, frozen"),
        ((0, 0, "weight", 0, float("nan")), "A typed weight must be a number from -1,000 to 1,000, but it is nan"),
        ((0, 0, "bias", 0, "1"), "A typed bias must be a number"),
        ((0, 0, "off", 0, 0.5), "set with 1 and cleared with 0, but it is 0.5"),
        ((2, 0, "off", 0, 1), "An output cannot be switched off"),
        ((0, 0, "off"), "An edit needs layer, unit, kind, input, value"),
        ("off", "An edit needs"),
    ],
)
def test_edits_that_do_not_fit_the_network_are_rejected(edit, says):
    with pytest.raises(ValueError, match=says):
        PlaneConfig(hidden=(3, 2), edits=(edit,))


def test_the_number_of_edits_is_limited():
    with pytest.raises(ValueError, match=f"at most {MAX_EDITS} edits, but there are {MAX_EDITS + 1}. Start a new run"):
        PlaneConfig(edits=(Edit(0, 0, "bias", 0, 1.0),) * (MAX_EDITS + 1))


def test_a_number_that_is_typed_twice_is_a_new_edit():
    typed = Edit(0, 1, "weight", 1, 2.0)
    once = with_edit((), typed)
    twice = with_edit(once, typed)
    assert new_edits(once, twice) == [typed]
    assert new_edits(twice, twice) == []


def test_a_switch_counts_only_once():
    switches = ()
    for value in (1, 0, 1, 0, 1):
        switches = with_edit(switches, Edit(0, 1, "off", 0, value))
    assert switches == (Edit(0, 1, "off", 0, 1),)
    assert switched(switches, "off") == {0: [1]}
    assert switched(with_edit(switches, Edit(0, 1, "off", 0, 0)), "off") == {}
    assert switched(switches, "frozen") == {}


@given(edits, edits)
def test_edits_as_lists_from_json_are_the_same_edits(before, added):
    after = before
    for edit in added:
        after = with_edit(after, edit)
    as_lists = [list(edit) for edit in after]
    assert new_edits([list(edit) for edit in before], as_lists) == new_edits(before, after)
    for kind in ("off", "frozen"):
        last = {(edit.layer, edit.unit): edit.value for edit in [*before, *added] if edit.kind == kind}
        expected = {place for place, value in last.items() if value}
        assert {(layer, unit) for layer, units in switched(as_lists, kind).items() for unit in units} == expected
    typed = [edit for edit in added if edit.kind == "weight"]
    assert [edit for edit in new_edits(before, after) if edit.kind == "weight"] == typed
