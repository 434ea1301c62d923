"""The Runs page: nicknames, the table, the comparison, the leaderboard and the teacher panel."""

import json
import secrets
import time

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from core.classify import ClassifyConfig, Epoch
from core.memorize import MemorizeConfig
from core.runs import Limits, Run, Status, Visitor, get_dispatcher, housekeeping
from core.runs.identity import hash_token
from core.runs.job_types import job_type_of
from core.runs.models import searchable_text
from core.runs.serialization import to_json
from pages.ui.run_bar import SLOW
from pages.ui.runs.table import export_rows
from tests.pages.conftest import button, run_of, run_until, status


@pytest.fixture
def dispatcher():
    dispatcher = get_dispatcher()
    yield dispatcher
    for classroom in ("", "TEST"):
        dispatcher.store.set_limits(Limits(), classroom)
    dispatcher.teacher_auth.password = ""


@pytest.fixture
def add_run(dispatcher):
    """Return add_run(config, nickname, ...), which stores a finished run of another student in class TEST."""
    added, database = [], create_engine(dispatcher.store.url)

    def add_run(config, nickname="", title="", changes=None, **metrics):
        run = Run(
            secrets.token_urlsafe(12),
            job_type_of(config),
            to_json(config),
            created_at=time.time(),
            status=Status.FINISHED,
            owner="someone",
            nickname=nickname,
            classroom="TEST",
            title=title,
            setting_changes_json=json.dumps(changes or {}),
            metrics_json=json.dumps(metrics),
        )
        run.search_text = searchable_text(run)
        added.append(run.id)
        with Session(database) as session, session.begin():
            session.add(run)
        housekeeping.settle(dispatcher.store._session, added[-1])
        return added[-1]

    yield add_run
    dispatcher.store.delete(*added)
    database.dispose()


def table(app, place=0):
    return app.dataframe[place].value


def test_students_see_the_runs_and_the_leaderboard_of_their_class(open_page, add_run):
    add_run(ClassifyConfig(), "Ann", accuracy=0.9, test_accuracy=0.96)
    add_run(ClassifyConfig(), "Bob", accuracy=0.93, test_accuracy=0.95)
    add_run(MemorizeConfig("hello"), "Cam", accuracy=1.0)
    app = open_page("runs", **{"class": "test"})
    assert "Class **TEST**" in " ".join(caption.value for caption in app.caption)
    assert list(table(app)["by"]) == ["Cam", "Bob", "Ann"]
    board = table(app, 1)
    assert list(board["by"]) == ["Bob", "Ann"], "validation accuracy ranks"
    assert list(board["test accuracy"]) == [0.95, 0.96]
    assert {"network", "rate", "preset"} <= set(board.columns)
    app.text_input(key="runs_search").set_value("HELLO").run()
    assert list(table(app)["by"]) == ["Cam"]
    assert list(table(app, 1)["by"]) == ["Bob", "Ann"], "the filters do not change the leaderboard"
    app.toggle(key="runs_mine").set_value(True).run()
    assert "No runs found" in app.info[0].value


def test_runs_are_filtered_by_kind_and_status(open_page, add_run):
    add_run(ClassifyConfig(), "Ann")
    add_run(MemorizeConfig("hello"), "Cam")
    app = open_page("runs", **{"class": "TEST"})
    app.get("button_group")[0].set_value("memorize").run()
    assert list(table(app)["by"]) == ["Cam"]
    app.multiselect(key="runs_status").set_value(["failed"]).run()
    assert "No runs found" in app.info[0].value


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "![x](http://x.example/y.png)", "'; DROP TABLE runs; --"]
)
def test_hostile_text_is_shown_as_text(open_page, add_run, hostile):
    add_run(MemorizeConfig(hostile), hostile[:24], title=hostile)
    app = open_page("runs", **{"class": "TEST"})
    assert not app.exception
    assert table(app)["name"][0] == hostile
    assert not [html for html in app.get("html") if "alert" in html.proto.body]
    assert not [text for text in app.markdown if "x.example" in text.value]


def compare(*run_ids):
    """Show the comparison of these runs alone, named A, B, ..."""

    def script(run_ids):
        from core.runs import get_dispatcher
        from pages.ui.runs.comparison import show_comparison

        store = get_dispatcher().store
        show_comparison({"ABCDEF"[number]: store.run(run_id) for number, run_id in enumerate(run_ids)})

    app = AppTest.from_function(script, args=(run_ids,), default_timeout=120).run()
    assert not app.exception, app.exception
    return app


def test_a_comparison_lists_differing_settings_changes_and_results(add_run):
    one = add_run(ClassifyConfig(lr=0.1, hidden=()), changes={"momentum": 0.5}, test_accuracy=0.9, epochs=3)
    other = add_run(ClassifyConfig(lr=0.2, features="patches"), accuracy=0.876, loss=0.25)
    app = compare(one, other)
    rows = table(app)
    assert rows["Run"].tolist() == ["A", "B"]
    assert rows["Input"].tolist() == ["pixels", f"features of {ClassifyConfig().patches:,} patches"]
    assert rows["Learning rate"].tolist() == ["0.1", "0.2"]
    assert rows["Momentum"].tolist() == ["0.5", "0.9"]
    assert rows["Hidden"][0] == "none"
    assert rows["Changed during training"].tolist() == ["momentum 0.5", "–"]
    assert rows["Epochs done"].tolist() == [3, 0]
    assert rows["Loss"].tolist() == ["–", "0.2500"]
    assert rows["Accuracy"].tolist() == ["–", "87.60%"]
    assert rows["Test accuracy"].tolist() == ["90.00%", "–"]
    assert "Batch size" not in rows
    captions = " ".join(caption.value for caption in app.caption)
    assert "different inputs" in captions
    assert "first epoch" in captions, "neither run has a curve yet"


def test_a_comparison_of_equal_runs_says_so(add_run):
    app = compare(add_run(MemorizeConfig("hello")), add_run(MemorizeConfig("hello")))
    assert "All settings are the same." in [caption.value for caption in app.caption]
    assert table(app)["Input"].tolist() == ["characters", "characters"]


def test_runs_of_different_kinds_are_not_compared(add_run):
    app = compare(add_run(MemorizeConfig("hello", epochs=70)), add_run(ClassifyConfig(epochs=3)))
    assert "cannot be compared" in app.info[0].value
    assert not app.dataframe
    assert not app.get("vega_lite_chart")


def test_a_comparison_draws_the_curves_of_each_kind_of_run(open_page, dispatcher):
    configs = MemorizeConfig("ab", hidden_size=8, epochs=50), ClassifyConfig(hidden=(8,), epochs=2)
    sentence, digits = [dispatcher.submit(config) for config in configs]
    app = open_page("home")
    run_until(app, lambda: all(dispatcher.store.run(run).status.is_terminal for run in (sentence, digits)))

    def drawn(app) -> bytes:
        assert len(app.get("vega_lite_chart")) == 2
        return b" ".join(chart.proto.SerializeToString() for chart in app.get("vega_lite_chart"))

    app = compare(sentence)
    assert b"Training accuracy" in drawn(app)
    assert b"Validation" not in drawn(app)
    assert not app.get("button_group")
    app = compare(digits)
    assert b"Validation accuracy" in drawn(app)
    assert b"Validation loss" in drawn(app)
    app.get("button_group")[0].set_value("Training").run()
    assert b"Training accuracy" in drawn(app)
    assert b"Training loss" in drawn(app)


def test_compared_runs_are_shown_after_the_same_epoch(open_page, dispatcher):
    short, long = [dispatcher.submit(ClassifyConfig(hidden=(8,), epochs=epochs)) for epochs in (1, 3)]
    app = open_page("home")
    run_until(app, lambda: all(dispatcher.store.run(run).status.is_terminal for run in (short, long)))
    epochs = [event for _, event in dispatcher.store.events(long, only=[Epoch.__name__])]

    def moments(app) -> list[str]:
        return [text.value for text in app.markdown if " after epoch " in text.value]

    app = compare(short, long)
    assert [text[:21] for text in moments(app)] == ["**A** after epoch 1: ", "**B** after epoch 3: "]
    app.slider(key="compared_epoch").set_value(2).run()
    assert [text[:21] for text in moments(app)] == ["**A** after epoch 1: ", "**B** after epoch 2: "]
    assert f"loss {epochs[1].val_loss:.4f}, accuracy {epochs[1].val_accuracy:.1%}" in moments(app)[1]
    cards = [html.proto.body for html in app.get("html") if "Predictions on validation images" in html.proto.body]
    assert len(cards) == 2
    assert f'<div class="probability">{epochs[1].samples.probabilities[0].max():.0%}</div>' in cards[1]


def test_the_table_shows_one_page_of_many_runs(open_page, add_run, monkeypatch):
    monkeypatch.setattr("pages.ui.runs.table.PAGE_SIZE", 2)
    for name in ("Ann", "Bob", "Cam", "Dan", "Eve"):
        add_run(MemorizeConfig("hello"), name)
    app = open_page("runs", **{"class": "TEST"})
    assert list(table(app)["by"]) == ["Eve", "Dan"]
    assert "Runs: 5." in " ".join(caption.value for caption in app.caption)
    assert len(app.get("pagination")) == 1
    app.text_input(key="runs_search").set_value("cam").run()
    assert list(table(app)["by"]) == ["Cam"]
    assert not app.get("pagination")


def test_all_pages_are_exported(dispatcher, add_run, monkeypatch):
    monkeypatch.setattr("pages.ui.runs.table.EXPORT_PORTION", 2)
    for name in ("Ann", "Bob", "=Cam"):
        add_run(MemorizeConfig("hello"), name)
    rows = list(export_rows(dispatcher.store, {"classroom": "TEST"}))
    assert [row["by"] for row in rows] == ["'=Cam", "Bob", "Ann"]


def test_a_nickname_is_saved_and_an_invalid_one_is_refused(open_page):
    app = open_page("runs")
    app.text_input(key="nickname_typed").set_value("Ann").run()
    assert app.session_state["nickname"] == "Ann"
    app.text_input(key="nickname_typed").set_value("a\x07b").run()
    assert "invisible control character" in app.toast[0].value


def test_an_invalid_class_code_is_explained(open_page):
    app = open_page("runs", **{"class": "../x"})
    assert "letters, digits and hyphens" in app.toast[0].value


def test_another_student_s_run_can_be_viewed_but_not_changed(open_page, dispatcher):
    store = dispatcher.store
    run_id = store.create(MemorizeConfig("mine alone"), by=Visitor("someone", "*Ann*", "TEST"))
    store.pause(run_id)
    app = open_page("memorize", run=run_id)
    assert "*Ann*'s run" in status(app)
    assert not button(app, "Train").disabled
    for label in ("Pause", "Stop"):
        assert button(app, label).disabled
    pace = store.run(run_id).min_step_seconds
    app.button_group(key="memorize_pace").set_value(SLOW).run()
    assert store.run(run_id).min_step_seconds == pace
    app.select_slider(key="memorize_lr").set_value(0.5).run()
    assert store.run(run_id).changes == {}
    button(app, "One epoch").click().run()  # of a run of one's own
    assert run_of(app) != run_id
    assert store.run(run_id).epochs_requested == 0
    store.stop(run_of(app))
    store.stop(run_id)
    store.delete(run_id)


def test_the_teacher_panel_opens_only_with_the_password(open_page, dispatcher, add_run):
    add_run(MemorizeConfig("hello"), "Cam")
    app = open_page("runs", **{"class": "TEST"})
    assert "password_typed" not in app.session_state, "without a password there is no teacher panel"
    dispatcher.teacher_auth.password = "correct horse"
    app = open_page("runs", **{"class": "TEST"})
    app.text_input(key="password_typed").set_value("wrong").run()
    assert "not the teacher's password" in app.toast[0].value
    app.text_input(key="password_typed").set_value("correct horse").run()
    button(app, "Pause new runs of class TEST").click().run()
    assert not dispatcher.store.limits("TEST").accepting_runs
    assert dispatcher.store.limits("8A").accepting_runs, "another class is not affected"
    assert "New runs of class TEST are paused" in app.warning[0].value
    assert "Saved for class TEST" in app.toast[0].value
    button(app, "Allow new runs of class TEST").click().run()
    app.number_input(key="limit max_classify_epochs").set_value(7)
    button(app, "Save limits").click().run()
    assert dispatcher.store.limits("TEST") == Limits(max_classify_epochs=7)
    assert dispatcher.store.limits() == Limits()
    app.number_input(key="limit max_minutes").set_value(10.0**9)
    button(app, "Save limits").click().run()
    assert not app.exception
    assert app.toast, "a limit beyond reason is refused"
    assert dispatcher.store.limits("TEST") == Limits(max_classify_epochs=7)
    button(app, "Delete them").click().run()
    assert dispatcher.store.list_runs(classroom="TEST") == []
    button(app, "Log out").click().run()
    assert "password_typed" in app.session_state


def test_stopping_all_runs_asks_first_and_says_who_did_it(open_page, dispatcher):
    store = dispatcher.store
    run_id = store.create(MemorizeConfig("hello", epochs=5_000), by=Visitor("someone", "Ann", "TEST"))
    store.pause(run_id)
    dispatcher.teacher_auth.password = "correct horse"
    app = open_page("runs", **{"class": "TEST"})
    app.text_input(key="password_typed").set_value("correct horse").run()
    assert "Stop all runs of class TEST" not in [button.label for button in app.button], "it opens a question"
    button(app, "Stop them").click().run()
    run_until(app, lambda: store.run(run_id).status is Status.STOPPED)
    assert store.run(run_id).message == "Stopped by the teacher."
    store.delete(run_id)


def test_a_tab_that_was_drawn_before_the_teacher_logged_out_has_no_power(open_page, dispatcher):
    dispatcher.teacher_auth.password = "correct horse"
    app = open_page("runs", **{"class": "TEST"})
    app.text_input(key="password_typed").set_value("correct horse").run()
    dispatcher.teacher_auth.logout(hash_token(app.session_state["token"]))  # in another tab
    button(app, "Pause new runs of class TEST").click().run()
    assert "Only a teacher can do that." in app.toast[0].value
    assert dispatcher.store.limits("TEST").accepting_runs
