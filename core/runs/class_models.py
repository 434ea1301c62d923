"""The tables of classes: their members, questions with their votes, and answers of exercises.

core.classroom uses them. They are defined here because they are part of the run database and its schema version.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.runs.models import Base


class ClassRow(Base):
    """A class that a teacher has opened.

    Attributes:
        code: the class code, see core.runs.identity.clean_class_code.
        name: shown to students.
        created_at: in seconds since 1970, UTC.
        version: counts up with every change of the class, its members' names and its question.
        settings_json: a core.classroom.ClassSettings.
        question_id: the question that is asked now or was asked last; "" if there is none.
        held_runs_json: ids of the runs that "eyes up" has paused.
    """

    __tablename__ = "classes"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[float]
    version: Mapped[int] = mapped_column(default=1)
    settings_json: Mapped[str] = mapped_column(Text, default="{}")
    question_id: Mapped[str] = mapped_column(default="")
    held_runs_json: Mapped[str] = mapped_column(Text, default="[]")


class MemberRow(Base):
    """A student in a class.

    Attributes:
        owner: hash of the token of the student's browser.
        nickname: unique in the class.
        name_key: the nickname as it is compared, see core.classroom.names.name_key.
        neutral_name: generated, unique in the class; stands for the nickname while names are hidden.
        joined_at: in seconds since 1970, UTC.
        last_seen: when the student's browser last showed a page.
        page: the page that the browser shows, as in its address.
        tab: the tab of that page; "" if it has none.
        run_id: the student's own run that the browser showed last; "" if there is none.
        help_wanted: whether the student asks for help.
        name_locked: whether the teacher has set the nickname, so that the student cannot change it.
    """

    __tablename__ = "members"

    class_code: Mapped[str] = mapped_column(ForeignKey(ClassRow.code, ondelete="CASCADE"), primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    nickname: Mapped[str]
    name_key: Mapped[str]
    neutral_name: Mapped[str]
    joined_at: Mapped[float]
    last_seen: Mapped[float]
    page: Mapped[str] = mapped_column(default="")
    tab: Mapped[str] = mapped_column(default="")
    run_id: Mapped[str] = mapped_column(default="")
    help_wanted: Mapped[bool] = mapped_column(default=False)
    name_locked: Mapped[bool] = mapped_column(default=False)


class QuestionRow(Base):
    """A question that was asked in a class.

    Attributes:
        id: random.
        kind: "choice", "number" or "curve".
        text: what is asked.
        options_json: the choices, or the titles and ranges of the axes, see core.classroom.questions.
        truth_json: the correct answer; "null" if it is not known.
        state: "open" or "revealed".
        round: 1, or 2 after a second vote was called.
        asked_at: in seconds since 1970, UTC.
    """

    __tablename__ = "questions"

    id: Mapped[str] = mapped_column(primary_key=True)
    class_code: Mapped[str] = mapped_column(ForeignKey(ClassRow.code, ondelete="CASCADE"))
    kind: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    options_json: Mapped[str] = mapped_column(Text)
    truth_json: Mapped[str] = mapped_column(Text)
    state: Mapped[str]
    round: Mapped[int]
    asked_at: Mapped[float]


class VoteRow(Base):
    """A member's answer to a question, one per round.

    Attributes:
        class_code, owner: the member.
        answer_json: number of the choice, a number, or the heights of a curve.
        at: in seconds since 1970, UTC.
    """

    __tablename__ = "votes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["class_code", "owner"], [MemberRow.class_code, MemberRow.owner], ondelete="CASCADE", name="votes_member"
        ),
    )

    question_id: Mapped[str] = mapped_column(ForeignKey(QuestionRow.id, ondelete="CASCADE"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    class_code: Mapped[str]
    answer_json: Mapped[str] = mapped_column(Text)
    at: Mapped[float]


class ExerciseAnswer(Base):
    """A student's answer to an exercise or a case of the Break-it lab.

    Attributes:
        owner: hash of the token of the student's browser.
        class_code: the student's class; "" for visitors without one.
        exercise: its name, unique among exercises and cases.
        tries: how many different answers were checked, in all fields together.
        solved: whether all fields have been correct at the same time.
        answer: the last answers as a JSON object: field -> text.
        at: when the last one was given, in seconds since 1970, UTC.
    """

    __tablename__ = "exercise_answers"

    owner: Mapped[str] = mapped_column(primary_key=True)
    class_code: Mapped[str] = mapped_column(primary_key=True)
    exercise: Mapped[str] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(default=0)
    solved: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[float] = mapped_column(default=0.0)


INDEXES = (
    Index("members_by_name", MemberRow.class_code, MemberRow.name_key, unique=True),
    Index("questions_by_class", QuestionRow.class_code, QuestionRow.asked_at),
    Index("votes_by_member", VoteRow.class_code, VoteRow.owner),
    Index("exercise_answers_by_class", ExerciseAnswer.class_code, ExerciseAnswer.owner),
)
