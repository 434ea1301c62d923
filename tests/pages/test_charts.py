"""Learning curves: markers of changed settings, axes that stay where they are, and updates in place."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.classify import ClassifyConfig, Epoch, Samples, Step
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.training import Change
from pages.ui import charts
from pages.ui.charts import DrawnChart, change_markers, learning_curves
from pages.ui.classify import training as classify_training
from pages.ui.memorize import training as memorize_training

TOTAL = 100.0
PHONE, CHARACTER = 320, 8  # pixels: the width of a phone's plot, and of a label's character
changes = st.lists(
    st.builds(
        Change,
        st.integers(0, int(TOTAL)),
        st.sampled_from(["lr", "momentum", "schedule", "weight_decay", "batch_size", "dropout"]),
        st.sampled_from([0.001, 0.02, 0.5]),
    ),
    max_size=12,
).map(lambda changes: sorted(changes, key=lambda change: change.at))


def curve(points: int, first: float = 3.0, last: float = 0.1) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(1, points + 1), "y": np.linspace(first, last, points)}, dtype=float)


# Markers


def test_without_changes_there_are_no_markers():
    assert change_markers([], TOTAL).empty


def test_changes_of_a_setting_that_follow_each_other_closely_become_one_with_the_last_value():
    marks = change_markers(
        [Change(10, "lr", 0.02), Change(11, "lr", 0.03), Change(11, "momentum", 0.5), Change(12, "lr", 0.05)], TOTAL
    )
    assert sorted(zip(marks["x"], marks["label"], strict=True)) == [(11, "momentum 0.5"), (12, "learning rate 0.05")]


def test_changes_that_are_further_apart_stay_separate():
    distance = int(charts.MERGE_FRACTION * TOTAL) + 1
    marks = change_markers([Change(10, "lr", 0.02), Change(10 + distance, "lr", 0.03)], TOTAL)
    assert list(marks["x"]) == [10, 10 + distance]


def test_labels_stand_to_the_right_of_their_line_and_in_the_right_half_to_its_left():
    marks = change_markers([Change(10, "lr", 0.02), Change(90, "lr", 0.03)], TOTAL)
    assert list(marks["align"]) == ["left", "right"]
    assert marks["dx"][0] > 0 > marks["dx"][1]


@pytest.mark.slow
@given(changes)
def test_labels_never_overlap_even_on_a_phone(changes):
    marks = change_markers(changes, TOTAL)
    spans = []
    for mark in marks.itertuples():
        at, width = PHONE * mark.x / TOTAL + mark.dx, CHARACTER * len(mark.label)
        spans.append((mark.dy, at - width, at) if mark.align == "right" else (mark.dy, at, at + width))
    for (row, start, end), (other_row, other_start, other_end) in combinations(spans, 2):
        assert row != other_row or end <= other_start or other_end <= start


def test_a_single_change_is_marked_at_the_top():
    assert change_markers([Change(50, "lr", 0.1)], TOTAL)["dy"].tolist() == [0]


# Axes and reference lines


def layers(curves: DrawnChart) -> list[dict]:
    """Return all layers; those of the curves with the axes that they share."""
    group, *others = curves.spec["layer"]
    return [{**layer, "encoding": {**group["encoding"], **layer["encoding"]}} for layer in group["layer"]] + others


def test_the_x_axis_has_its_final_range_from_the_beginning():
    for points in (0, 1, 40):
        chart = learning_curves({"training loss": curve(points)}, "Epoch", "Loss", end=300)
        assert layers(chart)[0]["encoding"]["x"]["scale"]["domain"] == [0, 300]
    assert "domain" not in layers(learning_curves({"loss": curve(4)}, "Epoch", "Loss"))[0]["encoding"]["x"]["scale"]


def test_the_value_of_pure_guessing_is_a_labelled_line():
    drawn = learning_curves({"loss": curve(4)}, "Epoch", "Loss", guessing=2.3)
    assert drawn.data["guessing"].to_pylist() == [{"y": 2.3, "label": "guessing"}]
    marks = [layer["mark"]["type"] for layer in layers(drawn) if layer["data"] == {"name": "guessing"}]
    assert marks == ["rule", "text"]
    assert "guessing" not in learning_curves({"loss": curve(4)}, "Epoch", "Loss").data


def test_a_legend_inside_the_plot_does_not_cover_the_word_guessing():
    curves = {"train": curve(4), "validation": curve(4)}
    for orient, place in (("top", ("right", "width")), ("top-right", ("left", {"expr": "width / 8"}))):
        drawn = learning_curves(curves, "Step", "Loss", guessing=2.3, legend_orient=orient)
        [text] = [layer for layer in layers(drawn) if layer["mark"]["type"] == "text"]
        assert (text["mark"]["align"], text["encoding"]["x"]["value"]) == place


def test_the_values_of_a_curve_are_shown_anywhere_near_it():
    drawn = learning_curves({"loss": curve(4)}, "Epoch", "Loss")
    [selection] = drawn.spec["params"]
    assert selection["select"]["nearest"]
    [points] = [layer for layer in layers(drawn) if layer.get("name") in selection["views"]]
    assert points["data"] == {"name": "curves"}
    assert points["mark"]["type"] == "point"
    assert [shown["field"] for shown in points["encoding"]["tooltip"]] == ["curve", "x", "y"]


def test_the_moment_that_the_page_shows_is_a_line():
    assert learning_curves({"loss": curve(4)}, "Epoch", "Loss", shown=3).data["shown"]["x"].to_pylist() == [3.0]
    assert "shown" not in learning_curves({"loss": curve(4)}, "Epoch", "Loss").data


def test_the_tables_are_those_that_the_specification_names_unless_they_are_empty():
    marks = change_markers([Change(1, "lr", 0.5)], 4)
    thinned = curve(4).assign(peak=9.0)
    drawn = learning_curves(
        {"a": thinned, "b": curve(0)}, "Epoch", "Loss", marks=marks, guessing=1.0, shown=3, extent=[0.0]
    )
    assert {layer["data"]["name"] for layer in layers(drawn)} == set(drawn.data)
    points = drawn.data["curves"].to_pydict()
    assert points.pop("curve") == ["a"] * 4
    assert points == {name: pytest.approx(values) for name, values in curve(4).to_dict("list").items()}
    assert set(learning_curves({"a": curve(4)}, "Epoch", "Loss", marks=marks[:0]).data) == {"curves"}
    assert not learning_curves({"a": curve(0)}, "Epoch", "Loss").data


def test_a_curve_is_redrawn_without_building_its_specification_again():
    first, second = (learning_curves({"loss": curve(points)}, "Epoch", "Loss", end=100) for points in (3, 50))
    assert first.spec is second.spec


def test_a_short_rise_of_the_loss_is_visible_in_a_thinned_curve():
    config, rise = ClassifyConfig(epochs=100), 8.0
    steps = [Step(number, 0, 0.5, 0.1, peak=0.5) for number in range(0, 12_800, 16)]
    assert "peaks" not in classify_training.loss_chart(config, steps).data
    steps[300] = replace(steps[300], peak=rise)  # of a step between this one and the one before
    table = classify_training.loss_chart(config, steps).data["peaks"].to_pandas()
    assert len(table) <= charts.MAX_POINTS
    assert max(table["y"]) == 0.5
    [row] = table[table["peak"] == rise].to_dict("records")
    assert row["x"] == pytest.approx(300 * 16, rel=0.02)

    epochs = [MemorizeEpoch(number, 4.0 if number == 700 else 1.0, 0.01, "a", 0.3) for number in range(1_000)]
    data = memorize_training.loss_chart("abc", 1_000, epochs).data
    assert max(data["curves"].to_pandas()["y"]) < 4 == max(data["peaks"].to_pandas()["peak"])


# Updates in place


@pytest.fixture
def spec_of(monkeypatch):
    """Return spec_of(chart): the specification that the browser receives, without the data."""
    sent = []
    monkeypatch.setattr(charts.st, "vega_lite_chart", lambda spec, **_: sent.append(spec))

    def spec_of(chart) -> dict:
        charts.show_live_chart(chart)
        assert set(sent[-1]["datasets"])
        return {name: value for name, value in sent[-1].items() if name != "datasets"}

    return spec_of


SAMPLES = Samples(np.zeros((1, 2, 2), np.uint8), np.array([0]), np.array([[1.0]]))


def image_epochs(count: int) -> list[Epoch]:
    return [Epoch(n, 10 * n + 9, 0.1, 1.0, 0.8 + n / 1000, 1.1, 0.7 + n / 1000, SAMPLES) for n in range(count)]


def test_new_data_leave_the_specification_of_every_curve_as_it_is(spec_of):
    config = MemorizeConfig("abc", epochs=300)
    epochs = [MemorizeEpoch(number, 2.0 - number / 200, 0.01, "a", 0.3) for number in range(300)]
    changed = [*epochs[:40], Change(40, "lr", 0.5), *epochs[40:]]
    specs = [
        spec_of(memorize_training.loss_chart(config.sentence, config.epochs, events, shown=shown))
        for events, shown in (([], None), (epochs[:1], None), (epochs[:50], 7), (epochs, None), (changed, 300))
    ]
    assert all(spec == specs[0] for spec in specs)

    images = ClassifyConfig(epochs=20)
    steps = [Step(number, number // 45, 2.0, 0.1) for number in range(900)]
    specs = [
        spec_of(classify_training.loss_chart(images, events))
        for events in ([], steps[:1], [*steps[:450], *image_epochs(10)], [*steps, Change(9, "lr", 0.5)])
    ]
    assert all(spec == specs[0] for spec in specs)
    specs = [
        spec_of(classify_training.accuracy_chart(images, image_epochs(count), shown))
        for count, shown in ((0, None), (1, 1), (20, 12))
    ]
    assert all(spec == specs[0] for spec in specs), "also when the axis no longer starts at 0"


def test_an_empty_chart_is_drawn(spec_of):
    spec = spec_of(memorize_training.loss_chart("abc", 300, []))
    assert spec["usermeta"]["embedOptions"]["renderer"] == "canvas"


# The accuracy axis


@pytest.mark.parametrize(
    ("accuracies", "start"),
    [
        ([], 0.0),
        ([0.1, 0.9, 0.9], 0.0),  # too few to know what matters
        ([0.1, 0.2, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95], 0.85),
        ([0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], 0.85),  # the value itself is not on the edge
        ([0.5, 0.5, 0.995, 0.996, 0.997, 0.998, 0.999, 1.0], 0.95),
        ([1.0] * 8, 0.95),
        ([0.0] * 8, 0.0),
    ],
)
def test_the_accuracy_axis_starts_below_the_later_values(accuracies, start):
    assert classify_training.axis_start(accuracies) == pytest.approx(start)


def test_accuracies_below_the_axis_are_left_out_and_the_level_of_guessing_with_them():
    config = ClassifyConfig(epochs=20)
    first = image_epochs(2)
    early = classify_training.accuracy_chart(config, first).data
    accuracies = [epoch.train_accuracy for epoch in first] + [epoch.val_accuracy for epoch in first]
    assert sorted(early["curves"]["y"].to_pylist()) == pytest.approx(sorted(accuracies))
    assert early["guessing"]["y"].to_pylist() == [0.1], "ten classes"
    start = Epoch(0, 9, 0.1, 1.0, 0.11, 1.1, 0.12, SAMPLES)
    late = classify_training.accuracy_chart(config, [start, *image_epochs(20)[1:]]).data
    assert min(late["curves"]["y"].to_pylist()) >= 0.65
    assert "guessing" not in late
