"""The tabs of the Memorize page: each shows a run's latest checkpoint."""

import inspect
import json
import time

import pytest

from core.memorize import EXAMPLE_SENTENCE, Alphabet, MemorizeConfig, restore_model
from core.memorize.connectivity import connectivity as connectivity_of
from core.memorize.generate import generate
from core.memorize.lstm import MyLSTMCell
from core.memorize.predictions import teacher_forced
from core.memorize.presets import PRESETS
from core.memorize.weights_file import to_file
from core.runs import get_dispatcher
from core.text import graphemes
from pages.ui.memorize import capacity, cell_comparison, connectivity, gates, generation, predictions
from tests.pages.conftest import button, open_code, outcome, run_until

PARAGRAPH = (
    "Long ago, a small network lived in a quiet computer. It had one wish: to remember. Every day someone showed it a "
    "sentence, letter by letter, and asked which letter would come next. At first it only guessed. "
) * 3
SENTENCES = {
    "example": EXAMPLE_SENTENCE,
    "paragraph": PARAGRAPH[:500],
    "korean": "안녕하세요, 얼마나 오래 기억할 수 있나요? 👋🏽",
    "one character": "x",
}
SNAPSHOT_TABS = {
    "Gates": "record",
    "Predictions": "free_running",
    "Dependencies": "connectivity",
    "Generate": "generate",
}


@pytest.fixture(scope="module")
def train():
    """train(config) returns the id of a run that has ended; each config is trained once."""
    done: dict[MemorizeConfig, str] = {}

    def train(config: MemorizeConfig) -> str:
        if config not in done:
            dispatcher = get_dispatcher()
            done[config] = dispatcher.submit(config)
            while not dispatcher.store.run(done[config]).status.is_terminal:
                time.sleep(0.05)
        return done[config]

    return train


def page_text(app) -> str:
    """Return all texts on the page."""
    kinds = ("markdown", "caption", "success", "warning", "info", "error")
    texts = [str(element.value) for kind in kinds for element in getattr(app, kind)]
    return " ".join([*texts, *(html.proto.body for html in app.get("html"))])


def chart_specs(app) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


@pytest.mark.parametrize("tab", SNAPSHOT_TABS)
@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=list(SENTENCES))
def test_every_tab_opens_for_every_sentence(open_page, train, tab, sentence):
    run = train(MemorizeConfig(sentence, hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    app = open_page("memorize", run=run, tab=tab)
    assert not app.error
    assert "Press **Train** first" not in page_text(app)
    sources = " ".join(open_code(app))
    assert f"def {SNAPSHOT_TABS[tab]}(" in sources


def test_without_a_run_every_tab_says_what_to_do(open_page):
    for tab in SNAPSHOT_TABS:
        assert "Press **Train** first" in page_text(open_page("memorize", tab=tab))


def test_every_gate_and_state_of_every_layer_has_a_heat_map(open_page, train):
    run = train(MemorizeConfig("abc abc", hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    app = open_page("memorize", run=run, tab="Gates")
    for quantity in ("forget", "input", "output", "candidate", "cell", "hidden"):
        for layer in (0, 1):
            app.button_group(key="quantity").set_value(quantity)
            app.button_group(key="layer of 2").set_value(layer).run()
            assert not app.exception
            chart = chart_specs(app)[0]
            assert f"layer {layer + 1}" in json.dumps(chart["encoding"])
            assert chart["encoding"]["color"]["title"].lower().startswith(quantity)


def test_a_learned_sentence_is_confirmed_and_a_mistake_is_explained(open_page, train):
    learned = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=learned, tab="Predictions")
    assert "the most likely prediction is correct at 8 of 8 positions" in page_text(app)
    app.button_group(key="prediction_mode").set_value("Free-running").run()
    assert "generates the whole sentence" in page_text(app)

    half = train(MemorizeConfig("abc abd", hidden_size=2, num_layers=1, lr=0.01, epochs=10))
    app = open_page("memorize", run=half, tab="Predictions", prediction_mode="Free-running")
    assert "The first mistake is at character" in page_text(app)


def test_a_prompt_is_continued_and_an_unknown_character_is_named(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=run, tab="Generate")
    app.text_input(key=f"prompt of {run}").set_value("abc").run()
    assert 'title="correct">abc abd</span>' in page_text(app)
    app.text_input(key=f"prompt of {run}").set_value("abq").run()
    assert "has never seen 'q'" in app.error[0].value
    app.text_input(key=f"prompt of {run}").set_value("b").run()
    assert not app.error
    text = page_text(app)
    assert text.count("does not begin like this, so nothing is marked") == 2, "also with one wrong character"
    assert text.count('class="reconstruction"') == 2
    assert 'title="correct"' not in text, "neither is compared with the sentence"


def test_the_end_of_a_long_sentence_can_be_shown(open_page, train):
    run = train(MemorizeConfig(SENTENCES["paragraph"], hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    for tab, key in (("Gates", "gates_window"), ("Dependencies", "dependencies_window")):
        app = open_page("memorize", run=run, tab=tab)
        slider = app.slider(key=key)
        slider.set_value(slider.max).run()
        assert not app.exception
        last = f"{len(graphemes(SENTENCES['paragraph'])):04d} {SENTENCES['paragraph'][-1]}".encode()
        assert any(last in chart.proto.SerializeToString() for chart in app.get("vega_lite_chart"))


def test_a_tab_is_refreshed_while_the_run_is_active(open_page):
    run = get_dispatcher().submit(MemorizeConfig("abc " * 100, epochs=5000))
    get_dispatcher().store.pause(run)
    app = open_page("memorize", run=run, tab="Gates")
    run_until(app, lambda: "Click a row to show that unit" in page_text(app))
    get_dispatcher().store.stop(run)


# Presets and continued training


def test_a_preset_sets_every_control_and_shows_what_to_watch(open_page):
    app = open_page("memorize")
    for preset in PRESETS:
        app.selectbox(key="memorize_preset").set_value(preset.name).run()
        assert not app.error
        assert app.text_area(key="sentence").value == preset.config.sentence
        assert preset.watch in page_text(app), "the controls give exactly the preset's config"
    app.slider(key="num_layers").set_value(3).run()
    assert not any(preset.watch in page_text(app) for preset in PRESETS)


def test_a_run_s_settings_are_read_from_the_url(open_page):
    app = open_page("memorize", sentence="abc", hidden_size="16", memorize_epochs="100", memorize_seed="7")
    button(app, "Train").click().run()
    config = get_dispatcher().store.run(app.query_params["run"]).config
    assert config == MemorizeConfig("abc", hidden_size=16, epochs=100, seed=7)


def test_training_continues_from_the_current_weights_with_another_sentence(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=run, sentence="abd abc", hidden_size="16", num_layers="1", memorize_epochs="50")
    app.toggle(key="continue").set_value(True).run()
    button(app, "Train").click().run()
    child = app.query_params["run"]
    assert child != run
    assert get_dispatcher().store.run(child).parent == run
    run_until(app, lambda: get_dispatcher().store.run(child).status.is_terminal)
    app.run()
    assert "correct" in outcome(app)[1]
    assert "starting from the weights of another run" in page_text(app)

    app = open_page("memorize", run=run, sentence="abd", hidden_size="8", num_layers="1")
    app.toggle(key="continue").set_value(True).run()
    button(app, "Train").click().run()
    assert "has 1 layer of 16 units, but the settings are 1 layer of 8 units" in app.error[0].value
    assert app.query_params["run"] == run, "nothing was started"
    app.toggle(key="continue").set_value(False).run()
    button(app, "Train").click().run()
    assert not app.error
    assert get_dispatcher().store.run(app.query_params["run"]).parent is None


# Cell comparison and memory limit

SMALL = {
    "sentence": "abc abd",
    "hidden_size": "8",
    "num_layers": "1",
    "memorize_epochs": "50",
    "memorize_lr": "0.05",
}


def test_all_cells_are_trained_and_the_two_lstms_agree(open_page):
    app = open_page("memorize", tab="Cell comparison", **SMALL)
    button(app, "Train all cells").click().run()
    run_until(app, lambda: len(app.table) > 0 and (app.table[0].value["Epochs"] == "50 of 50").all())
    app.run()
    assert button(app, "Train all cells").disabled, "the same settings would give the same curves"
    table = app.table[0].value
    assert list(table.index) == ["MyLSTM", "nn.LSTM", "GRU", "RNN"]
    assert (table["ms per epoch"].astype(float) > 0).all()
    assert table["Parameters"]["MyLSTM"] == table["Parameters"]["nn.LSTM"] > table["Parameters"]["RNN"]
    difference = next(text.value for text in app.success if "differ by at most" in text.value)
    assert float(difference.split("**")[1]) < 1e-3
    for cell in ("MyLSTM", "nn.LSTM", "GRU", "RNN"):
        assert f"**{cell}**: {cell_comparison.DESCRIPTIONS[cell]}" in page_text(app)
    assert page_text(app).count('class="reconstruction large"') == 4


def test_a_grid_estimates_its_time_and_finds_the_limit(open_page):
    app = open_page("memorize", tab="Memory limit", memorize_lr="0.05", num_layers="1")
    app.multiselect(key="limit_lengths").set_value([5, 10])
    app.multiselect(key="limit_sizes").set_value([1, 32])
    app.select_slider(key="limit_epochs").set_value(100).run()
    assert "4 networks to train, one at a time. Estimated time: **a" in page_text(app)
    button(app, "Train the grid").click().run()
    assert not button(app, "Stop the grid").disabled
    run_until(app, lambda: "4 of 4 networks trained" in progress(app))
    labels = chart_data(app)
    assert b"100%" in labels
    assert b"not learned" in labels

    app.multiselect(key="limit_sizes").set_value([1, 2, 32]).run()
    assert "2 networks to train" in page_text(app), "finished networks are not trained again"


def test_a_grid_can_be_stopped(open_page):
    app = open_page("memorize", tab="Memory limit", memorize_seed="5")
    app.multiselect(key="limit_lengths").set_value([160]).run()
    app.select_slider(key="limit_epochs").set_value(1000).run()
    button(app, "Train the grid").click().run()
    runs = [run for run in get_dispatcher().store.list_runs(kind="memorize") if run.config.seed == 5]
    assert len(runs) == 5
    button(app, "Stop the grid").click().run()
    run_until(app, lambda: all(get_dispatcher().store.run(run.id).status.is_terminal for run in runs))
    app.run()
    assert not button(app, "Train the grid").disabled


def test_a_grid_that_takes_too_long_is_rejected_with_its_time(open_page, monkeypatch):
    monkeypatch.setattr(capacity, "seconds_per_character", lambda *_: 0.03)
    app = open_page("memorize", tab="Memory limit", memorize_seed="6")
    assert "minutes** at most" in app.warning[0].value
    app.multiselect(key="limit_lengths").set_value([320]).run()
    assert "hours** at most" in app.error[0].value
    assert button(app, "Train the grid").disabled


def test_a_grid_s_settings_are_read_from_the_url_and_a_blank_text_is_rejected(open_page):
    app = open_page("memorize", tab="Memory limit", limit_text=capacity.CUSTOM, sentence="      abc")
    assert "nothing to memorise" in app.error[0].value, "its first five characters are spaces"
    app.multiselect(key="limit_lengths").set_value([20]).run()
    assert not app.error
    again = open_page("memorize", tab="Memory limit", limit_lengths="20", limit_epochs="50")
    assert again.multiselect(key="limit_lengths").value == [20]
    assert again.select_slider(key="limit_epochs").value == 50


# Download


def test_everything_can_be_downloaded_and_weights_can_be_loaded(open_page, train):
    config = MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100)
    run = train(config)
    query = {"run": run, "tab": "Download", "sentence": "abc abd", "num_layers": "1"}
    app = open_page("memorize", **query, hidden_size="16")
    labels = [element.proto.label for element in app.get("download_button")]
    assert labels == ["weights.pt", "loss.csv", "memorize.ipynb", "PNG", "SVG"]

    weights = to_file(restore_model(config, get_dispatcher().store.checkpoint(run)), Alphabet("abc abd"))
    upload(app, weights)
    assert "1 layer of 16 units" in page_text(app)
    button(app, "Continue training from this file").click().run()
    child = app.query_params["run"]
    assert child != run
    run_until(app, lambda: get_dispatcher().store.run(child).status.is_terminal)
    first = get_dispatcher().store.events(child, limit=1)[0][1]
    assert first.loss < 0.1, "it had already learned the sentence"

    app = open_page("memorize", **query, hidden_size="8")
    upload(app, weights)
    assert "Nothing was changed" in app.error[0].value
    assert not any(b.label == "Continue training from this file" for b in app.button)
    upload(app, b"not weights at all")
    assert "not a weights.pt from this page" in app.error[0].value
    assert app.query_params["run"] == run


def upload(app, data: bytes) -> None:
    app.file_uploader(key="weights_file").set_value(("weights.pt", data, "application/octet-stream")).run()
    assert not app.exception


def test_every_line_of_code_beside_a_formula_is_part_of_the_source():
    source = inspect.getsource(MyLSTMCell)
    for _, line, _ in gates.EXPLANATIONS.values():
        assert line in source
    assert predictions.LINE in inspect.getsource(teacher_forced)
    assert connectivity.LINE in inspect.getsource(connectivity_of)
    assert generation.LINE in inspect.getsource(generate)


def progress(app) -> str:
    return " ".join(bar.proto.text for bar in app.get("progress"))


def chart_data(app) -> bytes:
    return b" ".join(chart.proto.SerializeToString() for chart in app.get("vega_lite_chart"))
