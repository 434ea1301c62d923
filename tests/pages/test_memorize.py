"""The Memorize page's looks inside: each opens on a run's latest checkpoint and says what is so."""

import json
import time

import pytest

from core.memorize import REPORT_SENTENCE, MemorizeConfig, characters
from core.runs import get_engine
from tests.pages.conftest import run_until

PARAGRAPH = (
    "Long ago, a small network lived in a quiet computer. It had one wish: to remember. Every day someone showed it a "
    "sentence, letter by letter, and asked which letter would come next. At first it only guessed. "
) * 3
SENTENCES = {
    "report": REPORT_SENTENCE,
    "paragraph": PARAGRAPH[:500],
    "korean": "안녕하세요, 얼마나 오래 기억할 수 있나요? 👋🏽",
    "one character": "x",
}
LOOKS = ["Inside the cell", "What it expects", "What it looks back at", "How it goes on"]


@pytest.fixture(scope="module")
def train():
    """train(config) gives the id of a run that has ended; each config is trained once."""
    done: dict[MemorizeConfig, str] = {}

    def train(config: MemorizeConfig) -> str:
        if config not in done:
            engine = get_engine()
            done[config] = engine.submit(config)
            while not engine.store.run(done[config]).status.ended:
                time.sleep(0.05)
        return done[config]

    return train


def words(app) -> str:
    """All that the page says."""
    kinds = ("markdown", "caption", "success", "warning", "info", "error")
    said = [str(element.value) for kind in kinds for element in getattr(app, kind)]
    return " ".join([*said, *(html.proto.body for html in app.get("html"))])


def chart_specs(app) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=list(SENTENCES))
def test_every_look_opens_on_every_sentence(open_page, train, look, sentence):
    run = train(MemorizeConfig(sentence, hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    app = open_page("memorize", run=run, look=look)
    assert not app.error
    assert "Press **Train** first" not in words(app)
    sources = " ".join(code.value for code in app.code)
    function = {
        "Inside the cell": "record",
        "What it expects": "free_running",
        "What it looks back at": "connectivity",
        "How it goes on": "go_on",
    }
    assert f"def {function[look]}(" in sources


def test_without_a_run_the_looks_say_what_to_do(open_page):
    for look in LOOKS:
        assert "Press **Train** first" in words(open_page("memorize", look=look))


def test_every_quantity_and_layer_of_the_cell_is_mapped(open_page, train):
    run = train(MemorizeConfig("abc abc", hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    app = open_page("memorize", run=run, look="Inside the cell")
    for quantity in ("forget", "input", "output", "candidate", "cell", "hidden"):
        for layer in (0, 1):
            app.button_group(key="quantity").set_value(quantity)
            app.button_group(key="layer of 2").set_value(layer).run()
            assert not app.exception
            chart = chart_specs(app)[1]
            assert f"layer {layer + 1}" in json.dumps(chart["encoding"])
            assert chart["encoding"]["color"]["title"].lower().startswith(quantity)


def test_what_was_learned_is_said_and_what_was_not_is_explained(open_page, train):
    known = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=known, look="What it expects")
    assert "the first guess is right at 8 of 8 places" in words(app)
    app.button_group(key="expects_way").set_value("Left to itself").run()
    assert "says the whole sentence by itself" in words(app)

    half = train(MemorizeConfig("abc abd", hidden_size=2, num_layers=1, lr=0.01, epochs=10))
    app = open_page("memorize", run=half, look="What it expects", expects_way="Left to itself")
    assert "It first goes wrong at character" in words(app)


def test_a_prompt_goes_on_and_an_unknown_character_is_named(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=run, look="How it goes on")
    app.text_input(key=f"prompt of {run}").set_value("abc").run()
    assert 'title="right">abc abd</span>' in words(app)
    app.text_input(key=f"prompt of {run}").set_value("abq").run()
    assert "has never seen 'q'" in app.error[0].value
    app.text_input(key=f"prompt of {run}").set_value("b").run()
    assert not app.error
    assert "does not begin like this" in words(app)


def test_the_last_of_a_long_sentence_can_be_seen(open_page, train):
    run = train(MemorizeConfig(SENTENCES["paragraph"], hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    for look, key in (("Inside the cell", "inside_window"), ("What it looks back at", "back_window")):
        app = open_page("memorize", run=run, look=look)
        slider = app.slider(key=key)
        slider.set_value(slider.max).run()
        assert not app.exception
        last = f"{len(characters(SENTENCES['paragraph'])):04d} {SENTENCES['paragraph'][-1]}".encode()
        assert any(last in chart.proto.SerializeToString() for chart in app.get("vega_lite_chart"))


def test_a_look_inside_follows_a_run_that_goes_on(open_page):
    run = get_engine().submit(MemorizeConfig("abc " * 100, epochs=5000))
    get_engine().pause(run)
    app = open_page("memorize", run=run, look="Inside the cell")
    run_until(app, lambda: "Click on a row to follow that unit" in words(app))
    get_engine().stop(run)
