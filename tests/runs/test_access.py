"""What a visitor may do: own runs, and everybody's for a teacher; nothing else, whatever is forged."""

import sqlite3
from dataclasses import replace

import pytest

from core.memorize import MemorizeConfig
from core.runs.access import RunAccess
from core.runs.dispatcher import Dispatcher
from core.runs.identity import (
    PermissionDenied,
    TeacherAuth,
    Visitor,
    clean_class_code,
    clean_nickname,
    hash_token,
    is_valid_token,
    new_token,
)
from core.runs.limits import Limits
from core.runs.models import Status

CONFIG = MemorizeConfig("hello")
HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE runs; --",
    "{{7*7}} ![x](http://x) :material/x: **b**",
    '"\\\u202e',
]


@pytest.fixture
def engine(url):
    engine = Dispatcher(url, workers=0)
    engine._start_dispatcher = lambda: None  # nothing is trained here
    yield engine
    engine.close()


@pytest.fixture
def ann(engine):
    return RunAccess(engine, Visitor(hash_token(new_token()), "Ann", "7B"))


@pytest.fixture
def bob(engine):
    return RunAccess(engine, Visitor(hash_token(new_token()), "Bob", "7B"))


@pytest.fixture
def teacher(engine):
    return RunAccess(engine, Visitor(hash_token(new_token()), teacher=True))


CHANGES = {
    "pause": lambda desk, run: desk.pause(run),
    "resume": lambda desk, run: desk.resume(run),
    "stop": lambda desk, run: desk.stop(run),
    "steer": lambda desk, run: desk.steer(run, lr=0.5),
    "advance": lambda desk, run: desk.advance(run, "step"),
    "set_pace": lambda desk, run: desk.set_pace(run, 1.0),
    "set_title": lambda desk, run: desk.set_title(run, "mine"),
    "set_note": lambda desk, run: desk.set_note(run, "mine"),
    "delete": lambda desk, run: desk.delete(run),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_the_owner_and_a_teacher_change_a_run(ann, bob, teacher, change):
    run_id = ann.submit(CONFIG)
    ann.pause(run_id)
    before = ann.store.run(run_id)
    with pytest.raises(PermissionDenied, match="somebody else's: you can watch it"):
        CHANGES[change](bob, run_id)
    assert bob.store.run(run_id) == before, "bob can see it, and it is as it was"
    CHANGES[change](ann, run_id)
    CHANGES[change](teacher, ann.submit(CONFIG))


@pytest.mark.parametrize("forged", ["", "nobody's", "' OR 1=1 --", "\x00", "../../etc", "ü" * 10_000])
@pytest.mark.parametrize("change", CHANGES)
def test_forged_run_ids_change_nothing(ann, change, forged):
    run_id = ann.submit(CONFIG)
    before = ann.store.run(run_id)
    CHANGES[change](ann, forged)
    assert ann.store.run(run_id) == before


def test_a_run_of_nobody_s_is_nobody_s(engine, ann):
    run_id = engine.submit(CONFIG)
    with pytest.raises(PermissionDenied):
        RunAccess(engine, Visitor(id="")).stop(run_id)
    with pytest.raises(PermissionDenied):
        ann.stop(run_id)


def test_what_concerns_all_is_the_teacher_s(ann, bob, teacher):
    runs = ann.submit(CONFIG), bob.submit(CONFIG)
    for forbidden in (ann.stop_all, ann.delete_finished, lambda: ann.set_limits(Limits(accepting_runs=False))):
        with pytest.raises(PermissionDenied, match="Only a teacher"):
            forbidden()
    teacher.set_limits(Limits(accepting_runs=False))
    with pytest.raises(ValueError, match="paused new runs"):
        ann.submit(CONFIG)
    teacher.stop_all("another class")
    assert [ann.store.run(run).status for run in runs] == [Status.WAITING] * 2
    teacher.delete_finished()
    assert len(ann.store.list_runs()) == 2, "they have not ended"
    teacher.stop_all("7B")
    assert [ann.store.run(run).status for run in runs] == [Status.STOPPED] * 2
    teacher.delete_finished("7B")
    assert ann.store.list_runs() == []


def test_a_deleted_run_leaves_nothing_and_stops_its_worker(ann):
    run = ann.store.begin(ann.submit(CONFIG))
    ann.delete(run.id)
    assert ann.store.run(run.id) is None
    assert ann.store.exchange(run, [], Status.RUNNING, 1.0).stopping


def test_a_parked_run_goes_on_when_its_owner_looks_and_not_for_others(ann, bob):
    run = ann.store.begin(ann.submit(CONFIG))
    ann.store.park(run)
    ann.store.release(run)
    bob.record_view(ann.store.run(run.id))
    assert ann.store.run(run.id).status is Status.PAUSED
    ann.record_view(ann.store.run(run.id))
    now = ann.store.run(run.id)
    assert (now.status, now.auto_paused, now.pause_requested, now.view_count) == (Status.WAITING, False, False, 2)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_as_text(ann, text, tmp_path):
    run_id = ann.submit(MemorizeConfig(text))
    ann.set_title(run_id, text)
    ann.set_note(run_id, text)
    if len(text) <= 24:
        ann.set_nickname(text)
        assert ann.store.nickname(ann.visitor.id) == text
    run = ann.store.run(run_id)
    assert (run.title, run.note, run.config.sentence) == (text, text, text)


@pytest.mark.parametrize("nickname", ["x" * 25, "a\x00b", "a\x1b[31m", "\ud800", "e" + "\u0301" * 300])
def test_what_is_no_nickname_is_refused(ann, nickname):
    with pytest.raises(ValueError, match="A nickname"):
        ann.set_nickname(nickname)


def test_nicknames_and_codes_are_tidied():
    assert clean_nickname("  Zoë \n  K. ") == "Zoë K."
    assert clean_class_code(" 7b ") == "7B"
    for wrong in ("7B/../x", "a b", "<b>", "x" * 30):
        with pytest.raises(ValueError, match="A class code"):
            clean_class_code(wrong)


def test_only_a_token_that_nobody_thought_of_is_one():
    assert is_valid_token(new_token())
    assert len({new_token() for _ in range(100)}) == 100
    for no_token in ("", "me", None, 3, "a" * 42, "a" * 44, "'" + "a" * 42):
        assert not is_valid_token(no_token)


def test_no_token_lies_in_the_store(url, engine, tmp_path):
    token = new_token()
    desk = RunAccess(engine, Visitor(hash_token(token), "Ann"))
    desk.submit(CONFIG)
    desk.set_nickname("Ann")
    engine.store.close()
    for file in tmp_path.glob("runs.sqlite*"):
        assert token.encode() not in file.read_bytes()
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        assert file.execute("SELECT owner FROM runs").fetchall() == [(hash_token(token),)]


def test_the_password_lets_in_and_guessing_is_slowed_down(monkeypatch):
    room = TeacherAuth("correct horse")
    room.login("tea", "correct horse")
    assert "tea" in room
    assert "ann" not in room
    for guess in ("", "wrong", "correct hors", "\ud800", "x" * 10_000):
        with pytest.raises(PermissionDenied, match="not the teacher's password"):
            room.login("ann", guess)
    with pytest.raises(PermissionDenied, match="Too many wrong passwords"):
        room.login("ann", "correct horse")
    room.login("other teacher", "correct horse")
    room.logout("tea")
    assert "tea" not in room


def test_without_a_password_nobody_is_a_teacher():
    for guess in ("", "x"):
        with pytest.raises(PermissionDenied):
            TeacherAuth("").login("ann", guess)


def test_a_visitor_cannot_be_made_a_teacher_by_what_it_says(ann):
    assert not replace(ann.visitor, nickname="teacher").teacher
