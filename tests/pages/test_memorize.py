"""The tabs of the Memorize page: each shows a run's latest checkpoint."""

import inspect
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from core.memorize import (
    EXAMPLE_SENTENCE,
    Alphabet,
    MemorizeConfig,
    MemorizeEpoch,
    bptt,
    fit,
    make_model,
    restore_model,
)
from core.memorize.connectivity import connectivity as connectivity_of
from core.memorize.gates import order_by_similarity, record
from core.memorize.generate import Recovery, generate, generate_text, recovery
from core.memorize.predictions import teacher_forced
from core.memorize.presets import PRESETS
from core.memorize.weights_file import to_file
from core.runs import Status, get_dispatcher
from core.source import source
from core.text import graphemes
from core.training import Checkpoint
from pages.ui.memorize import (
    capacity,
    cell_comparison,
    connectivity,
    gates,
    generation,
    model_cache,
    predictions,
    timing,
)
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
            wait_until_ended(done[config])
        return done[config]

    return train


def wait_until_ended(run: str) -> None:
    while not get_dispatcher().store.run(run).status.is_terminal:
        time.sleep(0.05)


def restored(run: str):
    """Return a run's model and alphabet."""
    config = get_dispatcher().store.run(run).config
    return restore_model(config, get_dispatcher().store.checkpoint(run)), Alphabet(config.sentence)


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
    text = page_text(app)
    assert "the most likely prediction is correct at 8 of 8 positions: 7 characters and the end token" in text
    assert "The network is sure of almost everything" in text
    app.button_group(key="prediction_mode").set_value("Free-running").run()
    assert "generates the whole sentence" in page_text(app)

    half = train(MemorizeConfig("abc abd", hidden_size=2, num_layers=1, lr=0.01, epochs=10))
    app = open_page("memorize", run=half, tab="Predictions", prediction_mode="Free-running")
    assert "The first mistake is at character" in page_text(app)


def test_a_prompt_is_continued_and_an_unknown_character_is_named(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=run, tab="Generate")
    app.text_input(key=f"prompt of {run}").set_value("abc").run()
    assert '<span class="typed" title="beginning">abc</span>' in page_text(app), "what was typed looks different"
    assert "<u> abd</u>" in page_text(app).replace("<wbr>", "")
    app.text_input(key=f"prompt of {run}").set_value("abq").run()
    assert "has never seen 'q'" in app.error[0].value
    app.text_input(key=f"prompt of {run}").set_value("b").run()
    assert not app.error
    text = page_text(app)
    assert text.count("does not begin like this, so nothing is marked") == 1
    assert text.count('class="reconstruction') == 2


def test_a_wrong_character_without_effect_is_reported_as_such_at_every_temperature(open_page, train):
    """The draw without the error is the measure, even if it differs from the sentence."""
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    model, alphabet = restored(run)
    prompt, temperature = "abc", 2.0

    def continuations(seed: int) -> tuple[str, str]:
        left, right = (generate_text(model, alphabet, start, 17, temperature, seed) for start in (prompt, "aba"))
        return left, right

    seed = next(seed for seed in range(500) if continuations(seed)[0] == continuations(seed)[1] != " abd")
    app = open_page("memorize", run=run, tab="Generate", temperature="2.0", sampling_seed=str(seed))
    app.text_input(key=f"prompt of {run}").set_value(prompt).run()
    app.number_input(key="sampling_seed").set_value(seed).run()
    app.selectbox(key="replacement").set_value("a").run()
    assert "The error has no effect" in app.success[-1].value
    assert "with the same temperature and sampling seed" in page_text(app)

    seed = next(seed for seed in range(500) if len(set(continuations(seed))) == 2)
    app.number_input(key="sampling_seed").set_value(seed).run()
    result = recovery(*continuations(seed))
    assert generation.recovery_text(result) in page_text(app)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (
            Recovery(19, 1, 0),
            "1 character differs. After 19 characters, the network has recovered: the rest is the same.",
        ),
        (Recovery(1, 1, 0), "1 character differs. After 1 character, the network has recovered"),
        (Recovery(5, 3, 0), "3 characters differ. After 5 characters"),
        (Recovery(4, 4, 2), "After 4 characters, the network has recovered, but the rest follows 2 characters later."),
        (Recovery(0, 0, -3), "continues at another position: the same text follows 3 characters earlier."),
        (Recovery(None, 9, 0), "The network does not recover"),
    ],
)
def test_the_words_about_a_wrong_character_count_what_the_picture_marks(result, text):
    assert text in generation.recovery_text(result)


def test_rows_of_the_gates_keep_their_order_through_a_run_and_over_all_gates(open_page, monkeypatch):
    config = MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=60)
    run = get_dispatcher().submit(config)
    wait_until_ended(run)
    *_, early = fit(replace(config, epochs=5))
    store = get_dispatcher().store
    final = store.checkpoint(run)
    assert (sorted_units(config, early) != sorted_units(config, final)).any(), "the test would prove nothing"

    monkeypatch.setattr(type(store), "checkpoint", lambda self, run_id: early)
    app = open_page("memorize", run=run, tab="Gates")
    first = heat_map_rows(app)
    assert "Rows: sorted by similarity after 5 epochs" in page_text(app)
    monkeypatch.setattr(type(store), "checkpoint", lambda self, run_id: final)
    for quantity in ("forget", "input", "output", "candidate", "cell", "hidden"):
        app.button_group(key="quantity").set_value(quantity).run()
        assert heat_map_rows(app) == first, quantity
    assert "Rows: sorted by similarity after 5 epochs" in page_text(app)

    button(app, "Sort again").click().run()
    assert heat_map_rows(app) == list(map(str, sorted_units(config, final)))
    assert "Rows: sorted by similarity after 60 epochs" in page_text(app)


def sorted_units(config: MemorizeConfig, checkpoint: Checkpoint) -> np.ndarray:
    """Return the units in the order of their cell states' similarity."""
    alphabet = Alphabet(config.sentence)
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(config.sentence)])
    return order_by_similarity(record(restore_model(config, checkpoint), inputs).cell[0])


def chart_frames(app) -> list[pd.DataFrame]:
    """Return the data of each chart."""
    return [
        pa.ipc.open_stream(dataset.data.data).read_pandas()
        for chart in app.get("vega_lite_chart")
        for dataset in chart.proto.datasets
    ]


def heat_map_rows(app) -> list[str]:
    """Return the names of the heat map's rows, from top to bottom."""
    frame = next(frame for frame in chart_frames(app) if "row" in frame)
    return list(frame.sort_values("position")["row"].astype(str).unique())


def test_the_selected_unit_s_row_is_framed(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    app = open_page("memorize", run=run, tab="Gates")
    app.number_input(key="unit").set_value(7).run()
    frame = next(frame for frame in chart_frames(app) if "row" in frame)
    assert set(frame["row"][frame["framed"]].astype(str)) == {"7"}
    assert any("Unit 7 is framed" in chart.proto.alt for chart in app.get("vega_lite_chart"))


def test_every_chart_of_every_tab_says_in_words_what_it_shows(open_page, train):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    for tab in ("Gates", "Predictions", "Dependencies"):
        texts = [chart.proto.alt for chart in open_page("memorize", run=run, tab=tab).get("vega_lite_chart")]
        assert texts
        assert all("after 100 epochs" in text or "at position 1" in text for text in texts)


def test_a_network_whose_weights_have_overflowed_has_no_dependencies(open_page, train, monkeypatch):
    config = MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100)
    run = train(config)
    checkpoint = get_dispatcher().store.checkpoint(run)
    arrays = {name: array * np.nan if array.dtype.kind == "f" else array for name, array in checkpoint.arrays.items()}
    broken = Checkpoint(arrays, checkpoint.metadata)
    monkeypatch.setattr(type(get_dispatcher().store), "checkpoint", lambda self, run_id: broken)
    assert "weights have overflowed" in open_page("memorize", run=run, tab="Dependencies").error[0].value
    assert not open_page("memorize", run=run, tab="Gates").error


def test_dependencies_of_a_large_network_are_computed_as_far_as_they_are_affordable(open_page, train, monkeypatch):
    run = train(MemorizeConfig(SENTENCES["paragraph"], hidden_size=8, num_layers=2, lr=0.05, epochs=15))
    monkeypatch.setattr(connectivity, "affordable_steps", lambda model, rows: rows + 30)
    app = open_page("memorize", run=run, tab="Dependencies")
    app.slider(key="dependencies_window").set_value(100).run()
    assert "only as far as 30 characters before the first character that is shown" in page_text(app)
    assert page_text(app).count('title="not computed"') == 70


def test_dependencies_are_computed_once_per_checkpoint(open_page, train, monkeypatch):
    run = train(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=100))
    calls = []

    def counted(*arguments, **options):
        calls.append(arguments)
        return connectivity_of(*arguments, **options)

    monkeypatch.setattr(connectivity, "cached_connectivity", model_cache.cache_by_weights(counted))
    app = open_page("memorize", run=run, tab="Dependencies")
    app.slider(key="prediction of 0 to 8").set_value(3).run()
    assert len(calls) == 1


def test_timing_both_backends_times_a_part_of_a_long_sentence():
    long = MemorizeConfig("abc " * 500, hidden_size=256, num_layers=4, epochs=1000)
    timed = timing.timed_config(long)
    assert len(timed.sentence) == 100
    assert (timed.hidden_size, timed.num_layers, timed.epochs) == (256, 4, 5)
    assert timing.timed_part(long) == "the sentence's first 100 characters"
    assert timing.timed_part(MemorizeConfig()) == "the sentence"
    assert timing.timed_config(MemorizeConfig(" " * 150 + "a")).sentence == "a", "not only spaces"


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
    assert app.selectbox(key="memorize_preset").value is None


def test_the_preset_is_the_one_that_the_settings_give(open_page):
    app = open_page("memorize")
    assert app.selectbox(key="memorize_preset").value == "Baseline"
    app.select_slider(key="memorize_lr").set_value(1.0).run()
    assert app.selectbox(key="memorize_preset").value == "Learning rate too high"


def test_a_preset_stays_while_only_the_learning_rate_changes(open_page):
    app = open_page("memorize")
    app.selectbox(key="memorize_preset").set_value("Too few units").run()
    app.select_slider(key="memorize_lr").set_value(0.05).run()
    assert app.selectbox(key="memorize_preset").value == "Too few units"
    app.text_area(key="sentence").set_value("something else").run()
    assert app.selectbox(key="memorize_preset").value is None


def test_a_run_s_settings_are_read_from_the_url(open_page):
    app = open_page("memorize", sentence="abc", hidden_size="16", memorize_epochs="100", memorize_seed="7")
    button(app, "Train").click().run()
    config = get_dispatcher().store.run(app.query_params["run"]).config
    assert config == MemorizeConfig("abc", hidden_size=16, epochs=100, seed=7)


@pytest.mark.parametrize(("sentence", "is_bound"), [("b" * 2_000, True), ("한" * 600, True), ("👨‍👩‍👧‍👦" * 200, False)])
def test_a_sentence_is_in_the_address_unless_that_would_be_too_long_to_be_reloaded(open_page, sentence, is_bound):
    app = open_page("memorize")
    app.text_area(key="sentence").set_value(sentence).run()
    assert (app.text_area(key="sentence").proto.query_param_key == "sentence") == is_bound
    assert app.text_area(key="sentence").value == sentence


@pytest.mark.parametrize(("epochs", "is_thinned"), [(300, False), (400, True)])
def test_the_page_says_that_its_curve_is_thinned(open_page, train, epochs, is_thinned):
    run = train(MemorizeConfig("ab", hidden_size=2, num_layers=1, epochs=epochs))
    captions = [caption.value for caption in open_page("memorize", run=run).caption]
    assert any("Thinned curve" in caption for caption in captions) == is_thinned


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
    assert "All cells have been trained with these settings. Change a setting to train again." in page_text(app)
    table = app.table[0].value
    assert list(table.index) == ["MyLSTM", "nn.LSTM", "GRU", "RNN"]
    assert (table["ms per epoch"].astype(float) > 0).all()
    assert table["Parameters"]["MyLSTM"] == table["Parameters"]["nn.LSTM"] > table["Parameters"]["RNN"]
    assert table["Whole sentence after"]["MyLSTM"] == table["Whole sentence after"]["nn.LSTM"]
    assert table["Correct characters"].str.endswith(" of 7").all()
    difference = next(text.value for text in app.success if "differ by at most" in text.value)
    assert float(difference.split("**")[1]) < 1e-3
    for cell in ("MyLSTM", "nn.LSTM", "GRU", "RNN"):
        assert f"**{cell}**: {cell_comparison.DESCRIPTIONS[cell]}" in page_text(app)
    assert page_text(app).count('class="reconstruction') == 4


def test_cells_are_compared_at_the_epochs_at_which_every_run_generates_text():
    def history(learned: int, sampled: set[int], epochs: int = 60) -> list[MemorizeEpoch]:
        accuracy, events = 0.0, []
        for epoch in range(epochs):
            if epoch in sampled or epoch == epochs - 1:
                accuracy = float(epoch >= learned)
            events.append(MemorizeEpoch(epoch, 1.0, 0.01, "", accuracy))
        return events

    usual, slow_motion = {0, 20, 40}, set(range(60))
    assert cell_comparison.whole_after(history(25, usual)) == "41 epochs"
    assert cell_comparison.whole_after(history(25, slow_motion)) == "41 epochs", "in slow motion as well"
    assert cell_comparison.whole_after(history(45, usual)) == "60 epochs"
    assert cell_comparison.whole_after(history(99, usual)) == "–"
    lost = [*history(25, usual)[:-1], MemorizeEpoch(59, 1.0, 0.01, "", 0.5)]
    assert cell_comparison.whole_after(lost) == "41 epochs, then lost"


def test_milliseconds_of_all_cells_are_measured_apart_from_their_runs(monkeypatch):
    """Slow motion, pauses, generated text and other people's runs do not count."""
    timed = []
    monkeypatch.setattr(timing, "_cached_seconds_per_epoch", lambda config: timed.append(config) or 0.002)
    run = SimpleNamespace(status=Status.FINISHED, train_seconds=1e9)
    for cell in ("MyLSTM", "nn.LSTM", "GRU", "RNN"):
        row = cell_comparison.table_row(MemorizeConfig(lr=0.1, seed=3, cell=cell), run, [])
        assert row["ms per epoch"] == "2.0"
    assert [config.cell for config in timed] == ["MyLSTM", "nn.LSTM", "GRU", "RNN"]
    assert len({replace(config, cell="RNN") for config in timed}) == 1, "the same text and sizes"


def test_the_comparison_says_what_memory_a_sentence_needs_and_names_the_cell_to_expect():
    short = cell_comparison.expectation(EXAMPLE_SENTENCE)
    assert "the last 5 characters are always enough" in short
    assert "expect the plain RNN" in short
    assert "**Brackets**" in short
    configs = {preset.name: preset.config for preset in PRESETS}
    assert "the last 22 characters are always enough" in cell_comparison.expectation(configs["Brackets"].sentence)
    assert "an LSTM can learn what the RNN does not" in cell_comparison.expectation(configs["Brackets"].sentence)
    assert "the last character is always enough" in cell_comparison.expectation("abc")


@pytest.mark.slow
def test_an_rnn_learns_the_example_faster_because_an_lstm_must_first_learn_to_erase():
    """With forget gates that start closed and the others open, an LSTM starts like an RNN, and is as fast."""
    learned = {}
    for name, cell, closed in (("LSTM", "MyLSTM", False), ("LSTM, closed", "MyLSTM", True), ("RNN", "RNN", False)):
        config = MemorizeConfig(cell=cell, stop_when_learned=True)
        *_, last, _ = fit(config, checkpoint=with_closed_forget_gates(config) if closed else None)
        learned[name] = last.epoch + 1
    assert learned["RNN"] < learned["LSTM"] / 2
    assert learned["LSTM, closed"] < learned["LSTM"] / 2


def with_closed_forget_gates(config: MemorizeConfig) -> Checkpoint:
    """Return the initial weights, with forget gates near 0 and input and output gates near 1."""
    model, size = make_model(config), config.hidden_size
    weights = {name: weight.numpy().copy() for name, weight in model.state_dict().items()}
    for layer in range(config.num_layers):
        bias = weights[f"lstm.cells.{layer}.bias_ih"]  # i, f, g, o
        bias[:size] += 4
        bias[size : 2 * size] -= 4
        bias[3 * size :] += 4
    symbols = np.array(Alphabet(config.sentence).symbols)
    return Checkpoint({f"model.{name}": array for name, array in {**weights, "symbols": symbols}.items()}, {})


def test_what_cannot_be_pressed_says_why(open_page):
    app = open_page("memorize", tab="Cell comparison", **{**SMALL, "memorize_seed": "8"})
    assert button(app, "Stop all cells").disabled
    assert button(app, "Stop all cells").help == "Nothing is being trained here."
    assert not button(app, "Train all cells").help
    app = open_page("memorize", tab="Memory limit", memorize_seed="8")
    assert button(app, "Stop the grid").help == "Nothing is being trained here."


def test_a_grid_estimates_its_time_and_finds_the_limit(open_page):
    app = open_page("memorize", tab="Memory limit", memorize_lr="0.05", num_layers="1")
    app.multiselect(key="limit_lengths").set_value([5, 10])
    app.multiselect(key="limit_sizes").set_value([1, 32])
    app.select_slider(key="limit_epochs").set_value(100).run()
    assert "4 networks to train, one at a time. Estimated time: **about " in page_text(app)
    button(app, "Train the grid").click().run()
    assert not button(app, "Stop the grid").disabled
    run_until(app, lambda: "4 of 4 networks trained" in progress(app))
    frame = next(frame for frame in chart_frames(app) if "learned" in frame)
    assert len(frame) == 4
    for row in frame.itertuples():
        assert row.correct <= row.length
        assert row.fraction == row.correct / row.length, "out of the characters of the text"
        assert row.label.endswith("epochs" if row.learned else "not learned")
        assert row.label.startswith(f"{row.correct} of {row.length}")
    assert set(frame["learned"]) == {True, False}
    assert "All networks of this grid have been trained." in page_text(app)

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
    assert "minutes** if every network needs all of its epochs" in app.warning[0].value
    app.multiselect(key="limit_lengths").set_value([320]).run()
    assert "hours** if every" in app.error[0].value
    assert button(app, "Train the grid").disabled
    assert "That takes too long" in button(app, "Train the grid").help


def test_a_grid_is_trained_with_the_chosen_cell(open_page, monkeypatch):
    app = open_page("memorize", tab="Memory limit", memorize_seed="9", limit_cell="RNN")
    app.multiselect(key="limit_lengths").set_value([5])
    app.multiselect(key="limit_sizes").set_value([4]).run()
    button(app, "Train the grid").click().run()
    runs = [run for run in get_dispatcher().store.list_runs(kind="memorize") if run.config.seed == 9]
    assert [run.config.cell for run in runs] == ["RNN"]


def test_the_estimate_includes_the_time_that_each_run_takes_besides_its_epochs(monkeypatch):
    monkeypatch.setattr(capacity, "seconds_per_character", lambda *_: 0.0)
    assert capacity.estimate([MemorizeConfig("abc")] * 20) == 20 * capacity.SECONDS_PER_RUN


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
    assert labels == ["weights.pt", "loss.csv", "memorize.ipynb", "project.zip", "PNG", "SVG"]

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
    steps = source(bptt.forward_step)[0]
    for _, lines, _ in gates.EXPLANATIONS.values():
        for line in lines.split("\n"):
            assert line in steps
    assert predictions.LINE in inspect.getsource(teacher_forced)
    assert connectivity.LINE in inspect.getsource(connectivity_of)
    assert generation.LINE in inspect.getsource(generate)


def test_the_code_beside_a_gate_s_formula_gives_the_gate_the_same_letter():
    for quantity, letter in {"forget": "f", "input": "i", "output": "o", "candidate": "g"}.items():
        formula, line, _ = gates.EXPLANATIONS[quantity]
        function = r"\tanh" if letter == "g" else r"\sigma"
        assert formula.startswith(f"{letter}_t = {function}(")
        assert line.startswith(f"{letter} = {function.strip(chr(92)).replace('sigma', 'sigmoid')}(")


@pytest.mark.slow
def test_what_the_gates_tab_says_holds_for_the_default_run():
    config = MemorizeConfig()
    *_, end = fit(config)
    alphabet = Alphabet(config.sentence)
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(config.sentence)])
    activity = record(restore_model(config, end), inputs)
    forget, input, cell = (getattr(activity, name)[-1] for name in ("forget", "input", "cell"))  # the layer shown first

    def longest(condition: np.ndarray) -> int:
        """Return the length of the longest run of true steps of any unit."""
        return max(len(run) for unit in condition.T for run in "".join(map(str, unit.astype(int))).split("0"))

    assert longest(forget > 0.8) > 20, "dark bands"
    assert (forget < 0.1).mean() > 0.05, "white spots"
    assert np.median(input) > 0.8, "most input gates are open"
    assert (input < 0.1).any(), "white spots"
    assert max(longest(cell > 0), longest(cell < 0)) > 30, "a colour that stays the same"
    steps = np.diff(cell, axis=0)
    assert max(longest(steps > 0), longest(steps < 0)) > 10, "a value that grows steadily"


def progress(app) -> str:
    return " ".join(bar.proto.text for bar in app.get("progress"))
