"""The Runs page: nicknames, the table, comparison, the leaderboard, and the teacher's corner."""

import pytest

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig
from core.runs import Limits, Status, Visitor, get_dispatcher
from tests.pages.conftest import button
from tests.runs import claim_run


@pytest.fixture
def engine():
    engine = get_dispatcher()
    yield engine
    engine.store.set_limits(Limits())
    engine.teacher_auth.password = ""


@pytest.fixture
def keep(engine):
    """keep(config, nickname, ...) is a run in the store that has ended, of somebody in a class of this test's own."""
    made = []

    def keep(config, nickname, title="", **results):
        run = claim_run(engine.store, engine.store.create(config, by=Visitor("someone", nickname, "TEST")))
        engine.store.sync(run, [], Status.RUNNING, 1.0, metrics=results)
        engine.store.finish(run, Status.FINISHED)
        engine.store.update_text(run.id, title=title)
        made.append(run.id)
        return run.id

    yield keep
    engine.store.delete(*made)


def table(app, place=0):
    return app.dataframe[place].value


def test_the_class_sees_its_runs_and_its_leaderboard(open_page, keep):
    keep(ClassifyConfig(), "Ann", test_accuracy=0.9)
    keep(ClassifyConfig(), "Bob", test_accuracy=0.95)
    keep(MemorizeConfig("hello"), "Cam", accuracy=1.0)
    app = open_page("runs", **{"class": "test"})
    assert "Class **TEST**" in " ".join(caption.value for caption in app.caption)
    assert list(table(app)["by"]) == ["Cam", "Bob", "Ann"]
    assert list(table(app, 1)["by"]) == ["Bob", "Ann"]
    app.text_input(key="runs_search").set_value("HELLO").run()
    assert list(table(app)["by"]) == ["Cam"]
    app.toggle(key="runs_mine").set_value(True).run()
    assert "Nothing here yet" in app.info[0].value


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "![x](http://x.example/y.png)", "'; DROP TABLE runs; --"]
)
def test_hostile_text_stays_text(open_page, keep, hostile):
    keep(MemorizeConfig(hostile), hostile[:24], title=hostile)
    app = open_page("runs", **{"class": "TEST"})
    assert not app.exception
    assert table(app)["name"][0] == hostile
    assert not [html for html in app.get("html") if "alert" in html.proto.body]
    assert not [text for text in app.markdown if "x.example" in text.value]


def test_a_nickname_is_kept_and_a_bad_one_is_refused(open_page):
    app = open_page("runs")
    app.text_input(key="nickname_typed").set_value("Ann").run()
    assert app.session_state["nickname"] == "Ann"
    app.text_input(key="nickname_typed").set_value("a\x07b").run()
    assert "invisible control character" in app.toast[0].value


def test_a_wrong_class_code_is_explained(open_page):
    app = open_page("runs", **{"class": "../x"})
    assert "only letters, digits and hyphens" in app.warning[0].value


def test_another_student_s_run_can_be_watched_and_not_touched(open_page, engine):
    run_id = engine.store.create(MemorizeConfig("mine alone"), by=Visitor("someone", "*Ann*", "TEST"))
    engine.store.pause(run_id)
    app = open_page("memorize", run=run_id)
    assert "watching a run of \\*Ann\\*" in " ".join(caption.value for caption in app.caption)
    assert not button(app, "Train").disabled
    for label in ("Pause", "Stop", "One epoch"):
        assert button(app, label).disabled
    app.select_slider(key="memorize_lr").set_value(0.5).run()
    assert engine.store.run(run_id).changes == {}
    engine.store.stop(run_id)
    engine.store.delete(run_id)


def test_the_teacher_s_corner_opens_with_the_password_alone(open_page, engine, keep):
    keep(MemorizeConfig("hello"), "Cam")
    app = open_page("runs", **{"class": "TEST"})
    assert "password_typed" not in app.session_state, "without a password there is no teacher"
    engine.teacher_auth.password = "correct horse"
    app = open_page("runs", **{"class": "TEST"})
    app.text_input(key="password_typed").set_value("wrong").run()
    assert "not the teacher's password" in app.toast[0].value
    app.text_input(key="password_typed").set_value("correct horse").run()
    button(app, "Pause new runs").click().run()
    assert not engine.store.limits().accepting_runs
    student = open_page("memorize", **{"class": "TEST"})
    button(student, "Train").click().run()
    assert "teacher has paused new runs" in student.error[0].value
    button(app, "Allow new runs").click().run()
    app.number_input(key="rule max_classify_epochs").set_value(7)
    button(app, "Set these bounds").click().run()
    assert engine.store.limits() == Limits(max_classify_epochs=7)
    button(app, "Clear them").click().run()
    assert engine.store.list_runs(classroom="TEST") == []
