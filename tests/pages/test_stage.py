"""The layout of Memorize, Classify and Points: the settings, the tabs, the run bar below them, and its timeline."""

import time
from collections import deque
from dataclasses import replace
from functools import partial

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from core.classify import ClassifyConfig, Epoch
from core.classify.datasets import get_info
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.memorize.predictions import correct_characters
from core.runs import Dispatcher, Limits, Run, Status, get_dispatcher
from pages.ui import stage
from pages.ui.classify.sample_cards import compact_samples_html
from pages.ui.memorize.reconstruction import reconstruction_html
from pages.ui.run_bar import FULL, PACES, SLOW, WATCH, WATCH_SECONDS, pace_seconds, total_steps
from tests.pages.conftest import (
    button,
    chart_data,
    figure,
    html_of,
    outcome,
    run_of,
    run_until,
    status,
    stop_run,
    timeline,
)
from tests.runs import wait_for

KINDS = ["memorize", "classify", "plane"]
SHORT = {
    "memorize": {"sentence": "abc abc", "memorize_epochs": "50"},
    "classify": {"classify_epochs": "1"},
    "plane": {"plane_epochs": "20"},
}
LONG = {  # more than ten seconds at full speed
    "memorize": {"memorize_epochs": "1000", "hidden_size": "256", "num_layers": "4"},
    "classify": {"classify_epochs": "100"},
    "plane": {"plane_epochs": "1000", "plane_batch_size": "1", "plane_hidden": "32, 32"},
}

CHARTS = {"memorize": ["vega_lite_chart"], "classify": ["vega_lite_chart"], "plane": []}  # Points draws its own


def charts_of(app: AppTest, kind: str) -> list:
    """Return the page's charts and components."""
    return [element for name in [*CHARTS[kind], "bidi_component"] for element in app.get(name)]


def run(run_id: str) -> Run:
    found = get_dispatcher().store.run(run_id)
    assert found is not None
    return found


def trained(config: MemorizeConfig | ClassifyConfig) -> str:
    """Return the id of a run with this config that has ended."""
    run_id = get_dispatcher().submit(config)
    wait_for(lambda: run(run_id).status.is_terminal, timeout=600)  # starting the workers takes longest
    return run_id


@pytest.fixture(scope="module")
def sentence_run(data_folder) -> str:
    return trained(MemorizeConfig("abc abd", hidden_size=16, num_layers=1, lr=0.05, epochs=50))


@pytest.fixture(scope="module")
def image_run(data_folder) -> str:
    return trained(ClassifyConfig(hidden=(32, 16), epochs=6, lr=0.02))


def skeleton(app: AppTest) -> list[str]:
    """Return what is on the page, without its texts: the types of all elements in their order."""
    return [element.type for element in app]


# A run's start, pause and end


@pytest.mark.parametrize("kind", KINDS)
def test_start_pause_and_stop_neither_add_nor_remove_anything(open_page, kind):
    """What is removed makes the page jump; what is added pushes the rest away."""
    app = open_page(kind, pace=SLOW, **LONG[kind])
    empty = skeleton(app)
    assert {"tab", *CHARTS[kind], "html", "button", "button_group", "bidi_component"} <= set(empty)
    button(app, "Train").click().run()
    app.run()
    started = skeleton(app)
    for label, state in (("Pause", "Paused"), ("Resume", "Training"), ("Stop", "Stopped")):
        run_until(app, lambda: status(app).startswith("Training") or status(app).startswith("Paused"))
        button(app, label).click().run()
        run_until(app, lambda state=state: status(app).startswith(state))
        assert skeleton(app) == started, state
    added = list(started)
    for element in empty:
        added.remove(element)
    assert sorted(added) == ["button", "caption", "flex_container"], "only the run's settings"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_never_becomes_empty_while_a_run_goes_from_start_to_end(open_page, kind):
    app = open_page(kind, **SHORT[kind])
    before = len(charts_of(app, kind))
    button(app, "Train").click().run()
    for _ in range(500):
        assert not app.exception
        assert not app.error
        assert app.tabs[0].label == "Training"
        assert len(charts_of(app, kind)) == before > 0
        assert timeline(app)["total"] > 0
        assert status(app)
        if status(app).startswith("Finished"):
            break
        time.sleep(0.1)  # between redraws, which a browser would ask for
        app.run()
    app.run()
    assert outcome(app)[0]
    assert timeline(app)["done"] == timeline(app)["total"]


def test_the_status_says_where_the_run_is(open_page):
    app = open_page("memorize", pace=SLOW, memorize_epochs="50")
    assert status(app) == "Press Train to start."
    button(app, "Train").click().run()
    run_until(app, lambda: status(app) == "Training · epoch 1 of 50")
    assert timeline(app)["active"]
    other = open_page("memorize", run=run_of(app))
    assert "somebody else's run" in status(other)
    assert button(other, "Pause").disabled
    assert button(other, "Stop").disabled
    button(app, "Stop").click().run()
    run_until(app, lambda: status(app).startswith("Stopped · epoch"))
    assert not timeline(app)["active"]


@pytest.mark.parametrize(("kind", "unit"), [("memorize", "epoch"), ("classify", "step"), ("classify", "epoch")])
def test_one_step_starts_a_run_and_pauses_it_again(open_page, kind, unit):
    app = open_page(kind)
    button(app, f"One {unit}").click().run()
    run_until(app, lambda: status(app).startswith("Paused"))

    def events(name: str) -> int:
        return len(get_dispatcher().store.events(run_of(app), only=[name]))

    name = {"memorize": "MemorizeEpoch", "step": "Step", "epoch": "Epoch"}[kind if kind == "memorize" else unit]
    run_until(app, lambda: events(name) == 1)
    button(app, f"One {unit}").click().run()
    run_until(app, lambda: events(name) == 2)
    run_until(app, lambda: run(run_of(app)).status is Status.PAUSED)
    assert events(name) == 2
    stop_run(app)


@pytest.mark.parametrize("unit", ["step", "epoch"])
def test_a_worker_that_begins_at_once_finds_pace_and_pause(open_page, monkeypatch, unit):
    app, found = open_page("classify", pace=SLOW), []
    notify = Dispatcher.notify

    def begin(dispatcher: Dispatcher) -> None:
        found.extend((each.pause_requested, each.min_step_seconds) for each in dispatcher.store.list_runs(1))
        notify(dispatcher)

    monkeypatch.setattr(Dispatcher, "notify", begin)
    button(app, f"One {unit}").click().run()
    assert found == [(True, 1.0)]
    stop_run(app)


def test_a_failed_start_is_explained_beside_the_buttons_and_nothing_else_changes(open_page, monkeypatch):
    app = open_page("memorize")

    def refuse(*_arguments, **_options):
        raise ValueError("You have started too many runs. Wait a minute.")

    monkeypatch.setattr("core.runs.RunAccess.submit", refuse)
    button(app, "Train").click().run()
    assert [error.value for error in app.error] == ["You have started too many runs. Wait a minute."]
    assert "run" not in app.query_params
    assert not button(app, "Train").disabled


# Invalid settings


@pytest.mark.parametrize(
    ("kind", "key", "invalid", "says"),
    [
        ("memorize", "sentence", " ", "nothing to memorise"),
        ("classify", "hidden", "many", "whole numbers"),
        ("classify", "hidden", "5000", "must be"),
        ("plane", "plane_hidden", "many", "whole numbers"),
        ("plane", "plane_hidden", "64", "must be"),
    ],
)
def test_an_invalid_setting_is_explained_in_the_sidebar_and_disables_train(open_page, kind, key, invalid, says):
    app = open_page(kind)
    (app.text_area if key == "sentence" else app.text_input)(key=key).set_value(invalid).run()
    assert len(app.error) == 1
    assert says in app.sidebar.error[0].value
    assert button(app, "Train").disabled
    assert status(app) == "Correct the setting that is marked in the sidebar."
    assert charts_of(app, kind), "the chart stays"


def test_an_invalid_setting_leaves_the_shown_run_on_the_page(open_page, sentence_run):
    app = open_page("memorize", run=sentence_run)
    said = outcome(app)
    app.text_area(key="sentence").set_value("").run()
    assert outcome(app) == said
    assert status(app) == "Correct the setting that is marked in the sidebar."
    assert len(chart_data(app, 0)["curves"]) == 50
    assert button(app, "Train").disabled


def test_a_limit_is_explained_above_the_buttons(open_page, sentence_run):
    store = get_dispatcher().store
    store.set_limits(Limits(max_memorize_epochs=20), "")
    try:
        for app, says in (
            (open_page("memorize", memorize_epochs="50"), "No run yet."),
            (open_page("memorize", memorize_epochs="50", run=sentence_run), "epoch 50 of 50"),
        ):
            assert any("20" in caption.value for caption in app.caption)
            assert status(app).endswith(says)
            assert button(app, "Train").disabled
    finally:
        store.set_limits(Limits(), "")


# The pace


def test_by_default_a_short_run_takes_long_enough_to_be_watched(open_page):
    app = open_page("memorize", pace=None, memorize_epochs="50")
    assert app.button_group(key="memorize_pace").value == WATCH
    button(app, "Train").click().run()
    assert run(run_of(app)).min_step_seconds == pytest.approx(WATCH_SECONDS / 50)
    stop_run(app)


@pytest.mark.parametrize("config", [MemorizeConfig("ab", epochs=400), ClassifyConfig(epochs=3, batch_size=50)])
def test_the_pace_is_the_minimum_duration_of_a_step(config):
    assert list(PACES) == [SLOW, WATCH, FULL]
    assert pace_seconds(SLOW, config) == 1.0
    assert pace_seconds(FULL, config) == 0.0
    assert pace_seconds(WATCH, config) * total_steps(config) == pytest.approx(WATCH_SECONDS)


def test_the_number_of_steps_is_that_of_the_training_loop(image_run):
    steps = get_dispatcher().store.events(image_run, only=["Step"])
    assert total_steps(run(image_run).config) == len(steps)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pace_of_a_run_can_be_changed_and_is_shown_where_the_run_is_opened(open_page, kind):
    app = open_page(kind, pace=SLOW, **LONG[kind])
    button(app, "Train").click().run()
    run_id = run_of(app)
    assert run(run_id).min_step_seconds == 1.0
    app.run()
    app.button_group(key=f"{kind}_pace").set_value(FULL).run()
    assert not app.exception
    assert run(run_id).min_step_seconds == 0.0
    app.button_group(key=f"{kind}_pace").set_value(SLOW).run()
    assert run(run_id).min_step_seconds == 1.0
    assert open_page(kind, pace=None, run=run_id).button_group(key=f"{kind}_pace").value == SLOW
    stop_run(app)


# The settings of a run


def test_the_settings_of_a_run_are_shown_and_copied(open_page, sentence_run, image_run):
    app = open_page("memorize", run=sentence_run)
    [line] = [caption.value for caption in app.caption if "This run" in caption.value]
    assert line == "This run: hidden size 16, num layers 1, learning rate 0.05, epochs 50."
    button(app, "Use its settings").click().run()
    assert not app.exception
    config = run(sentence_run).config
    assert app.text_area(key="sentence").value == config.sentence
    assert app.select_slider(key="hidden_size").value == config.hidden_size
    assert app.slider(key="num_layers").value == config.num_layers
    assert app.select_slider(key="memorize_lr").value == config.lr
    assert app.slider(key="memorize_epochs").value == config.epochs
    button(app, "Train").click().run()
    assert run(run_of(app)).config == config

    app = open_page("classify", run=image_run)
    button(app, "Use its settings").click().run()
    assert not app.exception
    button(app, "Train").click().run()
    assert run_of(app) != image_run
    assert run(run_of(app)).config == run(image_run).config
    stop_run(app)


@pytest.mark.parametrize(
    "config",
    [
        MemorizeConfig("ab", hidden_size=3, num_layers=6, epochs=7, lr=0.0123, backend="torch"),
        MemorizeConfig("ab", epochs=5_000),
        ClassifyConfig(hidden=(8,), lr=0.0123, epochs=500, batch_size=77, weight_decay=0.003, momentum=0.999),
    ],
)
def test_settings_that_the_controls_do_not_offer_are_no_error(open_page, config):
    """A run may come from a loaded file, a notebook or an older version."""
    run_id = get_dispatcher().submit(config)
    get_dispatcher().store.stop(run_id)
    app = open_page("memorize" if isinstance(config, MemorizeConfig) else "classify", run=run_id)
    button(app, "Use its settings").click().run()
    assert not app.exception
    assert not app.error
    wait_for(lambda: run(run_id).status.is_terminal, timeout=600)
    app.run()
    assert not button(app, "Train").disabled


def test_the_settings_of_a_run_on_a_deleted_dataset_are_copied_and_the_reason_is_given(open_page):
    dataset = f"own-{0:024x}"
    run_id = get_dispatcher().submit(ClassifyConfig(dataset, epochs=1))
    wait_for(lambda: run(run_id).status.is_terminal, timeout=600)
    app = open_page("classify", run=run_id)
    assert outcome(app)[0] == "error"
    button(app, "Use its settings").click().run()
    assert not app.exception
    assert app.selectbox(key="dataset").value == dataset
    assert app.sidebar.error


# The timeline


def show_epoch(app: AppTest, run_id: str, epoch: int) -> None:
    """Go to an epoch, as the timeline does."""
    app.session_state["shown_moment"] = {"run": run_id, "epoch": epoch}
    app.run()
    assert not app.exception


def events(run_id: str, kind: type) -> list:
    return [event for _, event in get_dispatcher().store.events(run_id, only=[kind.__name__])]


def test_the_timeline_shows_the_sentence_and_the_loss_as_they_were(open_page, sentence_run):
    app = open_page("memorize", run=sentence_run)
    epochs = events(sentence_run, MemorizeEpoch)
    config = run(sentence_run).config
    latest = html_of(app)
    for epoch in (1, 12, 50):
        show_epoch(app, sentence_run, epoch)
        then = epochs[epoch - 1]
        assert reconstruction_html(config.sentence, then.reconstruction) in html_of(app)
        assert figure(app, "Epoch") == f"{epoch} of 50"
        assert figure(app, "Loss") == f"{then.loss:.3g}"
        assert figure(app, "Correct") == f"{correct_characters(config.sentence, then.reconstruction)} of 7"
        drawn = chart_data(app, 0)
        assert drawn["shown"]["x"].tolist() == [epoch], "it is marked on the curve"
        assert len(drawn["curves"]) == 50, "which stays complete"
        assert timeline(app)["shown"] == epoch
        assert status(app).endswith("epoch 50 of 50")
    app.session_state["shown_moment"] = None
    app.run()
    assert timeline(app)["shown"] is None
    assert html_of(app) == latest
    assert "shown" not in chart_data(app, 0)


def test_the_timeline_shows_predictions_and_diagnostics_as_they_were(open_page, image_run):
    app = open_page("classify", run=image_run)
    epochs, classes = events(image_run, Epoch), get_info("mnist-5k").classes
    for epoch in (1, 4, 6):
        show_epoch(app, image_run, epoch)
        then = epochs[epoch - 1]
        assert compact_samples_html(then.samples, classes) in html_of(app)
        assert figure(app, "Validation") == f"{then.val_accuracy:.1%}"
        assert figure(app, "Training") == f"{then.train_accuracy:.1%}"
        loss, accuracy = (chart_data(app, number)["shown"]["x"].tolist() for number in (0, 1))
        assert (loss, accuracy) == ([then.step + 1], [epoch])
    app = open_page("classify", run=image_run, tab="Diagnostics")
    show_epoch(app, image_run, 4)
    drawn = [frame for number in (0, 1) for frame in chart_data(app, number).values() if "layer" in frame]
    assert drawn
    assert {frame["epoch"].max() for frame in drawn} == {4}


@pytest.mark.parametrize("tab", ["Gates", "Predictions", "Dependencies", "Generate"])
def test_the_other_tabs_show_the_network_as_it_was(open_page, sentence_run, tab):
    then = trained(replace(run(sentence_run).config, epochs=3))
    order = {"unit_order": "by number"}  # by similarity, the rows keep the order in which they were first shown
    app = open_page("memorize", run=sentence_run, tab=tab, **order)
    now = drawn(app)
    show_epoch(app, sentence_run, 3)
    assert drawn(app) == drawn(open_page("memorize", run=then, tab=tab, **order)), "as after three epochs"
    assert drawn(app) != now
    show_epoch(app, sentence_run, 50)
    assert drawn(app) == now


def drawn(app: AppTest) -> tuple[str, list[bytes]]:
    """Return the HTML and the data of the charts on the page."""
    charts = [chart.proto for chart in app.get("vega_lite_chart")]
    return html_of(app), [each.data.data for chart in charts for each in chart.datasets]


@pytest.mark.parametrize(("asked", "shown"), [(0, 1), (-3, 1), (51, 50), (10_000, 50)])
def test_a_moment_outside_the_run_is_its_nearest_epoch(open_page, sentence_run, asked, shown):
    app = open_page("memorize", run=sentence_run)
    show_epoch(app, sentence_run, asked)
    assert timeline(app)["shown"] == shown


def test_a_moment_of_another_run_is_not_shown(open_page, sentence_run):
    app = open_page("memorize", run=sentence_run)
    show_epoch(app, "another run", 3)
    assert timeline(app)["shown"] is None
    assert figure(app, "Epoch") == "50 of 50"


def test_a_new_run_is_shown_in_its_present(open_page, sentence_run):
    app = open_page("memorize", run=sentence_run, memorize_epochs="50", sentence="ab")
    show_epoch(app, sentence_run, 3)
    button(app, "Train").click().run()
    run_until(app, lambda: timeline(app)["done"] == 50)
    assert timeline(app)["shown"] is None


# Redraws


@pytest.fixture
def sent(monkeypatch) -> list[ForwardMsg]:
    """Return all messages to browsers, in the order in which they were sent. Nobody else is watching."""
    monkeypatch.setattr(stage, "_redraws", deque())
    messages: list[ForwardMsg] = []
    monkeypatch.setattr(ForwardMsgQueue, "_before_enqueue_msg", messages.append)
    return messages


def refreshed(app: AppTest, sent: list[ForwardMsg]) -> dict[str, float]:
    """Return, for each fragment that the browser redraws after these messages, the seconds in between."""
    ids = {key: app._fragment_storage.resolve_target(key)[0] for key in (stage.MAIN, stage.BAR)}
    keys = {fragment_id: key for key, fragment_id in ids.items()}
    intervals: dict[str, float] = {}
    for message in sent:
        if message.HasField("auto_rerun"):
            intervals[keys[message.auto_rerun.fragment_id]] = message.auto_rerun.interval
        for fragment_id in message.stop_auto_rerun.fragment_ids:
            intervals.pop(keys[fragment_id], None)
    return intervals


def run_fragment(app: AppTest, key: str) -> None:
    """Redraw only the fragment with this key, as a browser does after a click in it. The app then shows only that."""
    queue = app._fragment_storage.resolve_target(key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "RerunData", partial(RerunData, fragment_id_queue=list(queue)))
        app.run()
    assert not app.exception


@pytest.mark.parametrize("kind", KINDS)
def test_a_click_on_train_redraws_the_run_bar_at_once_and_lets_the_tabs_follow(open_page, kind, sent):
    app = open_page(kind, pace=SLOW, **LONG[kind])
    assert refreshed(app, sent) == {}, "without a run, nothing is redrawn"
    sent.clear()
    button(app, "Train").click()
    run_fragment(app, stage.BAR)
    assert not app.tabs, "only the run bar was redrawn"
    assert button(app, "Train").disabled
    assert refreshed(app, sent) == pytest.approx({stage.MAIN: stage.FAST, stage.BAR: stage.FAST})
    run_id = run_of(app)
    run_fragment(app, stage.MAIN)
    assert app.tabs[0].label == "Training"
    wait_for(lambda: run(run_id).status is Status.RUNNING, timeout=600)
    get_dispatcher().store.stop(run_id)
    wait_for(lambda: run(run_id).status.is_terminal, timeout=600)
    for key in (stage.MAIN, stage.BAR):
        run_fragment(app, key)
    assert refreshed(app, sent) == {}, "the end has been drawn"


def test_a_tab_that_costs_more_is_redrawn_less_often(open_page, sent):
    app = open_page("memorize", pace=SLOW, tab="Gates", **LONG["memorize"])
    button(app, "Train").click().run()
    sent.clear()
    app.run()
    assert refreshed(app, sent) == pytest.approx({stage.MAIN: 3.0, stage.BAR: stage.FAST})
    stop_run(app)


def test_training_that_continues_from_a_file_redraws_the_run_bar_too(open_page, sentence_run, sent):
    from core.memorize import Alphabet, restore_model
    from core.memorize.weights_file import to_file

    config = run(sentence_run).config
    weights = to_file(restore_model(config, get_dispatcher().store.checkpoint(sentence_run)), Alphabet(config.sentence))
    settings = {"sentence": config.sentence, "hidden_size": "16", "num_layers": "1"}
    app = open_page("memorize", tab="Download", **settings)
    app.file_uploader(key="weights_file").set_value(("weights.pt", weights, "application/octet-stream")).run()
    button(app, "Continue training from this file").click()
    run_fragment(app, stage.MAIN)
    assert timeline(app)["run"] == run_of(app)


@pytest.mark.parametrize(("viewers", "seconds"), [(1, 0.2), (3, 0.2), (6, 0.4), (15, 1.0), (40, 1.0)])
def test_redraws_become_rarer_with_many_viewers(monkeypatch, viewers, seconds):
    monkeypatch.setattr(stage, "_redraws", deque(maxlen=200))
    session: dict[str, str] = {}
    monkeypatch.setattr(stage.st, "session_state", session)
    now = [100.0]
    monkeypatch.setattr(stage.time, "monotonic", lambda: now[0])
    for number in range(viewers):
        for _ in range(3):  # one browser redraws several parts
            session["token"] = f"browser {number}"
            interval = stage.redraw_interval()
    assert interval == pytest.approx(seconds)
    now[0] += stage.VIEWER_SECONDS + 1
    assert stage.redraw_interval() == stage.FAST, "those who left do not count"


@pytest.mark.parametrize(("age", "seconds"), [(0.1, 0.2), (1.9, 0.2), (2.1, 1.0)])
def test_a_run_that_starts_is_redrawn_fast_however_many_watch(monkeypatch, age, seconds):
    monkeypatch.setattr(stage, "_redraws", deque((time.monotonic(), str(number)) for number in range(40)))
    monkeypatch.setattr(stage.st, "session_state", {"token": "0"})
    starting = Run(id="run", kind="memorize", config_json="{}", created_at=time.time() - age)
    assert stage.redraw_interval(starting) == pytest.approx(seconds)
