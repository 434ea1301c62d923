"""Classes in the database: names, members, pausing and resuming runs, tiles, and deletion."""

import json
from dataclasses import replace

import pytest

from core.classroom import CHOICE, CURVE, NUMBER, Axes, ClassStore, Lock, Presence, Question
from core.classroom.names import name_key, neutral_name
from core.classroom.presence import Sighting
from core.classroom.store import MAX_KNOWN, UnknownClass
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs.access import RunAccess
from core.runs.class_models import ExerciseAnswer, MemberRow, QuestionRow, VoteRow
from core.runs.models import LeaderboardEntry, Run, Status
from core.runs.store import event_row
from tests.runs import claim_run, sync

CONFIG = MemorizeConfig("hello", epochs=50)


def run_access(access):
    """Return the run operations of the same visitor, with the nickname that the class knows."""
    member = access.member()
    return RunAccess(access.dispatcher, replace(access.visitor, nickname=member.nickname if member else ""))


def rows(teacher, table):
    with teacher.dispatcher.store.sessions() as session:
        return session.query(table).count()


# Names


@pytest.mark.parametrize(
    "other",
    ["ADA", "ada", "  Ada ", "A\u200bda", "Ａｄａ", "Ada\u2060"],
    ids=["upper", "lower", "spaces", "zero width", "wide", "joiner"],
)
def test_a_nickname_is_unique_in_its_class(join, other):
    ada = join("Ada")
    with pytest.raises(ValueError, match="called"):
        join(other)
    assert [member.nickname for member in ada.state().members.values()] == ["Ada"]


def test_names_that_differ_can_be_used(join):
    names = ["Ada", "Ada 2", "Äda", "Zoë", "Zoe", "राम", "रमा", "🦊", "🐻"]
    for name in names:
        access = join(name)
    assert [member.nickname for member in access.state().members.values()] == names


def test_the_same_nickname_may_be_used_in_another_class(join, teacher):
    teacher.open_class("8A", "Biology")
    assert join("Ada").member().nickname == join("Ada", "8A").member().nickname


@pytest.mark.parametrize("nickname", ["", "  ", "\u200b\u200d"])
def test_an_empty_nickname_is_refused(join, nickname):
    with pytest.raises(ValueError, match="empty"):
        join(nickname)


def test_a_neutral_name_cannot_be_taken_as_a_nickname(join):
    neutral = join("Ada").member().neutral_name
    with pytest.raises(ValueError, match="called"):
        join(neutral.upper())


def test_neutral_names_are_different():
    taken = set()
    for _ in range(200):
        taken.add(neutral_name(taken))
    assert len(taken) == 200


def test_a_neutral_name_is_never_a_name_that_somebody_has(join, teacher, monkeypatch):
    monkeypatch.setattr("core.classroom.names.COLOURS", ("Blue",))
    monkeypatch.setattr("core.classroom.names.ANIMALS", ("Heron",))
    join("blue heron")
    ada = join("Ada")
    assert ada.member().neutral_name != "Blue Heron"
    teacher.rename_member(ada.visitor.id, "")
    assert ada.member().nickname == ada.member().neutral_name


def test_neutral_names_stay_different_when_members_leave(monkeypatch):
    monkeypatch.setattr("core.classroom.names.COLOURS", ())
    assert neutral_name({"Student 2"}) == "Student 1"
    assert neutral_name({"Student 1", "Student 2"}) == "Student 3"


def test_a_member_who_joins_again_keeps_their_place(join, teacher):
    ada = join("Ada")
    before = ada.member()
    ada.join("7b", "Ada Lovelace")
    assert ada.member() == replace(before, nickname="Ada Lovelace")


def test_a_teacher_renames_a_member_with_all_runs(join, teacher):
    rude = join("Rude")
    runs = run_access(rude)
    run_id = runs.submit(CONFIG)
    with teacher.dispatcher.store.sessions.begin() as session:
        session.add(LeaderboardEntry(run_id, "7B", "mnist-5k", "rude", 0.9))
    teacher.rename_member(rude.visitor.id, "Robin")
    store = teacher.dispatcher.store
    assert rude.member().nickname == store.run(run_id).nickname == store.nickname(rude.visitor.id) == "Robin"
    assert store.list_runs(search="rude") == []
    assert [run.id for run in store.list_runs(search="robin")] == [run_id]
    with store.sessions() as session:
        assert session.get(LeaderboardEntry, run_id).player == "robin"
    with pytest.raises(PermissionError, match="Only your teacher"):
        rude.join("7B", "Rude")
    assert rude.member().nickname == "Robin"


def test_a_teacher_gives_a_member_the_neutral_name(join, teacher):
    rude = join("Rude")
    teacher.rename_member(rude.visitor.id, "")
    assert rude.member().nickname == rude.member().neutral_name


def test_earlier_runs_without_a_nickname_get_the_one_of_the_class(visit, teacher):
    ann = visit("7B")
    run_id = run_access(ann).submit(CONFIG)
    ann.join("7B", "Ann")
    assert teacher.dispatcher.store.run(run_id).nickname == "Ann"


def test_a_removed_member_frees_the_nickname(join, teacher):
    ada = join("Ada")
    teacher.remove_member(ada.visitor.id)
    assert ada.member() is None
    assert join("Ada").member()


def test_names_are_compared_as_they_look():
    assert name_key("  Ｚoë  K. ") == name_key("ZOË k.") == "zoë k."
    assert name_key("❤\ufe0f") == name_key("❤")


# Classes


def test_a_class_code_is_used_once(teacher):
    with pytest.raises(ValueError, match="There is a class 7B already"):
        teacher.open_class("7b", "Again")


@pytest.mark.parametrize("code", ["", "7 B", "../x", "<b>", "7" * 25])
def test_an_invalid_code_is_refused(teacher, code):
    with pytest.raises(ValueError, match="code"):
        teacher.open_class(code, "A class")


def test_every_change_of_a_class_changes_its_version(join, teacher):
    versions = [teacher.state().version]

    def changed():
        versions.append(teacher.state().version)
        return versions[-1] > versions[-2]

    ada = join("Ada")
    assert changed()
    for change in (
        lambda: ada.ask_for_help(True),
        lambda: teacher.change_settings(closed=("autograd",)),
        teacher.cover,
        teacher.uncover,
        lambda: teacher.ask(Question(NUMBER, "How many?")),
        teacher.reveal,
        teacher.vote_again,
        teacher.close_question,
        lambda: teacher.rename_member(ada.visitor.id, "Bo"),
        lambda: teacher.rename_class("Chemistry"),
    ):
        change()
        assert changed()
    ada.report(Presence(0.0), "memorize")
    assert not changed()


def test_an_unchanged_class_is_not_read_again(join, teacher, classes, monkeypatch):
    join("Ada")
    state = classes.state("7B")
    monkeypatch.setattr("core.classroom.store.MAX_AGE", 0.0)
    assert classes.state("7B") is state


def test_settings_are_stored_as_they_were_set(teacher, classes):
    locks = (Lock("hidden_size", 32), Lock("sentence", "hello", hidden=True), Lock("memorize_lr", 0.05))
    teacher.change_settings(closed=("memorize/Gates",), locks=locks, solutions="hidden", starred_run="abc")
    settings = ClassStore(teacher.dispatcher.store).state("7B").settings
    assert settings == teacher.state().settings
    assert (settings.locks, settings.lock("hidden_size").value, settings.lock("dropout")) == (locks, 32, None)
    with pytest.raises(ValueError, match="Solutions"):
        teacher.change_settings(solutions="sometimes")


@pytest.mark.slow
def test_the_codes_that_visitors_try_do_not_fill_the_memory(classes):
    for number in range(MAX_KNOWN + 50):
        assert classes.state(f"X{number}") is None
    assert len(classes._known) <= MAX_KNOWN + 1


def test_end_of_lesson_opens_everything(join, teacher):
    ada = join("Ada")
    teacher.change_settings(closed=("autograd",), locks=(Lock("hidden_size", 32),), leaderboard=True)
    teacher.lead("memorize", "hidden_size=32")
    teacher.cover()
    teacher.ask(Question(NUMBER, "How many?"))
    number = teacher.state().settings.follow_number
    teacher.end_lesson()
    settings = ada.settings()
    assert not settings.restricts
    assert (settings.follow, settings.leaderboard, settings.follow_number) == (False, False, number)
    assert ada.question() is None


def test_deleting_a_class_deletes_its_answers_and_keeps_the_runs(join, teacher):
    ada = join("Ada")
    run_id = run_access(ada).submit(CONFIG)
    ada.answer(teacher.ask(Question(NUMBER, "How many?")), 1, 3)
    with teacher.dispatcher.store.sessions.begin() as session:
        session.add(ExerciseAnswer(ada.visitor.id, "7B", "add", 1, True, "grad", 1.0))
        session.add(ExerciseAnswer(ada.visitor.id, "", "add", 1, True, "grad", 1.0))
    teacher.delete_class()
    assert [rows(teacher, table) for table in (MemberRow, QuestionRow, VoteRow, ExerciseAnswer)] == [0, 0, 0, 1]
    assert (ada.state(), ada.member(), ada.question()) == (None, None, None)
    store = teacher.dispatcher.store
    assert store.visitor_class(ada.visitor.id) == ""
    assert store.run(run_id).classroom == "7B"
    with pytest.raises(UnknownClass):
        teacher.change_settings(leaderboard=True)


# Eyes up


@pytest.mark.slow
def test_eyes_up_pauses_all_runs_of_members_and_release_resumes_exactly_those(join, visit, teacher):
    ada, bob, stranger = join("Ada"), join("Bob"), visit("8A")
    store = teacher.dispatcher.store
    training, waiting, paused = (
        run_access(ada).submit(CONFIG),
        run_access(bob).submit(CONFIG),
        run_access(bob).submit(CONFIG),
    )
    run_access(bob).pause(paused)
    others = [run_access(stranger).submit(CONFIG), run_access(teacher).submit(CONFIG)]
    claim_run(store, training)
    teacher.cover()
    teacher.cover()  # a second click, or another tab
    requested = {run.id: run.pause_requested for run in store.list_runs()}
    assert requested == {training: True, waiting: True, paused: True, **dict.fromkeys(others, False)}
    assert ada.settings().eyes_up
    late = run_access(ada).submit(CONFIG)  # before the cover has reached the browser
    ada.hold_runs()
    assert store.run(late).pause_requested
    teacher.uncover()
    requested = {run.id: run.pause_requested for run in store.list_runs()}
    assert requested == {training: False, waiting: False, paused: True, late: False, **dict.fromkeys(others, False)}
    assert not ada.settings().eyes_up
    ada.hold_runs()
    assert not store.run(late).pause_requested


@pytest.mark.slow
def test_a_held_run_without_a_worker_joins_the_queue_again(join, teacher):
    ada, store = join("Ada"), teacher.dispatcher.store
    run_id = run_access(ada).submit(CONFIG)
    teacher.cover()
    sync(store, claim_run(store, run_id), status=Status.PAUSED)
    store.requeue("a worker", run_id, died=False)
    assert store.run(run_id).status is Status.PAUSED
    teacher.uncover()
    assert store.run(run_id).status is Status.WAITING


def test_a_run_that_ended_under_the_cover_stays_ended(join, teacher):
    ada, store = join("Ada"), teacher.dispatcher.store
    run_id = run_access(ada).submit(CONFIG)
    teacher.cover()
    store.stop(run_id)
    teacher.uncover()
    assert store.run(run_id).status is Status.STOPPED


# Leading


def test_leading_counts_every_move_once(join, teacher):
    ada = join("Ada")
    teacher.lead("memorize", "hidden_size=32")
    teacher.lead("memorize", "hidden_size=32")
    assert ada.settings().follow_number == 1
    teacher.lead("memorize", "hidden_size=64")
    settings = ada.settings()
    assert (settings.follow_page, settings.follow_query, settings.follow_number) == ("memorize", "hidden_size=64", 2)
    teacher.stop_leading()
    assert (ada.settings().follow, ada.settings().follow_number) == (False, 2)
    with pytest.raises(ValueError, match="too long"):
        teacher.lead("memorize", "x" * 5_000)


# Tiles


def test_a_tile_shows_where_a_student_is_and_how_far(join, teacher):
    ada, presence, store = join("Ada"), Presence(0.0), teacher.dispatcher.store
    run_id = run_access(ada).submit(CONFIG)
    run = claim_run(store, run_id)
    events = [MemorizeEpoch(epoch, 3.0 - epoch / 10, 0.01, "hel", 0.5) for epoch in range(20)]
    new_rows = [event_row(run_id, number, event) for number, event in enumerate(events)]
    sync(store, run, rows=new_rows, metrics={"epochs": 20, "loss": 1.1, "accuracy": 0.6})
    with store.sessions.begin() as session:
        session.add(ExerciseAnswer(ada.visitor.id, "7B", "mul", 2, True, "grad", 1.0))
        session.add(ExerciseAnswer(ada.visitor.id, "7B", "add", 1, True, "grad", 1.0))
        session.add(ExerciseAnswer(ada.visitor.id, "7B", "relu", 1, False, "x", 2.0))
        session.add(ExerciseAnswer(ada.visitor.id, "8A", "exp", 1, True, "x", 2.0))
    ada.ask_for_help(True)
    ada.report(presence, "memorize", "Gates", run_id)
    ada.report(presence, "autograd", "Exercises")
    [tile] = teacher.tiles()
    assert (tile.nickname, tile.page, tile.tab, tile.present) == ("Ada", "autograd", "Exercises", True)
    assert (tile.run_id, tile.kind, tile.status) == (run_id, "memorize", Status.RUNNING)
    assert (tile.epochs, tile.total_epochs, tile.loss, tile.accuracy) == (20, 50, 1.1, 0.6)
    assert (tile.solved, tile.tried, tile.help_wanted, tile.is_idle) == (("add", "mul"), ("relu",), True, False)
    curve = teacher.curve(run_id)
    assert curve[0] == (1, 3.0)
    assert len(curve) == 20


def test_a_tile_shows_no_run_of_somebody_else(join, teacher):
    ada, bob = join("Ada"), join("Bob")
    run_id = run_access(bob).submit(CONFIG)
    ada.report(Presence(0.0), "memorize", "", run_id)  # forged
    assert [tile.run_id for tile in teacher.tiles()] == ["", ""]
    bob.report(Presence(0.0), "memorize", "", run_id)
    teacher.dispatcher.store.delete(run_id)
    assert [tile.run_id for tile in teacher.tiles()] == ["", ""]


def test_tiles_are_read_in_one_query(join, teacher, count_queries):
    for number in range(5):
        join(f"Student {number}")
    teacher.state()
    assert count_queries(teacher.tiles) == 1


@pytest.fixture
def count_queries(dispatcher):
    """count_queries(act) calls `act` and returns how many statements the database has executed."""
    from sqlalchemy import event

    statements = []
    engine = dispatcher.store._database
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def count_queries(act):
        statements.clear()
        act()
        return len(statements)

    return count_queries


def test_a_redraw_asks_the_database_once_at_most(join, teacher, count_queries, monkeypatch):
    ada = join("Ada")
    ada.state()
    assert count_queries(lambda: [ada.settings(), ada.member(), ada.question()]) == 0
    monkeypatch.setattr("core.classroom.store.MAX_AGE", 0.0)
    assert count_queries(ada.state) == 1


def test_sightings_are_written_in_batches():
    presence = Presence(interval=60.0)
    first = Sighting("7B", "ada", 1.0, "memorize", "", "run")
    assert presence.add(first) == [first]
    later = [Sighting("7B", "ada", 2.0, "home", "", "other"), Sighting("7B", "bob", 2.0, "home", "", "")]
    assert [presence.add(sighting) for sighting in later] == [[], []]
    presence._next_write = 0.0
    last = Sighting("7B", "ada", 3.0, "runs", "", "")
    assert presence.add(last) == [last._replace(run_id="other"), later[1]]


# Questions


def test_questions_of_every_kind_are_kept_with_their_truth(teacher):
    curve = [1.0] * 20 + [None] + [0.5] * 20
    asked = [
        Question(CHOICE, "Which?", ("Left", "Right"), truth=0),
        Question(NUMBER, "How many?", truth=3),
        Question(CURVE, "How will it fall?", axes=Axes("Step", "Loss", 50, 2), truth=curve),
        Question(NUMBER, "Nobody knows?"),
    ]
    for question in asked:
        teacher.ask(question)
    kept = teacher.classes.questions("7B")
    shown = [(question.kind, question.text, question.options, question.axes, question.truth) for question in kept]
    assert shown == [(q.kind, q.text, q.options, q.axes, q.truth) for q in asked]


def test_a_truth_can_be_given_with_the_reveal(teacher, join):
    ada = join("Ada")
    teacher.ask(Question(NUMBER, "How many?"))
    teacher.reveal(5)
    assert ada.question().truth == 5.0
    assert json.loads(json.dumps(ada.results().rounds)) == [[]]


def test_the_current_run_of_a_member_keeps_its_class(join, teacher):
    run_id = run_access(join("Ada")).submit(CONFIG)
    with teacher.dispatcher.store.sessions() as session:
        assert session.get(Run, run_id).classroom == "7B"
