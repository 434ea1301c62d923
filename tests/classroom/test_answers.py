"""Answers of exercises: kept per student and class, opened to nobody else, and counted for the teacher."""

import threading

import pytest

from core.autograd.exercises import EXERCISES
from core.autograd.faults import FAULTS
from core.classroom import ClassStore, ExerciseAccess
from core.classroom.access import ClassAccess
from core.classroom.problems import PROBLEMS
from core.runs import Limits, PermissionDenied, Store, housekeeping

DAY = 86_400.0  # seconds
FAULT = FAULTS["mul_adds"]
FAULTY_LINE = str([line.strip() for line in FAULT.code()].index(FAULT.faulty_lines[0]))


def test_problems_have_different_names():
    assert len(set(PROBLEMS)) == len(EXERCISES) + len(FAULTS)


def test_an_exercise_is_solved_when_all_its_answers_are_correct(join):
    ada = ExerciseAccess(join("Ada"))
    assert ada.own() == {}
    assert not ada.submit("mul", "a", "grad*a").solved
    assert not ada.submit("mul", "a", "b*grad").solved
    answer = ada.submit("mul", "b", "grad * a")
    assert (answer.solved, answer.tries, dict(answer.texts)) == (True, 3, {"a": "b*grad", "b": "grad * a"})
    assert ada.own() == {"mul": answer}


def test_a_case_is_solved_when_line_and_answer_are_correct(join):
    ada = ExerciseAccess(join("Ada"))
    assert not ada.submit(FAULT.name, "line", FAULTY_LINE).solved
    assert not ada.submit(FAULT.name, "answer", "g").solved
    assert ada.submit(FAULT.name, "answer", FAULT.question.answer).solved


def test_a_solved_problem_stays_solved(join):
    ada = ExerciseAccess(join("Ada"))
    ada.submit("relu", "a", "grad*step(a)")
    assert ada.submit("relu", "a", "grad").solved


def test_typing_mistakes_and_repeated_answers_are_no_tries(join):
    ada = ExerciseAccess(join("Ada"))
    for text in ("grad*", "grad*q", "", "grad", "grad", " grad "):
        ada.submit("relu", "a", text)
    assert ada.own()["relu"].tries == 1
    assert ada.own()["relu"].texts == {"a": "grad"}


def test_answers_survive_a_restart_and_are_seen_by_every_server(join, url):
    ada = join("Ada")
    ExerciseAccess(ada).submit("relu", "a", "grad*step(a)")
    store = Store(url)
    try:
        other_server = ClassAccess(ada.dispatcher, ada.visitor, ClassStore(store))
        other_server.dispatcher = type("Other", (), {"store": store, "teacher_auth": ada.dispatcher.teacher_auth})()
        assert ExerciseAccess(other_server).own() == ExerciseAccess(ada).own()
        assert ExerciseAccess(other_server).own()["relu"].solved
    finally:
        store.close()


def test_nobody_reads_or_changes_the_answers_of_others(join, visit):
    ada, bob, stranger = ExerciseAccess(join("Ada")), ExerciseAccess(join("Bob")), ExerciseAccess(visit("7B"))
    ada.submit("relu", "a", "grad*step(a)")
    assert bob.own() == stranger.own() == {}
    bob.submit("relu", "a", "grad")
    assert ada.own()["relu"].solved
    for student in (ada, bob, stranger):
        with pytest.raises(PermissionDenied, match="Only a teacher"):
            student.table()


def test_answers_given_with_a_class_code_alone_do_not_count_in_the_class(visit, teacher):
    stranger = visit("7B")
    ExerciseAccess(stranger).submit("relu", "a", "grad*step(a)")
    assert ExerciseAccess(teacher).table() == []
    assert ExerciseAccess(teacher).answers.of_class("7B") == {}
    assert ExerciseAccess(stranger).own()["relu"].solved


@pytest.mark.parametrize(
    ("problem", "field", "text"),
    [
        ("no such", "a", "grad"),
        ("mul", "c", "grad"),
        ("mul", "line", "1"),
        ("mul_adds", "a", "1"),
        ("mul", "a", "a" * 501),
    ],
)
def test_forged_answers_are_refused(join, problem, field, text):
    ada = ExerciseAccess(join("Ada"))
    with pytest.raises(ValueError, match=r"There is no|at most 500"):
        ada.submit(problem, field, text)
    assert ada.own() == {}


@pytest.mark.parametrize("text", ["99", "-1", "1.5", "²", "one"])
def test_a_line_that_does_not_exist_is_not_correct(join, text):
    ada = ExerciseAccess(join("Ada"))
    ada.submit(FAULT.name, "answer", FAULT.question.answer)
    assert not ada.submit(FAULT.name, "line", text).solved


def test_text_that_databases_reject_is_stored_without_it(join):
    ada = ExerciseAccess(join("Ada"))
    ada.submit("mul", "a", "grad\0\ud800")
    assert ada.own()["mul"].texts == {"a": "grad?"}


def test_a_solution_opens_after_three_wrong_tries(join):
    ada = ExerciseAccess(join("Ada"))
    opened = [
        ada.is_solution_open("mul", ada.submit("mul", "a", text)) for text in ("grad", "grad*", "a", "b", "a + b")
    ]
    assert opened == [False, False, False, True, True]


def test_correct_answers_do_not_open_the_solution_of_the_rest(join):
    ada = ExerciseAccess(join("Ada"))
    for name in ("c", "f", "i"):
        answer = ada.submit("cell update", name, EXERCISES["cell update"].solutions[name])
    assert answer.tries == 3
    assert not ada.is_solution_open("cell update", answer)
    answer = ada.submit("cell update", "g", EXERCISES["cell update"].solutions["g"])
    assert ada.is_solution_open("cell update", answer)


@pytest.mark.parametrize(
    ("rule", "before", "after"), [("tries", False, True), ("open", True, True), ("hidden", False, False)]
)
def test_the_teacher_decides_when_solutions_open(join, teacher, rule, before, after):
    ada = ExerciseAccess(join("Ada"))
    teacher.change_settings(solutions=rule)
    answer = ada.submit("relu", "a", "grad")
    assert ada.is_solution_open("relu", answer) is before
    answer = ada.submit("relu", "a", "grad*step(a)")
    assert ada.is_solution_open("relu", answer) is after
    assert ExerciseAccess(teacher).is_solution_open("relu", answer)


def test_a_class_code_alone_does_not_open_solutions(visit, teacher):
    teacher.change_settings(solutions="open")
    stranger = ExerciseAccess(visit("7B"))
    assert not stranger.is_solution_open("relu", stranger.submit("relu", "a", "grad"))


def test_the_table_has_a_row_per_student_and_a_column_per_problem(join, teacher):
    ada, _bob = ExerciseAccess(join("Ada")), join("Bob")
    ada.submit("relu", "a", "grad*step(a)")
    ada.submit("mul", "a", "grad")
    ada.submit("mul", "a", "grad*b")
    rows = ExerciseAccess(teacher).table()
    assert [row["student"] for row in rows] == ["Ada", "Bob"]
    assert list(rows[0]) == ["student", *PROBLEMS]
    assert (rows[0]["relu"], rows[0]["mul"], rows[0]["add"]) == ("solved, 1 try", "not solved, 2 tries", "")
    assert set(rows[1].values()) == {"Bob", ""}


@pytest.mark.parametrize("nickname", ["=1+1", "+1", "-1", "@sum"])
def test_nicknames_are_not_evaluated_by_a_spreadsheet(join, teacher, nickname):
    join(nickname)
    assert ExerciseAccess(teacher).table()[0]["student"] == f"'{nickname}"


def test_a_teacher_sees_only_a_class_that_is_open(teacher):
    teacher.delete_class()
    with pytest.raises(ValueError, match="not open"):
        ExerciseAccess(teacher).table()


def test_answers_are_deleted_with_the_class(join, teacher):
    ada = join("Ada")
    ExerciseAccess(ada).submit("relu", "a", "grad*step(a)")
    teacher.delete_class()
    teacher.open_class("7B", "Physics")
    ada.join("7B", "Ada")
    assert ExerciseAccess(ada).own() == {}


def test_an_answer_of_a_removed_member_does_not_enter_the_class(join, teacher, dispatcher):
    ada = join("Ada")
    access = ExerciseAccess(ada)
    teacher.remove_member(ada.visitor.id)
    with pytest.raises(PermissionDenied, match="no longer a member"):
        access.answers.record(ada.visitor.id, "7B", "relu", "a", "grad")
    assert access.answers.of_class("7B") == {}


def test_answers_from_several_tabs_at_once_are_all_kept(join):
    ada = join("Ada")
    threads = [
        threading.Thread(target=ExerciseAccess(ada).submit, args=("cell update", name, solution))
        for name, solution in EXERCISES["cell update"].solutions.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer = ExerciseAccess(ada).own()["cell update"]
    assert (answer.tries, answer.solved) == (4, True)
    assert dict(answer.texts) == EXERCISES["cell update"].solutions


def test_old_answers_without_a_class_are_deleted_at_the_age_at_which_runs_are(dispatcher, visit, join, monkeypatch):
    old, recent, member = ExerciseAccess(visit("")), ExerciseAccess(visit("")), ExerciseAccess(join("Ada"))
    now = [1_000 * DAY]
    monkeypatch.setattr("core.classroom.answers.time.time", lambda: now[0])
    for access in (old, member):
        access.submit("relu", "a", "grad")
    now[0] += 2 * DAY
    recent.submit("relu", "a", "grad")
    now[0] += 29 * DAY
    monkeypatch.setattr("core.runs.housekeeping.time.time", lambda: now[0])
    dispatcher.store.set_limits(Limits(keep_days=0))
    housekeeping.expire_answers(dispatcher.store.sessions, dispatcher.store.limits())
    assert old.own()
    dispatcher.store.set_limits(Limits(keep_days=30))
    dispatcher.store.tidy()
    assert not old.own()
    assert recent.own()
    assert member.own()
