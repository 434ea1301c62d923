"""The page Points: its settings, own points, edits of the network, and every tab on a trained run."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.plane import Edit, PlaneConfig, PlaneEpoch, PlaneResult, from_text, make
from core.plane.datasets import random_stream
from core.plane.network import PlaneNetwork
from core.plane.pasted import parse_points
from core.plane.presets import PRESETS
from core.runs import get_dispatcher
from core.training import Change
from pages.ui import run_panel
from pages.ui.downloads import render_chart, to_csv_bytes
from pages.ui.plane import export, own_points, training
from pages.ui.plane import network as diagram
from pages.ui.plane.map_image import map_image
from pages.ui.run_bar import SLOW, total_steps
from pages.ui.theme import LIGHT
from tests.pages.conftest import button, figure, html_of, outcome, run_of, run_until, status, stop_run
from tests.runs import wait_for


def network(app) -> dict:
    """Return what the browser receives to draw the network."""
    [component] = [each for each in app.get("bidi_component") if each.proto.component_name == "dashboard.network"]
    return json.loads(component.proto.json)


def weights_of(app) -> np.ndarray:
    """Return the weights that the network is drawn with."""
    return from_text(network(app)["frames"][-1][1])


def texts(elements) -> str:
    return " ".join(str(element.value) for element in elements)


@pytest.fixture(scope="module")
def finished(data_folder) -> str:
    """The id of a finished run."""
    dispatcher = get_dispatcher()
    run_id = dispatcher.submit(PlaneConfig(epochs=30))
    wait_for(lambda: dispatcher.store.run(run_id).status.is_terminal, timeout=120)
    return run_id


def test_the_points_and_the_initial_network_are_shown_before_training(open_page):
    app = open_page("plane")
    shown, config = network(app), PlaneConfig()
    assert shown["points"]["target"] == make(config).targets.tolist()
    assert shown["hidden"] == [4, 4]
    np.testing.assert_array_equal(weights_of(app), PlaneNetwork(config, random_stream(config, "training")).flat)
    assert figure(app, "Validation") == "–"
    app.run()
    assert network(app)["points"] is None, "the browser has them already"
    assert network(app)["key"] == shown["key"]


def test_a_changed_setting_is_shown_at_once(open_page):
    app = open_page("plane")
    app.selectbox(key="plane_dataset").set_value("moons").run()
    assert network(app)["points"]["x"] != []
    app.text_input(key="plane_hidden").set_value("3").run()
    assert network(app)["hidden"] == [3]
    assert "2 → 3 → 2: **17 parameters**" in texts(app.caption)


def test_classes_are_learned_and_tested(open_page):
    app = open_page("plane", plane_epochs="100")
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "success")
    assert status(app) == "Finished · epoch 100 of 100"
    assert figure(app, "Epoch") == "100"
    assert float(figure(app, "Validation").removesuffix("%")) > 90
    assert "of 500 new test points are classified correctly" in outcome(app)[1]
    run = get_dispatcher().store.run(run_of(app))
    last = [event for _, event in get_dispatcher().store.events(run.id) if isinstance(event, PlaneEpoch)][-1]
    np.testing.assert_array_equal(weights_of(app), from_text(last.weights))


def test_one_epoch_is_one_epoch_and_one_step_is_shown(open_page):
    app = open_page("plane")
    button(app, "One epoch").click().run()
    steps = total_steps(PlaneConfig()) // 200
    run_until(app, lambda: status(app) == "Paused · epoch 1 of 200" and network(app)["frames"][-1][0] == steps)
    button(app, "One step").click().run()
    run_until(app, lambda: network(app)["frames"][-1][0] == steps + 1)
    assert status(app) == "Paused · epoch 1 of 200"
    stop_run(app)


def test_a_function_is_learned(open_page):
    app = open_page("plane", plane_task="regression", plane_dataset="sine", plane_epochs="100")
    assert network(app)["inputs"] == 1
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "success")
    assert "Mean squared error" in outcome(app)[1]
    assert float(figure(app, "Validation error")) < 0.5


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_every_widget(open_page, name):
    app = open_page("plane")
    app.selectbox(key="plane_preset").set_value(name).run()
    assert not app.exception
    assert not app.error
    assert PRESETS[name].text in texts(app.caption)
    app.button(key="plane_train").click().run()
    run = get_dispatcher().store.run(run_of(app))
    assert run.config == PRESETS[name].config
    stop_run(app)


@pytest.mark.parametrize("name", PRESETS)
def test_an_address_can_name_a_preset(open_page, name):
    app = open_page("plane", plane_preset=name, plane_lr="0.1")
    config = PRESETS[name].config
    assert app.selectbox(key="plane_dataset").value == config.dataset
    assert app.text_input(key="plane_hidden").value == ", ".join(map(str, config.hidden))
    assert app.select_slider(key="plane_lr").value == 0.1


def test_the_task_chooses_the_datasets(open_page):
    app = open_page("plane")
    assert "Spiral" in app.selectbox(key="plane_dataset").options
    app.button_group(key="plane_task").set_value("regression").run()
    assert "Spiral" not in app.selectbox(key="plane_dataset").options
    assert network(app)["task"] == "regression"
    assert app.query_params["plane_task"] == "regression"


def test_a_function_of_x_has_only_features_of_x(open_page):
    app = open_page("plane", plane_task="regression", plane_dataset="plane")
    app.button_group(key="plane_features").set_value(["x", "y"]).run()
    app.selectbox(key="plane_dataset").set_value("sine").run()
    assert not app.exception
    assert network(app)["features"] == ["x"]


def test_no_input_is_explained(open_page):
    app = open_page("plane")
    app.button_group(key="plane_features").set_value([]).run()
    assert "Choose at least one feature" in app.sidebar.error[0].value
    assert button(app, "Train").disabled


@pytest.mark.parametrize(
    ("formula", "says"),
    [("x/0", "has no value"), ("9", "no boundary"), ("x +", "Something is missing"), ("z", "coordinates x and y")],
)
def test_an_invalid_formula_is_explained(open_page, formula, says):
    app = open_page("plane", plane_dataset="formula")
    app.text_input(key="plane_formula").set_value(formula).run()
    assert says in app.sidebar.error[0].value
    assert button(app, "Train").disabled
    app.text_input(key="plane_formula").set_value("x*x - y").run()
    assert not app.error


# Own points


def own(app) -> list:
    return [list(point) for point in network(app)["drawing"]["points"]]


def test_without_points_the_page_asks_for_some(open_page):
    app = open_page("plane", plane_dataset="own")
    assert "at least 4 points" in app.sidebar.error[0].value
    assert network(app)["drawing"]["points"] == []
    assert button(app, "Train").disabled


def paste(app, text: str) -> None:
    app.text_area(key="plane_pasted").set_value(text).run()
    app.button(key="plane_use_pasted").click().run()


def test_points_are_pasted_and_learned(open_page):
    app = open_page("plane", plane_dataset="own", plane_epochs="100")
    paste(app, "x,y,colour\n1,2,red\n2,2,red\n-1,2,red\n1,-2,blue\n2,-2,blue\n-1,-2,blue\n")
    assert not app.error
    assert own(app) == [[1, 2, 1], [2, 2, 1], [-1, 2, 1], [1, -2, 0], [2, -2, 0], [-1, -2, 0]]
    assert "Class a is blue, class b is red" in texts(app.caption)
    assert app.query_params["plane_points"].startswith("1_2_1~2_2_1")
    button(app, "Train").click().run()
    run_until(app, lambda: "no test points" in outcome(app)[1])
    assert figure(app, "Training") == "100%"


def test_points_are_uploaded(open_page):
    app = open_page("plane", plane_dataset="own")
    app.file_uploader(key="plane_file").set_value(("points.csv", b"1;2;a\n2;2;a\n1;-2;b\n2;-2;b", "text/csv")).run()
    assert len(own(app)) == 4
    app.file_uploader(key="plane_file").set_value(("points.csv", b"1;2;a\n2;nan;a", "text/csv")).run()
    assert "y must be a number" in texts(app.sidebar.error)
    assert len(own(app)) == 4, "the points before are kept"


def test_own_values_are_pasted(open_page):
    app = open_page("plane", plane_task="regression", plane_dataset="own-values")
    paste(app, "0 1 2")
    assert "Line 1" in texts(app.sidebar.error)
    paste(app, "\n".join(f"{x}, {x}, {x / 2}" for x in range(-5, 6)))
    assert not app.error
    assert network(app)["points"]["target"][0] == -2.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2,a", "All points have the label"),
        ("1,2,a\n2,1,b", "at least 4 points"),
        ("1,1,a\n1,1,a\n1,1,b\n1,1,b", "at the same place"),
        ("1,2,a\n" * 3_000, "more than"),
        ("hello", "only one column"),
    ],
)
def test_points_that_cannot_be_used_are_explained(open_page, text, says):
    app = open_page("plane", plane_dataset="own")
    paste(app, text)
    assert not app.exception
    assert says in texts(app.sidebar.error)


def test_an_address_keeps_points_and_survives_nonsense(open_page):
    app = open_page("plane", plane_dataset="own", plane_points="1_2_0~1.5_2_0~1_-2_1~2_-2_1")
    assert own(app) == [[1, 2, 0], [1.5, 2, 0], [1, -2, 1], [2, -2, 1]]
    for nonsense in ("~~~", "a_b_c", "1_2", "1_2_nan", "99_0_0", "1_2_1e999", "_" * 1_000):
        assert own_points.from_address(nonsense) == []
    points = ((1.25, -3.5, 0.0), (0.0, 6.0, 4.0))
    assert own_points.from_address(own_points.to_address(points)) == list(points)


@pytest.mark.parametrize(
    "state",
    [None, 7, {}, {"revision": "x", "points": []}, {"revision": 1, "points": [[1, 2]]}, {"revision": 1, "points": 5}],
)
def test_what_is_not_a_drawing_is_ignored(state, monkeypatch):
    monkeypatch.setattr(diagram.st, "session_state", {})
    assert not diagram.accept_points(state)


# Edits of the network


def test_edits_are_applied_to_the_run_and_shown_before_it_trains_on(open_page, monkeypatch):
    app = open_page("plane", pace=SLOW, plane_epochs="1000")
    button(app, "Train").click().run()
    run_until(app, lambda: "Training" in status(app))
    button(app, "Pause").click().run()
    run_until(app, lambda: "Paused" in status(app))
    store = get_dispatcher().store
    store.steer(run_of(app), edits=[[0, 1, "weight", 1, 2.5], [0, 2, "off", 0, 1]])
    app.run()
    shown = network(app)
    assert weights_of(app)[1 * 4 + 1] == 2.5
    assert shown["off"] == [[0, 2]]
    assert shown["canEdit"]
    other = open_page("plane", run=run_of(app))
    assert not network(other)["canEdit"], "it is somebody else's run"
    assert weights_of(other)[1 * 4 + 1] == 2.5
    button(app, "Stop").click().run()
    run_until(app, lambda: "Stopped" in status(app))


def test_edits_at_an_earlier_epoch_are_those_made_until_then():
    first, second = Edit(0, 0, "off"), Edit(0, 1, "off")
    events = [Change(10, "edits", (first,)), Change(20, "lr", 0.1), Change(30, "edits", (first, second))]
    assert training.edits_until(events, 10, ()) == ()
    assert training.edits_until(events, 11, ()) == (first,)
    assert training.edits_until(events, 31, ()) == (first, second)
    assert training.edits_until(events, None, ()) == (first, second)


# The other tabs


def test_runs_are_compared(open_page, finished):
    app = open_page("plane", run=finished, tab="Compare runs")
    assert list(app.multiselect(key="compared").value) == ["Run 1"]
    assert app.dataframe[0].value["Input"][0] == "x, y"
    assert "data:image/png" in html_of(app), "the map after the chosen epoch"


def test_everything_can_be_downloaded(open_page, finished):
    app = open_page("plane", run=finished, tab="Download")
    assert not app.exception
    labels = [each.proto.label for each in app.get("download_button")]
    assert labels == ["weights.npz", "history.csv", "points.csv", "run.ipynb", "project.zip", *["PNG", "SVG"] * 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        PlaneConfig(dataset="blobs", classes=5),
        PlaneConfig(task="regression", dataset="saddle"),
        PlaneConfig(task="regression", dataset="sine", features=("x",)),
        PlaneConfig(task="regression", dataset="surface", formula="0*x", noise=0.0),
    ],
    ids=["classes", "values", "function of x", "all values 0"],
)
def test_the_map_is_an_image(config):
    weights = diagram.initial_weights(config)
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<svg")):
        assert render_chart(export.map_chart(config, weights), kind).startswith(start)
    small = map_image(config, weights, LIGHT)
    assert small.shape == (120, 120, 3)
    assert len(np.unique(small.reshape(-1, 3), axis=0)) >= 3


@pytest.mark.parametrize("edits", [5, "edits", {"edit": 1}, [5], [[0, 0, "weight", 0]], [[0, 0, "weight", 0, "1"]]])
def test_forged_edits_are_refused_with_a_sentence(monkeypatch, edits):
    run = SimpleNamespace(id="1", config=PlaneConfig(), changes={})
    monkeypatch.setattr(diagram.st, "session_state", {})
    monkeypatch.setattr(run_panel, "editable_run", lambda kind: run)
    with pytest.raises(ValueError, match=r"edit|weight"):
        diagram.take_edits({"run": "1", "edits": edits})


@pytest.mark.parametrize("validation", [0.0, 0.3])
def test_the_outcome_names_validation_points_only_if_there_are_some(validation):
    points = tuple((x, 0.0, int(x > 0)) for x in (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0))
    config = PlaneConfig(dataset="own", points=points, validation=validation)
    run = SimpleNamespace(config=config, message="")
    _, text = training.outcome(run, [PlaneResult(0, None, None)])
    assert "no test points" in text
    assert ("validation points" in text) == (validation > 0)


def test_downloaded_points_can_be_uploaded_again():
    config = PlaneConfig(dataset="blobs", classes=3)
    parsed = parse_points(to_csv_bytes(export.points_table(config)))
    data = make(config)
    np.testing.assert_allclose(parsed.points, np.column_stack([data.points, data.targets]))


@pytest.mark.slow
def test_the_history_has_a_row_per_epoch(finished):
    epochs = [event for _, event in get_dispatcher().store.events(finished) if isinstance(event, PlaneEpoch)]
    table = export.history(epochs)
    assert isinstance(table, pd.DataFrame)
    assert table["epoch"].tolist() == list(range(31))


def test_the_number_of_steps_is_that_of_the_training_loop(finished):
    run = get_dispatcher().store.run(finished)
    last = [event for _, event in get_dispatcher().store.events(finished) if isinstance(event, PlaneEpoch)][-1]
    assert last.step == total_steps(run.config)
    assert total_steps(replace(run.config, batch_size=1)) == 30 * len(make(run.config).training)


@pytest.mark.parametrize(("count", "is_thinned"), [(0, False), (100, False), (200, True)])
def test_the_curves_say_that_they_are_thinned(count, is_thinned):
    epochs = [PlaneEpoch(number, number, 0.5, None, None, None, "") for number in range(count)]
    curves = training.loss_curves(PlaneConfig(), epochs, None)
    assert curves["isThinned"] == is_thinned
    assert len(curves["train"][0]) == min(count, 100)


def test_new_frames_are_few_and_end_with_the_present(finished, monkeypatch):
    monkeypatch.setattr(training.st, "session_state", {})
    store = get_dispatcher().store
    run, events = store.run(finished), [event for _, event in store.events(finished)]
    epochs = [event for event in events if isinstance(event, PlaneEpoch)]
    first = training.new_frames(run, events[:1] if isinstance(events[0], PlaneEpoch) else events[:2])
    assert [step for step, _ in first] == [0]
    frames = training.new_frames(run, events)
    assert len(frames) == training.MAX_FRAMES
    assert frames[-1] == (epochs[-1].step, epochs[-1].weights)
    assert training.new_frames(run, events) == [frames[-1]], "nothing new"


CHANCE = PlaneConfig(dataset="xor")
WAVE = PlaneConfig(task="regression", dataset="sine", features=("x",))


@pytest.mark.parametrize(
    ("config", "result", "kind", "says"),
    [
        (CHANCE, PlaneResult(500, 0.7, 0.52), "warning", "guessing"),
        (CHANCE, PlaneResult(500, 0.3, 0.9), "success", "450 of 500"),
        (WAVE, PlaneResult(500, float(np.var(make(WAVE).test_targets)), None), "warning", "predicting the mean"),
        (WAVE, PlaneResult(500, float("nan"), None), "warning", "predicting the mean"),
        (WAVE, PlaneResult(500, 0.01, None), "success", "0.01 on 500"),
    ],
)
def test_a_result_no_better_than_guessing_is_no_success(config, result, kind, says):
    outcome = training.outcome(SimpleNamespace(config=config, message=""), [result])
    assert outcome[0] == kind
    assert says in outcome[1]


def test_a_formula_with_one_large_class_must_beat_the_guess_of_that_class():
    config = PlaneConfig(dataset="formula", formula="4")
    share = np.bincount(make(config).test_targets.astype(int)).max() / len(make(config).test_targets)
    assert share > 0.7
    kind, _ = training.outcome(SimpleNamespace(config=config, message=""), [PlaneResult(500, 0.7, float(share))])
    assert kind == "warning"


def test_rewind_restarts_the_run_at_the_pace_of_its_page(open_page, finished):
    app = open_page("plane", run=finished, pace=SLOW)
    button(app, "Rewind the shown run").click().run()
    assert not app.exception
    rewound = get_dispatcher().store.run(run_of(app))
    assert rewound.id != finished
    assert rewound.min_step_seconds == 1.0
    stop_run(app)
