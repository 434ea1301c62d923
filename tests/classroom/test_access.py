"""Classes: what teachers, members and others may do, also with forged calls."""

import inspect

import pytest

from core.classroom import CHOICE, NUMBER, ClassAccess, ClassStore, Presence, Question
from core.runs.identity import PermissionDenied
from core.runs.store import Store

CHOICES = Question(CHOICE, "What happens?", ("It falls", "It rises"), truth=1)
TEACHERS_ONLY = {
    "open_class": ("8A", "Biology"),
    "list_classes": (),
    "rename_class": ("Chemistry",),
    "delete_class": (),
    "change_settings": (),
    "lead": ("memorize", ""),
    "stop_leading": (),
    "end_lesson": (),
    "cover": (),
    "uncover": (),
    "ask": (CHOICES,),
    "reveal": (1,),
    "vote_again": (),
    "close_question": (),
    "rename_member": ("owner", "Ada"),
    "remove_member": ("owner",),
    "help_given": ("owner",),
    "tiles": (),
    "curve": ("run",),
}
MEMBERS_ONLY = {
    "leave": (),
    "ask_for_help": (True,),
    "hold_runs": (),
    "answer": ("question", 1, 0),
}


@pytest.mark.parametrize("method", TEACHERS_ONLY)
def test_only_a_teacher_can_conduct(teacher, join, visit, method):
    teacher.ask(CHOICES)
    before = teacher.state()
    member, stranger = join("Ann"), visit()
    with_member = teacher.state()
    for access in (member, stranger):
        with pytest.raises(PermissionDenied, match="Only a teacher"):
            getattr(access, method)(*TEACHERS_ONLY[method])
    teacher.dispatcher.teacher_auth.logout(teacher.visitor.id)  # in another tab
    with pytest.raises(PermissionDenied, match="Only a teacher"):
        getattr(teacher, method)(*TEACHERS_ONLY[method])
    assert teacher.classes.state("7B") == with_member != before


@pytest.mark.parametrize("method", MEMBERS_ONLY)
def test_only_a_member_can_take_part(teacher, visit, method):
    for access in (visit(), visit("8A"), visit(""), teacher):
        with pytest.raises(PermissionDenied, match="Only members"):
            getattr(access, method)(*MEMBERS_ONLY[method])


def test_every_method_is_checked_here():
    everyone = {"state", "member", "settings", "join", "require_free", "report", "question", "own_answers"}
    public = {name for name, _ in inspect.getmembers(ClassAccess, inspect.isfunction) if not name.startswith("_")}
    assert public == everyone | {"answer_counts", "results"} | TEACHERS_ONLY.keys() | MEMBERS_ONLY.keys()


def test_nobody_sees_answers_before_they_are_revealed(teacher, join, visit):
    teacher.ask(CHOICES)
    ann, bob = join("Ann"), join("Bob")
    ann.answer(ann.question().id, 1, 0)
    for access in (teacher, ann, bob):
        assert access.question().truth is None
        assert access.answer_counts() == {1: 1}
        with pytest.raises(PermissionDenied, match="covered until"):
            access.results()
    teacher.reveal()
    for access in (teacher, ann, bob):
        assert access.question().truth == 1
        assert access.results().rounds == ((0,),)
    teacher.vote_again()
    for access in (teacher, ann, bob):
        assert access.question().truth is None
        with pytest.raises(PermissionDenied, match="covered until"):
            access.results()
    for stranger in (visit(), visit("8A")):
        assert stranger.question() is None
        with pytest.raises(PermissionDenied, match="Only members"):
            stranger.results()
        assert stranger.answer_counts() == {}


def test_a_member_sees_only_their_own_answer(teacher, join):
    teacher.ask(CHOICES)
    ann, bob = join("Ann"), join("Bob")
    ann.answer(ann.question().id, 1, 0)
    assert (ann.own_answers(), bob.own_answers()) == ({1: 0}, {})


def test_the_first_answer_of_each_round_counts(teacher, join):
    teacher.ask(CHOICES)
    ann, bob = join("Ann"), join("Bob")
    question = ann.question()
    ann.answer(question.id, 1, 0)
    with pytest.raises(ValueError, match="first answer counts"):
        ann.answer(question.id, 1, 1)
    with pytest.raises(ValueError, match="no longer open"):
        ann.answer(question.id, 2, 1)
    teacher.vote_again()
    with pytest.raises(ValueError, match="no longer open"):
        bob.answer(question.id, 1, 1)
    ann.answer(question.id, 2, 1)
    teacher.reveal()
    with pytest.raises(ValueError, match="no longer open"):
        bob.answer(question.id, 2, 1)
    assert teacher.results().rounds == ((0,), (1,))
    teacher.ask(Question(NUMBER, "How many?"))
    with pytest.raises(ValueError, match="no longer open"):
        bob.answer(question.id, 2, 1)
    assert teacher.answer_counts() == {}


def test_an_answer_to_another_class_is_refused(teacher, join, visit):
    teacher.open_class("8A", "Biology")
    question_id = teacher.ask(CHOICES)
    other = join("Eve", "8A")
    with pytest.raises(ValueError, match="no longer open"):
        other.answer(question_id, 1, 0)
    assert teacher.answer_counts() == {}


def test_an_answer_of_a_removed_member_is_refused(teacher, join, dispatcher):
    ann = join("Ann")
    question_id = teacher.ask(CHOICES)
    ann.state()
    ClassStore(dispatcher.store).remove("7B", ann.visitor.id)  # another server, which this one has not asked yet
    with pytest.raises(PermissionDenied, match="no longer a member"):
        ann.answer(question_id, 1, 0)


def test_a_second_vote_that_has_been_held_is_not_opened_again(teacher, join):
    ann = join("Ann")
    question_id = teacher.ask(CHOICES)
    teacher.vote_again()
    ann.answer(question_id, 2, 0)
    teacher.reveal()
    with pytest.raises(ValueError, match="second vote"):
        teacher.vote_again()  # from another tab, which shows the first vote
    assert teacher.results().rounds == ((), (0,))


@pytest.mark.parametrize("answer", [2, -1, True, 0.5, "0", None, [0]])
def test_a_forged_answer_is_refused(teacher, join, answer):
    question_id = teacher.ask(CHOICES)
    with pytest.raises(ValueError, match="Choose one"):
        join("Ann").answer(question_id, 1, answer)
    assert teacher.answer_counts() == {}


def test_members_of_a_class_that_restricts_them_cannot_leave_it(teacher, join):
    teacher.open_class("8A", "Biology")
    ann = join("Ann")
    teacher.change_settings(closed=("autograd",))
    for escape in (ann.leave, lambda: ann.join("8A", "Ann"), ann.require_free):
        with pytest.raises(PermissionDenied, match="cannot leave"):
            escape()
    ann.join("7B", "Anna")
    teacher.change_settings(closed=())
    ann.join("8A", "Ann")


def test_settings_restrict_members_and_others_with_the_code_but_not_teachers(teacher, join, visit):
    teacher.change_settings(closed=("autograd", "memorize/Gates"))
    assert teacher.settings().is_open("autograd")
    for access in (join("Ann"), visit()):
        settings = access.settings()
        assert not settings.is_open("autograd")
        assert not settings.is_open("autograd", "Formula")
        assert not settings.is_open("memorize", "Gates")
        assert settings.is_open("memorize")
        assert settings.is_open("memorize", "Cell")
    assert visit("8A").settings().is_open("autograd")


def test_the_leaderboard_is_off_in_a_new_class(teacher, join, visit):
    assert not join("Ann").settings().leaderboard
    assert visit("8A").settings().leaderboard


def test_the_class_code_of_another_browser_gives_nothing(teacher, join, visit):
    join("Ann")
    stranger = visit()
    assert stranger.member() is None
    assert stranger.question() is None


def test_a_second_server_sees_every_change(teacher, join, url):
    ann = join("Ann")
    teacher.ask(CHOICES)
    other = Store(url)
    elsewhere = ClassAccess(teacher.dispatcher, ann.visitor, ClassStore(other))
    elsewhere.answer(elsewhere.question().id, 1, 1)
    assert teacher.answer_counts() == {1: 1}
    other.close()


def test_only_members_are_seen(teacher, join, visit):
    ann, stranger, presence = join("Ann"), visit(), Presence(0.0)
    ann.report(presence, "memorize", "Gates")
    stranger.report(presence, "memorize")
    assert [(tile.nickname, tile.page, tile.tab) for tile in teacher.tiles()] == [("Ann", "memorize", "Gates")]
