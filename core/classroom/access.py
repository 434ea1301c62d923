"""Access control: what one visitor may do in their class.

Teachers conduct, members answer, and nobody sees answers before they are revealed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.classroom.presence import Presence, Sighting
from core.classroom.questions import REVEALED, Question, Results, check_answer, check_question
from core.classroom.settings import ClassSettings
from core.classroom.store import ClassState, ClassStore, Member
from core.classroom.tiles import Tile
from core.runs.dispatcher import Dispatcher
from core.runs.identity import PermissionDenied, Visitor, clean_class_code, clean_nickname
from core.text import clean_text

MAX_CLASS_NAME = 40  # characters
MAX_QUERY = 4_000  # characters of a teacher's settings in an address
UNRESTRICTED = ClassSettings(solutions="open", leaderboard=True)


class ClassAccess:
    """The operations of one visitor in the class whose code the visitor has.

    Methods for teachers and for members raise PermissionDenied for everybody else, and ValueError if what they were
    given is invalid.
    """

    def __init__(self, dispatcher: Dispatcher, visitor: Visitor, classes: ClassStore):
        self.dispatcher, self.visitor, self.classes = dispatcher, visitor, classes

    @property
    def is_teacher(self) -> bool:
        """Whether the visitor is a teacher now."""
        return self.visitor.teacher and self.dispatcher.teacher_auth.is_teacher(self.visitor.id)

    # For everyone

    def state(self) -> ClassState | None:
        """Return the visitor's class; None if the visitor has no class code, or no teacher has opened that class."""
        return self.classes.state(self.visitor.classroom)

    def member(self) -> Member | None:
        """Return the visitor as a member of the class; None for everyone else."""
        state = self.state()
        return state.members.get(self.visitor.id) if state else None

    def settings(self) -> ClassSettings:
        """Return what the class allows the visitor. Teachers, and visitors without an open class, may do everything."""
        state = self.state()
        return UNRESTRICTED if state is None or self.is_teacher else state.settings

    def join(self, code: str, nickname: str) -> str:
        """Become a member of an open class, or change the nickname there. Returns the code.

        Raises PermissionDenied if the visitor is a member of a class that restricts them, or if the teacher has set the
        nickname. Raises ValueError if the class is not open, or if the nickname is invalid or taken.
        """
        code = clean_class_code(code)
        state = self.classes.state(code)
        if state is None:
            raise ValueError(f"There is no open class {code}. Ask your teacher for the code.")
        self.require_free(code)
        member = state.members.get(self.visitor.id)
        if member and member.name_locked and member.nickname != nickname:
            raise PermissionDenied("Your teacher has set your nickname. Only your teacher can change it.")
        self.classes.join(code, self.visitor.id, clean_nickname(nickname))
        return code

    def require_free(self, code: str = "") -> None:
        """Raise PermissionDenied if the visitor must not leave the present class for the class with this code."""
        state, member = self.state(), self.member()
        if state and member and not self.is_teacher and code != state.code and state.settings.restricts:
            raise PermissionDenied(f"You cannot leave class {state.code} during a lesson. Ask your teacher.")

    # For members

    def leave(self) -> None:
        """Leave the class, with all votes and answers in it."""
        member = self._require_member()
        self.require_free()
        self.classes.remove(self.visitor.classroom, member.owner)

    def ask_for_help(self, wanted: bool) -> None:
        """Tell the teacher that the member needs help, or no longer does."""
        self.classes.set_help(self.visitor.classroom, self._require_member().owner, wanted)

    def hold_runs(self) -> None:
        """Pause the member's runs for "eyes up". Call it when the member's page is covered."""
        self.classes.hold(self.visitor.classroom, self._require_member().owner)

    def report(self, presence: Presence, page: str, tab: str = "", run_id: str = "") -> None:
        """Record what the member's browser shows. Does nothing for others. run_id: the member's own run."""
        if self.member():
            seen = Sighting(self.visitor.classroom, self.visitor.id, time.time(), page[:40], tab[:40], run_id)
            self.classes.record(presence.add(seen))

    def question(self) -> Question | None:
        """Return the question of the class, without its truth before it is revealed; None if there is none."""
        state = self.state()
        if state is None or state.question is None or not (self.is_teacher or self.member()):
            return None
        question = state.question
        return question if question.state == REVEALED else replace(question, truth=None)

    def answer(self, question_id: str, number: int, answer: Any) -> None:
        """Answer the class's question, once per round. number: the round."""
        member = self._require_member()
        question = self.question()
        if question is None or question.id != question_id:
            raise ValueError("This question is no longer open. Your answer was not counted.")
        checked = check_answer(question, answer)
        self.classes.vote(self.visitor.classroom, question_id, number, member.owner, checked)

    def own_answers(self) -> dict[int, Any]:
        """Return the member's own answers to the class's question: round -> answer."""
        question, member = self.question(), self.member()
        return self.classes.own_votes(question.id, member.owner) if question and member else {}

    # For members and teachers

    def answer_counts(self) -> dict[int, int]:
        """Return how many members have answered in each round; {} if the visitor is asked nothing at the moment."""
        question = self.question()
        return self.classes.vote_counts(question.id) if question else {}

    def results(self) -> Results:
        """Return the answers to the class's question, without names. Raises PermissionDenied before the reveal."""
        question = self._require_question()
        if question.state != REVEALED:
            raise PermissionDenied("The answers are covered until your teacher reveals them.")
        votes = self.classes.votes(question.id)
        rounds = tuple(tuple(votes.get(number, {}).values()) for number in range(1, question.round + 1))
        return Results(question, rounds)

    # For teachers

    def open_class(self, code: str, name: str) -> str:
        """Open a class. Returns its code as it is written in addresses."""
        self._require_teacher()
        code = clean_class_code(code)
        if not code:
            raise ValueError("The class needs a code, such as 7B. Type one.")
        self.classes.create(code, _clean_name(name) or f"Class {code}")
        return code

    def list_classes(self) -> list[tuple[str, str, int]]:
        """Return code, name and number of members of all classes, newest first."""
        self._require_teacher()
        return self.classes.classes()

    def rename_class(self, name: str) -> None:
        """Change the name that students see."""
        self._require_teacher()
        if not (name := _clean_name(name)):
            raise ValueError("The name is empty. Type the name of the class.")
        self.classes.set_name(self._code(), name)

    def delete_class(self) -> None:
        """Delete the class with its members, questions and all their answers. Held runs continue."""
        self._require_teacher()
        self.uncover()
        self.classes.delete(self._code())

    def change_settings(self, **changes: Any) -> None:
        """Change some settings of the class. "Eyes up" has methods of its own, because it pauses runs."""
        self._require_teacher()
        if "eyes_up" in changes:
            raise ValueError("Use cover() and uncover(), which also pause and resume the runs.")
        self.classes.change_settings(self._code(), **changes)

    def lead(self, page: str, query: str) -> None:
        """Have the members who follow go to this page, with the settings in this query of an address."""
        self._require_teacher()
        settings = self._require_class().settings
        if len(query) > MAX_QUERY:
            raise ValueError("These settings are too long to be sent to the class. Shorten the text in them.")
        if not settings.follow or (page, query) != (settings.follow_page, settings.follow_query):
            number = settings.follow_number + 1
            self.change_settings(follow=True, follow_page=page, follow_query=query, follow_number=number)

    def stop_leading(self) -> None:
        """Let the members go where they like."""
        self.change_settings(follow=False, follow_page="", follow_query="")

    def end_lesson(self) -> None:
        """Open everything again: uncover, close the question, and reset all settings of the class but its links."""
        self._require_teacher()
        settings = self._require_class().settings
        self.uncover()
        self.classes.close_question(self._code())
        fresh = ClassSettings(follow_number=settings.follow_number, links=settings.links)
        changes = {name: value for name, value in vars(fresh).items() if name != "eyes_up"}
        self.classes.change_settings(self._code(), **changes)

    def cover(self) -> None:
        """Eyes up: cover the members' pages and pause their runs."""
        self._require_teacher()
        self.classes.cover(self._code())

    def uncover(self) -> None:
        """Uncover the members' pages and resume the runs that `cover` has paused."""
        self._require_teacher()
        self.classes.uncover(self._code())
        self.dispatcher.notify()

    def ask(self, question: Question) -> str:
        """Ask the class a question in place of the current one. Returns its id."""
        self._require_teacher()
        return self.classes.ask(self._code(), check_question(question))

    def reveal(self, truth: Any = None) -> None:
        """Show everyone the answers and the truth. truth: replaces the one that the question was asked with."""
        self._require_teacher()
        question = self._require_question()
        self.classes.reveal(self._code(), question.id, None if truth is None else check_answer(question, truth))

    def vote_again(self) -> None:
        """Cover the answers and let everyone vote a second time, after a discussion."""
        self._require_teacher()
        self.classes.vote_again(self._code(), self._require_question().id)

    def close_question(self) -> None:
        """Remove the question from the members' pages. It is kept with its answers."""
        self._require_teacher()
        self.classes.close_question(self._code())

    def rename_member(self, owner: str, nickname: str) -> None:
        """Give a member another nickname; "" for a neutral name. The member cannot change it any more."""
        self._require_teacher()
        self.classes.rename(self._code(), owner, clean_nickname(nickname))

    def remove_member(self, owner: str) -> None:
        """Remove a member with all votes and answers. The nickname is free again."""
        self._require_teacher()
        self.classes.remove(self._code(), owner)

    def help_given(self, owner: str) -> None:
        """Take back a member's call for help."""
        self._require_teacher()
        self.classes.set_help(self._code(), owner, False)

    def tiles(self) -> list[Tile]:
        """Return what the teacher sees of each member."""
        self._require_teacher()
        return self.classes.tiles(self._code())

    def curve(self, run_id: str) -> Sequence[tuple[int, float]]:
        """Return the past of a run as pairs of epoch and loss, thinned out."""
        self._require_teacher()
        return self.classes.curve(run_id)

    def _code(self) -> str:
        return self.visitor.classroom

    def _require_teacher(self) -> None:
        if not self.is_teacher:
            raise PermissionDenied("Only a teacher can do that.")

    def _require_class(self) -> ClassState:
        state = self.state()
        if state is None:
            raise ValueError("This class is not open any more. Open it again on the Class page.")
        return state

    def _require_member(self) -> Member:
        member = self.member()
        if member is None:
            raise PermissionDenied("Only members of this class can do that. Join it first.")
        return member

    def _require_question(self) -> Question:
        if not self.is_teacher:
            self._require_member()
        question = self.question()
        if question is None:
            raise ValueError("No question is asked at the moment.")
        return question


def _clean_name(name: str) -> str:
    return " ".join(clean_text(name, MAX_CLASS_NAME, "The name of a class").split())
