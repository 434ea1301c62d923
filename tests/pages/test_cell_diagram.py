"""The Cell tab: what it sends to the browser."""

import json

import numpy as np
import pytest

from core.memorize import Alphabet, MemorizeConfig, make_model
from core.memorize.cell_steps import MAX_CHARACTERS, MAX_UNITS, cell_steps
from pages.ui.memorize.cell_diagram import browser_data, thousandths
from tests.pages.conftest import button, run_until


def test_values_are_rounded_to_thousandths_and_not_finite_ones_are_none():
    array = np.array([[0.12345, -1.0], [np.nan, -np.inf]], np.float32)
    assert thousandths(array) == [[123, -1000], [None, None]]
    assert thousandths(array[:1]) == [[123, -1000]]


@pytest.mark.parametrize("sentence", ["a b\nc", "👩‍👩‍👧‍👦 <b>&amp;</b>", "x" * 2000])
def test_the_data_of_any_sentence_is_bounded_json(sentence):
    model = make_model(MemorizeConfig(sentence, hidden_size=MAX_UNITS * 2, num_layers=1))
    data = browser_data(cell_steps(model, Alphabet(sentence), sentence, 0), is_last_layer=True)
    sent = json.dumps(data, allow_nan=False)
    assert len(sent) < 250_000
    steps = len(data["inputs"])
    assert steps <= MAX_CHARACTERS + 1
    assert data["inputs"][0] == "▶"
    assert " " not in data["inputs"]
    assert np.array(data["values"]["cell"]).shape == (steps, MAX_UNITS)
    assert len(data["targets"]) == len(data["predictions"]) == len(data["means"]["forget"]) == steps


def test_overflowed_weights_are_drawn_without_numbers():
    model = make_model(MemorizeConfig("ab", hidden_size=2, num_layers=1))
    for parameter in model.parameters():
        parameter.data.fill_(float("nan"))
    data = browser_data(cell_steps(model, Alphabet("ab"), "ab", 0), is_last_layer=True)
    json.dumps(data, allow_nan=False)
    assert data["values"]["cell"][1] == [None, None]


def test_the_tab_explains_that_nothing_is_trained_and_then_shows_a_run_and_its_layers(open_page):
    app = open_page("memorize", tab="Cell")

    def diagrams() -> list:
        components = [each.proto for each in app.get("bidi_component")]
        return [each for each in components if each.component_name == "dashboard.cell_diagram"]

    assert not diagrams()
    app.text_area(key="sentence").set_value("abc abd")
    app.slider(key="memorize_epochs").set_value(50).run()
    button(app, "Train").click().run()
    run_until(app, lambda: bool(diagrams()))

    def data():
        return json.loads(diagrams()[0].json)

    last = data()
    assert "".join(last["inputs"]) == "▶abc␣abd"
    assert "".join(last["targets"]) == "abc␣abd■"
    assert last["isLastLayer"]
    control = next(group for group in app.get("button_group") if group.label == "Layer")
    control.set_value(0).run()
    assert not app.exception
    first = data()
    assert not first["isLastLayer"]
    assert first["values"]["hidden"] != last["values"]["hidden"]
