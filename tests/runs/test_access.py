"""Access control: visitors may change their own runs, teachers all; nothing else, even with forged ids."""

import sqlite3
from dataclasses import replace

import pytest

from core.memorize import MemorizeConfig
from core.runs.access import RunAccess
from core.runs.dispatcher import Dispatcher
from core.runs.identity import (
    MAX_FAILED_LOGINS,
    MAX_FAILED_LOGINS_PER_ADDRESS,
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
from core.runs.rates import RecentCounts
from tests.runs import claim_run, sync

CONFIG = MemorizeConfig("hello")
HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE runs; --",
    "{{7*7}} ![x](http://x) :material/x: **b**",
    '"\\\u202e',
]


@pytest.fixture
def dispatcher(url):
    dispatcher = Dispatcher(url, workers=0)
    dispatcher._start_thread = lambda: None  # nothing is trained here
    yield dispatcher
    dispatcher.close()


@pytest.fixture
def ann(dispatcher):
    return RunAccess(dispatcher, Visitor(hash_token(new_token()), "Ann", "7B"))


@pytest.fixture
def bob(dispatcher):
    return RunAccess(dispatcher, Visitor(hash_token(new_token()), "Bob", "7B"))


@pytest.fixture
def teacher(dispatcher):
    visitor = Visitor(hash_token(new_token()), teacher=True)
    dispatcher.teacher_auth.password = "correct horse"
    dispatcher.teacher_auth.login(visitor.id, "correct horse")
    return RunAccess(dispatcher, visitor)


CHANGES = {
    "pause": lambda access, run: access.pause(run),
    "resume": lambda access, run: access.resume(run),
    "stop": lambda access, run: access.stop(run),
    "steer": lambda access, run: access.steer(run, lr=0.5),
    "advance": lambda access, run: access.advance(run, "step"),
    "set_pace": lambda access, run: access.set_pace(run, 1.0),
    "set_title": lambda access, run: access.set_title(run, "mine"),
    "set_note": lambda access, run: access.set_note(run, "mine"),
    "delete": lambda access, run: access.delete(run),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_owner_and_teacher_can_change_a_run(ann, bob, teacher, change):
    run_id = ann.submit(CONFIG)
    ann.pause(run_id)
    before = ann.store.run(run_id)
    with pytest.raises(PermissionDenied, match="belongs to somebody else"):
        CHANGES[change](bob, run_id)
    assert bob.store.run(run_id) == before, "bob can read it, and it is unchanged"
    CHANGES[change](ann, run_id)
    CHANGES[change](teacher, ann.submit(CONFIG))


@pytest.mark.parametrize("forged", ["", "nobody's", "' OR 1=1 --", "\x00", "../../etc", "ü" * 10_000])
@pytest.mark.parametrize("change", CHANGES)
def test_forged_run_ids_change_nothing(ann, change, forged):
    run_id = ann.submit(CONFIG)
    before = ann.store.run(run_id)
    CHANGES[change](ann, forged)
    assert ann.store.run(run_id) == before


def test_a_run_without_owner_cannot_be_changed_by_visitors(dispatcher, ann):
    run_id = dispatcher.submit(CONFIG)
    with pytest.raises(PermissionDenied):
        RunAccess(dispatcher, Visitor(id="")).stop(run_id)
    with pytest.raises(PermissionDenied):
        ann.stop(run_id)


def test_only_teachers_may_change_limits_and_act_on_all_runs(ann, bob, teacher):
    runs = ann.submit(CONFIG), bob.submit(CONFIG)
    for forbidden in (ann.stop_all, ann.delete_finished, lambda: ann.set_limits(Limits(accepting_runs=False))):
        with pytest.raises(PermissionDenied, match="Only a teacher"):
            forbidden()
    teacher.set_limits(Limits(accepting_runs=False), "7B")
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


def test_deleting_a_run_removes_it_and_stops_its_worker(ann):
    run = claim_run(ann.store, ann.submit(CONFIG))
    ann.delete(run.id)
    assert ann.store.run(run.id) is None
    assert sync(ann.store, run) is None, "its worker has lost it"


@pytest.mark.parametrize("owner_is_first", [True, False])
def test_a_run_that_its_owner_has_paused_stays_paused_whether_or_not_it_was_paused_automatically(ann, owner_is_first):
    run = claim_run(ann.store, ann.submit(CONFIG))
    actions = [lambda: ann.pause(run.id), lambda: ann.store.auto_pause(run)]
    for act in actions if owner_is_first else actions[::-1]:
        act()
    ann.record_view(ann.store.run(run.id))
    now = ann.store.run(run.id)
    assert (now.pause_requested, now.auto_paused) == (True, False)


def test_an_auto_paused_run_resumes_when_its_owner_views_it_but_not_for_others(ann, bob):
    run = claim_run(ann.store, ann.submit(CONFIG))
    ann.store.auto_pause(run)
    sync(ann.store, run, status=Status.WAITING)  # its worker gives it back
    bob.record_view(ann.store.run(run.id))
    assert ann.store.run(run.id).status is Status.PAUSED
    ann.record_view(ann.store.run(run.id))
    now = ann.store.run(run.id)
    assert (now.status, now.auto_paused, now.pause_requested, now.view_count) == (Status.WAITING, False, False, 2)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_stored_unchanged(ann, text, tmp_path):
    run_id = ann.submit(MemorizeConfig(text))
    ann.set_title(run_id, text)
    ann.set_note(run_id, text)
    if len(text) <= 24:
        ann.set_nickname(text)
        assert ann.store.nickname(ann.visitor.id) == text
    run = ann.store.run(run_id)
    assert (run.title, run.note, run.config.sentence) == (text, text, text)


@pytest.mark.parametrize("nickname", ["x" * 25, "a\x00b", "a\x1b[31m", "\ud800", "e" + "\u0301" * 300])
def test_invalid_nicknames_are_rejected(ann, nickname):
    with pytest.raises(ValueError, match="A nickname"):
        ann.set_nickname(nickname)


def test_nicknames_and_class_codes_are_cleaned():
    assert clean_nickname("  Zoë \n  K. ") == "Zoë K."
    assert clean_class_code(" 7b ") == "7B"
    for wrong in ("7B/../x", "a b", "<b>", "x" * 30):
        with pytest.raises(ValueError, match="A class code"):
            clean_class_code(wrong)


def test_only_text_in_the_format_of_a_token_is_accepted_as_one():
    assert is_valid_token(new_token())
    assert len({new_token() for _ in range(100)}) == 100
    for invalid in ("", "me", None, 3, "a" * 42, "a" * 44, "'" + "a" * 42):
        assert not is_valid_token(invalid)


def test_tokens_are_not_stored(url, dispatcher, tmp_path):
    token = new_token()
    access = RunAccess(dispatcher, Visitor(hash_token(token), "Ann"))
    access.submit(CONFIG)
    access.set_nickname("Ann")
    dispatcher.store.close()
    for file in tmp_path.glob("runs.sqlite*"):
        assert token.encode() not in file.read_bytes()
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        assert file.execute("SELECT owner FROM runs").fetchall() == [(hash_token(token),)]


def test_a_teacher_who_has_logged_out_no_longer_acts_as_one_in_other_tabs(dispatcher, ann, teacher):
    run_id = ann.submit(CONFIG)
    dispatcher.teacher_auth.logout(teacher.visitor.id)  # in another tab; this one was drawn before
    for forbidden in (teacher.stop_all, teacher.delete_finished, lambda: teacher.set_limits(Limits())):
        with pytest.raises(PermissionDenied, match="Only a teacher"):
            forbidden()
    with pytest.raises(PermissionDenied, match="belongs to somebody else"):
        teacher.stop(run_id)
    teacher.store.set_limits(Limits(accepting_runs=False))
    with pytest.raises(ValueError, match="paused new runs"):
        teacher.submit(CONFIG)


def test_a_stopped_run_says_when_it_was_stopped_by_the_teacher(ann, bob, teacher):
    waiting, stopped_alone, own = ann.submit(CONFIG), bob.submit(CONFIG), ann.submit(CONFIG)
    running = claim_run(ann.store, ann.submit(CONFIG))
    ann.stop(own)
    teacher.stop(stopped_alone)
    teacher.stop_all()
    ann.store.finish(running, Status.STOPPED)
    messages = [ann.store.run(run).message for run in (waiting, stopped_alone, running.id, own)]
    assert messages == ["Stopped by the teacher."] * 3 + [""]
    assert {ann.store.run(run).status for run in (waiting, stopped_alone, running.id, own)} == {Status.STOPPED}


def test_a_visitor_s_limits_are_those_of_the_class(ann, teacher):
    teacher.set_limits(Limits(max_hidden_size=8), "7B")
    assert ann.limits() == Limits(max_hidden_size=8)
    assert RunAccess(ann.dispatcher, replace(ann.visitor, classroom="8A")).limits() == Limits()
    assert RunAccess(ann.dispatcher, replace(teacher.visitor, classroom="7B")).limits() == Limits()


def test_wrong_passwords_of_others_never_refuse_the_right_one(monkeypatch):
    delays = []
    monkeypatch.setattr("core.runs.identity.time.sleep", delays.append)
    auth = TeacherAuth("correct horse")
    for student in range(30):
        for _ in range(MAX_FAILED_LOGINS):
            with pytest.raises(PermissionDenied):
                auth.login(f"student {student}", "wrong", "192.0.2.1")
    assert len(delays) == 30 * MAX_FAILED_LOGINS - MAX_FAILED_LOGINS_PER_ADDRESS, "guessing is slow at that address"
    delays.clear()
    auth.login("teacher at another address", "correct horse", "192.0.2.2")
    assert delays == []
    auth.login("teacher at the same address", "correct horse", "192.0.2.1")
    assert auth.is_teacher("teacher at the same address")


@pytest.mark.parametrize("password", [1234, 0, 12.5])
def test_a_password_that_is_a_number_counts_as_text(password):
    auth = TeacherAuth()
    auth.password = password
    auth.login("tea", str(password))
    assert auth.is_teacher("tea")


def test_counts_forget_what_is_over_a_minute_ago(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("core.runs.rates.time.monotonic", lambda: now[0])
    counts = RecentCounts()
    for _ in range(3):
        counts.add("a")
        now[0] += 20
    assert (counts.count("a"), counts.count("b")) == (2, 0)
    now[0] += 60
    assert counts.count("a") == 0
    assert len(counts._counts) == len(counts._moments) == 0, "nothing is kept for ever"


def test_the_password_logs_in_and_guessing_is_limited(monkeypatch):
    auth = TeacherAuth("correct horse")
    auth.login("tea", "correct horse")
    assert auth.is_teacher("tea")
    assert not auth.is_teacher("ann")
    for guess in ("", "wrong", "correct hors", "\ud800", "x" * 10_000):
        with pytest.raises(PermissionDenied, match="not the teacher's password"):
            auth.login("ann", guess)
    with pytest.raises(PermissionDenied, match="Too many wrong passwords"):
        auth.login("ann", "correct horse")
    auth.login("other teacher", "correct horse")
    auth.logout("tea")
    assert not auth.is_teacher("tea")


def test_without_a_password_nobody_can_log_in_as_teacher():
    for guess in ("", "x"):
        with pytest.raises(PermissionDenied):
            TeacherAuth("").login("ann", guess)


def test_a_nickname_does_not_make_a_visitor_a_teacher(ann):
    assert not replace(ann.visitor, nickname="teacher").teacher
