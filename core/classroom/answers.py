"""Answers of exercises and lab cases: kept in the run database, shown to their student and counted for the teacher."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from core.classroom.access import ClassAccess
from core.classroom.problems import MAX_ANSWER, PROBLEMS, fields_of, is_checkable, is_correct
from core.runs.class_models import ExerciseAnswer, MemberRow
from core.runs.database import write_lock
from core.runs.identity import PermissionDenied
from core.runs.models import storable_text
from core.runs.store import Store
from core.text import escape_csv_formula

TRIES_BEFORE_SOLUTION = 3  # wrong ones


@dataclass(frozen=True)
class Answer:
    """A student's answer to one problem.

    Attributes:
        texts: what was answered last, by the name of the field.
        tries: how many different answers were checked, in all fields together.
        solved: whether all fields have been correct at the same time.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    tries: int = 0
    solved: bool = False

    def wrong_tries(self, problem: str) -> int:
        """Return how many tries were wrong: all but those that are correct now."""
        return self.tries - sum(is_correct(problem, name, text) for name, text in self.texts.items())


class AnswerStore:
    """The answers in one run database. Checks no permissions, see ExerciseAccess."""

    def __init__(self, store: Store):
        self._sessions = store.sessions

    def of(self, owner: str, code: str) -> dict[str, Answer]:
        """Return an owner's answers in a class, by problem. code: "" for none."""
        query = select(ExerciseAnswer).where(ExerciseAnswer.owner == owner, ExerciseAnswer.class_code == code)
        with self._sessions() as session:
            return {row.exercise: _answer(row) for row in session.scalars(query)}

    def of_class(self, code: str) -> dict[str, dict[str, Answer]]:
        """Return all answers of a class: owner -> problem -> answer."""
        answers: dict[str, dict[str, Answer]] = {}
        with self._sessions() as session:
            for row in session.scalars(select(ExerciseAnswer).where(ExerciseAnswer.class_code == code)):
                answers.setdefault(row.owner, {})[row.exercise] = _answer(row)
        return answers

    def record(self, owner: str, code: str, problem: str, name: str, text: str) -> Answer:
        """Store an answer to one field of a problem and return the problem's answer as it is then.

        Raises PermissionDenied if the owner is not a member of the class any more.
        """
        with self._sessions.begin() as session:
            write_lock(session)  # of two tabs of one student, the second waits
            if code and session.get(MemberRow, (code, owner), with_for_update=True) is None:
                raise PermissionDenied("You are no longer a member of this class. Join it again to keep your answers.")
            row = session.get(ExerciseAnswer, (owner, code, problem))
            before = _answer(row) if row else Answer()
            if before.texts.get(name, "") == text:
                return before
            answer = _after(before, problem, name, text)
            if row is None:
                row = ExerciseAnswer(owner, code, problem)
                session.add(row)
            row.tries, row.solved = answer.tries, answer.solved
            row.answer = json.dumps(answer.texts, ensure_ascii=False)
            row.at = time.time()
        return answer


class ExerciseAccess:
    """What one visitor may do with exercises and lab cases.

    Answers of members belong to their class and are deleted with it; those of other visitors belong to no class.
    """

    def __init__(self, access: ClassAccess):
        self.access = access
        self.answers = AnswerStore(access.dispatcher.store)

    @property
    def _code(self) -> str:
        return self.access.visitor.classroom if self.access.member() else ""

    def own(self) -> dict[str, Answer]:
        """Return the visitor's own answers, by problem."""
        return self.answers.of(self.access.visitor.id, self._code)

    def submit(self, problem: str, name: str, text: str) -> Answer:
        """Store the visitor's answer to one field of a problem. Raises ValueError if there is no such field."""
        if name not in fields_of(problem):
            raise ValueError(f"There is no answer {name[:40]!r} in this problem.")
        text = storable_text(text.strip())
        if len(text) > MAX_ANSWER:
            raise ValueError(f"An answer may have at most {MAX_ANSWER} characters. Shorten it.")
        return self.answers.record(self.access.visitor.id, self._code, problem, name, text)

    def solution_rule(self) -> str:
        """Return when the visitor may see solutions, a key of core.classroom.settings.SOLUTIONS."""
        if self.access.is_teacher:
            return "open"
        state = self.access.state()
        return state.settings.solutions if state and self.access.member() else "tries"

    def is_solution_open(self, problem: str, answer: Answer) -> bool:
        """Return whether the visitor may see a problem's solution.

        With the rule "tries" it opens after TRIES_BEFORE_SOLUTION wrong tries, and when the problem is solved.
        """
        rule = self.solution_rule()
        if rule != "tries":
            return rule == "open"
        return answer.solved or answer.wrong_tries(problem) >= TRIES_BEFORE_SOLUTION

    def table(self) -> list[dict[str, str]]:
        """Return a row per member and a column per problem, for a teacher. Formulas of spreadsheets are escaped.

        Raises PermissionDenied unless the visitor is a teacher, ValueError if the class is not open.
        """
        if not self.access.is_teacher:
            raise PermissionDenied("Only a teacher can do that.")
        state = self.access.state()
        if state is None:
            raise ValueError("This class is not open. Open it on the Class page.")
        answers = self.answers.of_class(state.code)
        return [
            {"student": escape_csv_formula(member.nickname)}
            | {problem: result_text(answers.get(owner, {}).get(problem)) for problem in PROBLEMS}
            for owner, member in state.members.items()
        ]


def result_text(answer: Answer | None) -> str:
    """Return a result in words, such as "solved, 2 tries"; "" if there was no try."""
    if answer is None or not answer.tries:
        return ""
    tries = "1 try" if answer.tries == 1 else f"{answer.tries} tries"
    return f"{'solved' if answer.solved else 'not solved'}, {tries}"


def _answer(row: ExerciseAnswer) -> Answer:
    return Answer(json.loads(row.answer or "{}"), row.tries, row.solved)


def _after(before: Answer, problem: str, name: str, text: str) -> Answer:
    """Return the answer after one field was changed."""
    texts = {**before.texts, name: text}
    solved = before.solved or all(is_correct(problem, each, texts.get(each, "")) for each in fields_of(problem))
    return replace(before, texts=texts, tries=before.tries + is_checkable(problem, name, text), solved=solved)
