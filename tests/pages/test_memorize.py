"""The Memorize page's looks inside: each opens on a run's latest checkpoint and says what is so."""

import inspect
import json
import time

import pytest

from core.memorize import EXAMPLE_SENTENCE, Alphabet, MemorizeConfig, restore_model
from core.memorize.connectivity import connectivity as connectivity_of
from core.memorize.generate import go_on
from core.memorize.lstm import MyLSTMCell
from core.memorize.predictions import teacher_forced
from core.memorize.presets import PRESETS
from core.memorize.weights_file import to_file
from core.runs import get_dispatcher
from core.text import graphemes
from pages.ui.memorize import capacity, connectivity, gates, generation, predictions
from tests.pages.conftest import button, open_code, run_until

PARAGRAPH = (
    "Long ago, a small network lived in a quiet computer. It had one wish: to remember. Every day someone showed it a "
    "sentence, letter by letter, and asked which letter would come next. At first it only guessed. "
) * 3
SENTENCES = {
    "report": EXAMPLE_SENTENCE,
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
            engine = get_dispatcher()
            done[config] = engine.submit(config)
            while not engine.store.run(done[config]).status.is_terminal:
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
    sources = " ".join(open_code(app))
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
        last = f"{len(graphemes(SENTENCES['paragraph'])):04d} {SENTENCES['paragraph'][-1]}".encode()
        assert any(last in chart.proto.SerializeToString() for chart in app.get("vega_lite_chart"))


def test_a_look_inside_follows_a_run_that_goes_on(open_page):
    run = get_dispatcher().submit(MemorizeConfig("abc " * 100, epochs=5000))
    get_dispatcher().pause(run)
    app = open_page("memorize", run=run, look="Inside the cell")
    run_until(app, lambda: "Click on a row to follow that unit" in words(app))
    get_dispatcher().stop(run)


# Presets, and going on


def test_a_preset_sets_every_control_and_says_what_to_watch(open_page):
    app = open_page("memorize")
    for preset in PRESETS:
        button(app, preset.name).click().run()
        assert not app.error
        assert app.text_area(key="sentence").value == preset.config.sentence
        assert preset.watch in words(app), "the controls make exactly the preset's config"
    app.slider(key="num_layers").set_value(3).run()
    assert not any(preset.watch in words(app) for preset in PRESETS)


def test_a_run_s_settings_are_in_the_address(open_page):
    app = open_page("memorize", sentence="abc", hidden_size="16", memorize_epochs="100", memorize_seed="7")
    button(app, "Train").click().run()
    config = get_dispatcher().store.run(app.query_params["run"]).config
    assert config == MemorizeConfig("abc", hidden_size=16, epochs=100, seed=7)


def test_training_continues_from_the_present_weights_with_another_sentence(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=run, sentence="abd abc", hidden_size="16", num_layers="1", memorize_epochs="50")
    app.toggle(key="continue").set_value(True).run()
    button(app, "Train again").click().run()
    child = app.query_params["run"]
    assert child != run
    assert get_dispatcher().store.run(child).parent == run
    run_until(app, lambda: any("came back right" in text.value for text in [*app.success, *app.warning]))

    app = open_page("memorize", run=run, sentence="abd", hidden_size="8", num_layers="1")
    app.toggle(key="continue").set_value(True).run()
    assert "those of 1 layer of 16 units" in app.warning[0].value
    button(app, "Train again").click().run()
    assert get_dispatcher().store.run(app.query_params["run"]).parent is None


# Cells side by side, and the limit

SMALL = {
    "sentence": "abc abd",
    "hidden_size": "8",
    "num_layers": "1",
    "memorize_epochs": "50",
    "memorize_lr": "0.05",
}


def test_cells_train_side_by_side_and_the_two_lstms_agree(open_page):
    app = open_page("memorize", look="Cells side by side", **SMALL)
    button(app, "Train them side by side").click().run()
    run_until(app, lambda: len(app.table) > 0 and (app.table[0].value["Epochs"] == "50 of 50").all())
    app.run()
    assert button(app, "Train them side by side").disabled, (
        "the same settings give the same curves: there is no more to do"
    )
    table = app.table[0].value
    assert list(table.index) == ["MyLSTM", "nn.LSTM", "GRU", "RNN"]
    assert (table["ms an epoch"].astype(float) > 0).all()
    assert table["Parameters"]["MyLSTM"] == table["Parameters"]["nn.LSTM"] > table["Parameters"]["RNN"]
    apart = next(text.value for text in app.success if "nats apart" in text.value)
    assert float(apart.split("**")[1]) < 1e-3
    for cell in ("MyLSTM", "nn.LSTM", "GRU", "RNN"):
        assert f"**{cell}** says" in words(app)


def test_a_grid_says_how_long_it_takes_runs_and_finds_the_limit(open_page):
    app = open_page("memorize", look="Show me your limit", memorize_lr="0.05", num_layers="1")
    app.multiselect(key="limit_lengths").set_value([5, 10])
    app.multiselect(key="limit_sizes").set_value([1, 32])
    app.select_slider(key="limit_epochs").set_value(100).run()
    assert "4 networks to train, one at a time: **a" in words(app)
    button(app, "Run the grid").click().run()
    assert not button(app, "Stop the grid").disabled
    run_until(app, lambda: "4 of 4 networks trained" in progress(app))
    labels = chart_data(app)
    assert b"100%" in labels
    assert b"not whole" in labels

    app.multiselect(key="limit_sizes").set_value([1, 2, 32]).run()
    assert "2 networks to train" in words(app), "what is known need not be trained again"


def test_a_grid_is_stopped(open_page):
    app = open_page("memorize", look="Show me your limit", memorize_seed="5")
    app.multiselect(key="limit_lengths").set_value([160]).run()
    app.select_slider(key="limit_epochs").set_value(1000).run()
    button(app, "Run the grid").click().run()
    runs = [run for run in get_dispatcher().store.list_runs(kind="memorize") if run.config.seed == 5]
    assert len(runs) == 5
    button(app, "Stop the grid").click().run()
    run_until(app, lambda: all(get_dispatcher().store.run(run.id).status.is_terminal for run in runs))
    app.run()
    assert not button(app, "Run the grid").disabled


def test_a_grid_that_would_take_too_long_is_refused_with_its_time(open_page, monkeypatch):
    monkeypatch.setattr(capacity, "seconds_a_character", lambda *_: 0.03)
    app = open_page("memorize", look="Show me your limit", memorize_seed="6")
    assert "minutes** at most" in app.warning[0].value
    app.multiselect(key="limit_lengths").set_value([320]).run()
    assert "hours** at most" in app.error[0].value
    assert button(app, "Run the grid").disabled


def test_a_grid_s_settings_are_in_the_address_and_a_text_of_blanks_is_refused(open_page):
    app = open_page("memorize", look="Show me your limit", limit_text=capacity.OWN, sentence="      abc")
    assert "nothing to memorise" in app.error[0].value, "its first five characters are blanks"
    app.multiselect(key="limit_lengths").set_value([20]).run()
    assert not app.error
    again = open_page("memorize", look="Show me your limit", limit_lengths="20", limit_epochs="50")
    assert again.multiselect(key="limit_lengths").value == [20]
    assert again.select_slider(key="limit_epochs").value == 50


# Take it home


def test_everything_can_be_taken_home_and_weights_come_back(open_page, train):
    config = MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100)
    run = train(config)
    query = {"run": run, "look": "Take it home", "sentence": "abc abd", "num_layers": "1"}
    app = open_page("memorize", **query, hidden_size="16")
    labels = [element.proto.label for element in app.get("download_button")]
    assert labels == ["PNG", "SVG", "weights.pt", "loss.csv", "memorize.ipynb"]

    weights = to_file(restore_model(config, get_dispatcher().store.checkpoint(run)), Alphabet("abc abd"))
    upload(app, weights)
    assert "1 layer of 16 units" in words(app)
    button(app, "Train on from this file").click().run()
    child = app.query_params["run"]
    assert child != run
    run_until(app, lambda: get_dispatcher().store.run(child).status.is_terminal)
    first = get_dispatcher().store.events(child, limit=1)[0][1]
    assert first.loss < 0.1, "it knew the sentence already"

    app = open_page("memorize", **query, hidden_size="8")
    upload(app, weights)
    assert "Nothing was changed" in app.error[0].value
    assert not any(b.label == "Train on from this file" for b in app.button)
    upload(app, b"not weights at all")
    assert "not a file of weights from this page" in app.error[0].value
    assert app.query_params["run"] == run


def upload(app, data: bytes) -> None:
    app.file_uploader(key="weights_file").set_value(("weights.pt", data, "application/octet-stream")).run()
    assert not app.exception


def test_every_line_of_code_beside_a_formula_is_one_that_runs():
    source = inspect.getsource(MyLSTMCell)
    for _, line, _ in gates.EXPLANATIONS.values():
        assert line in source
    assert predictions.LINE in inspect.getsource(teacher_forced)
    assert connectivity.LINE in inspect.getsource(connectivity_of)
    assert generation.LINE in inspect.getsource(go_on)


def progress(app) -> str:
    return " ".join(bar.proto.text for bar in app.get("progress"))


def chart_data(app) -> bytes:
    return b" ".join(chart.proto.SerializeToString() for chart in app.get("vega_lite_chart"))
