"""Classes in the run database: their settings, members, questions and votes. Checks no permissions, see ClassAccess."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.classroom.names import name_key, neutral_name
from core.classroom.presence import Sighting
from core.classroom.questions import OPEN, REVEALED, Axes, Question
from core.classroom.settings import ClassSettings
from core.classroom.tiles import MAX_POINTS, TILES, Tile, make_tile
from core.runs.class_models import ClassRow, ExerciseAnswer, MemberRow, QuestionRow, VoteRow
from core.runs.identity import PermissionDenied
from core.runs.models import ACTIVE, EventRow, LeaderboardEntry, Nickname, Run, VisitorClass, searchable_text
from core.runs.serialization import from_json, to_json
from core.runs.store import Store, resume_values

MAX_AGE = 0.5  # seconds for which a server uses a state before it asks the database for changes
MAX_MEMBERS = 300
MAX_KNOWN = 1_000  # codes
EPOCHS = ("MemorizeEpoch", "Epoch", "PlaneEpoch")  # the events that complete an epoch


def loss_of(event: dict[str, Any]) -> float:
    """Return the loss of an epoch's event: on validation data, if there are any."""
    losses = (event.get(name) for name in ("loss", "val_loss", "train_loss"))
    return next(loss for loss in losses if loss is not None)


@dataclass(frozen=True)
class Member:
    """A student in a class. Attributes: see MemberRow."""

    owner: str
    nickname: str
    neutral_name: str
    joined_at: float
    help_wanted: bool
    name_locked: bool


@dataclass(frozen=True)
class ClassState:
    """A class as it was when it was read.

    Attributes:
        code: the class code.
        name: shown to students.
        version: differs after every change of what is in this state.
        settings: what the teacher allows and shows.
        question: the question that is asked now, with its truth; None if there is none.
        members: by owner, in the order in which they joined.
    """

    code: str
    name: str
    version: int
    settings: ClassSettings
    question: Question | None
    members: Mapping[str, Member]


class UnknownClass(ValueError):
    """The class does not exist (any more)."""


class ClassStore:
    """The classes of one run database. Threads share it."""

    def __init__(self, store: Store):
        """Use the database of this store."""
        self._sessions = store.sessions
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, ClassState | None]] = {}

    # Classes

    def create(self, code: str, name: str) -> None:
        """Open a class. Raises ValueError if the code is used already."""
        row = ClassRow(code, name, time.time(), settings_json=to_json(ClassSettings()))
        try:
            with self._sessions.begin() as session:
                session.add(row)
        except IntegrityError:
            raise ValueError(f"There is a class {code} already. Choose another code.") from None
        self._forget(code)

    def classes(self) -> list[tuple[str, str, int]]:
        """Return code, name and number of members of all classes, newest first."""
        query = select(ClassRow.code, ClassRow.name, func.count(MemberRow.owner))
        query = query.outerjoin(MemberRow).group_by(ClassRow.code, ClassRow.name, ClassRow.created_at)
        with self._sessions() as session:
            return [
                (code, name, count) for code, name, count in session.execute(query.order_by(ClassRow.created_at.desc()))
            ]

    def state(self, code: str) -> ClassState | None:
        """Return the class as it is now, or was at most MAX_AGE ago; None if it is not open.

        The database is asked for the version only, once per MAX_AGE for all visitors of this server.
        """
        if not code:
            return None
        with self._lock:
            checked, known = self._known.get(code, (-MAX_AGE, None))
            if time.monotonic() - checked < MAX_AGE:
                return known
        asked = time.monotonic()
        state = self._read(code, known)
        with self._lock:
            if len(self._known) > MAX_KNOWN:  # visitors have tried many codes
                self._known.clear()
            self._known[code] = asked, state
        return state

    def _read(self, code: str, known: ClassState | None) -> ClassState | None:
        with self._sessions() as session:
            version = session.scalar(select(ClassRow.version).where(ClassRow.code == code))
            if known and version == known.version:
                return known
            row = session.get(ClassRow, code)
            if row is None:
                return None
            question = session.get(QuestionRow, row.question_id) if row.question_id else None
            members = session.scalars(
                select(MemberRow).where(MemberRow.class_code == code).order_by(MemberRow.joined_at, MemberRow.owner)
            ).all()
        return ClassState(
            row.code,
            row.name,
            row.version,
            from_json(ClassSettings, row.settings_json),
            _question(question) if question else None,
            {member.owner: _member(member) for member in members},
        )

    def _forget(self, code: str) -> None:
        """Read the class again next time: this server has changed it."""
        with self._lock:
            self._known[code] = -MAX_AGE, self._known.get(code, (0.0, None))[1]

    def set_name(self, code: str, name: str) -> None:
        """Rename the class."""
        with self._sessions.begin() as session:
            _lock_class(session, code).name = name
        self._forget(code)

    def change_settings(self, code: str, **changes: Any) -> None:
        """Change some settings of a class and leave the others as they are. Raises ValueError if one is invalid."""
        with self._sessions.begin() as session:
            row = _lock_class(session, code)
            row.settings_json = to_json(replace(from_json(ClassSettings, row.settings_json), **changes))
        self._forget(code)

    def delete(self, code: str) -> None:
        """Delete a class with its members, questions, votes and answers. Runs are kept."""
        with self._sessions.begin() as session:
            # Members before answers: an answer on its way locks its member, and is then deleted, too.
            for table in (VoteRow, QuestionRow, MemberRow, ExerciseAnswer):
                session.execute(delete(table).where(table.class_code == code))
            session.execute(delete(VisitorClass).where(VisitorClass.classroom == code))
            session.execute(delete(ClassRow).where(ClassRow.code == code))
        self._forget(code)

    # Members

    def join(self, code: str, owner: str, nickname: str) -> None:
        """Make a visitor a member, or rename one who is. Raises ValueError if the nickname is taken in the class."""
        now = time.time()
        with self._sessions.begin() as session:
            _lock_class(session, code)
            others = _others(session, code, owner)
            key = _free_key(nickname, others)
            member = session.get(MemberRow, (code, owner))
            if member is None:
                if len(others) >= MAX_MEMBERS:
                    raise ValueError(f"The class is full: it has {MAX_MEMBERS} members. Ask your teacher.")
                neutral = neutral_name(name for other in others for name in (other.nickname, other.neutral_name))
                session.add(MemberRow(code, owner, nickname, key, neutral, now, now))
            else:
                member.nickname, member.name_key = nickname, key
            _rename_runs(session, code, owner, nickname)
            session.merge(VisitorClass(owner, code))
        self._forget(code)

    def rename(self, code: str, owner: str, nickname: str) -> None:
        """Give a member a nickname that only a teacher can change again; "" for the neutral name."""
        with self._sessions.begin() as session:
            _lock_class(session, code)
            member = session.get(MemberRow, (code, owner))
            if member is None:
                raise ValueError("This student has left the class.")
            nickname = nickname or member.neutral_name
            member.name_key = _free_key(nickname, _others(session, code, owner))
            member.nickname, member.name_locked = nickname, True
            _rename_runs(session, code, owner, nickname)
        self._forget(code)

    def remove(self, code: str, owner: str) -> None:
        """Remove a member with all votes and answers in this class."""
        with self._sessions.begin() as session:
            _lock_class(session, code)
            for table in (MemberRow, VoteRow, ExerciseAnswer):  # members first, see `delete`
                session.execute(delete(table).where(table.class_code == code, table.owner == owner))
            session.execute(delete(VisitorClass).where(VisitorClass.owner == owner, VisitorClass.classroom == code))
        self._forget(code)

    def set_help(self, code: str, owner: str, wanted: bool) -> None:
        """Record whether a member asks for help."""
        with self._sessions.begin() as session:
            _lock_class(session, code)
            session.execute(update(MemberRow).where(*_is_member(code, owner)).values(help_wanted=wanted))
        self._forget(code)

    def record(self, sightings: Sequence[Sighting]) -> None:
        """Record where members were seen, in one transaction. It does not change the class's version."""
        if not sightings:
            return
        with self._sessions.begin() as session:
            for seen in sightings:
                values = {"last_seen": seen.at, "page": seen.page, "tab": seen.tab}
                if seen.run_id:
                    values["run_id"] = seen.run_id
                session.execute(update(MemberRow).where(*_is_member(seen.code, seen.owner)).values(values))

    def tiles(self, code: str) -> list[Tile]:
        """Return what the teacher sees of each member, in one query."""
        with self._sessions() as session:
            return [make_tile(row) for row in session.execute(TILES, {"code": code})]

    def curve(self, run_id: str) -> list[tuple[int, float]]:
        """Return a run's losses as pairs of epoch and loss: all of them, or every second, fourth, … of many."""
        with self._sessions() as session:
            run = session.get(Run, run_id)
            if run is None:
                return []
            stride = max(1, int(run.metrics.get("epochs", 0)) // MAX_POINTS)
            query = select(EventRow.payload).where(EventRow.run_id == run_id, EventRow.kind.in_(EPOCHS))
            if run.kind != "classify":  # one event per epoch
                query = query.where(EventRow.seq % stride == 0)
            payloads = session.scalars(query.order_by(EventRow.seq)).all()
        events = [json.loads(payload) for payload in payloads]
        first = 0 if run.kind == "plane" else 1  # the plane's events count completed epochs
        return [(event["epoch"] + first, loss_of(event)) for event in events]

    # Eyes up

    def cover(self, code: str) -> None:
        """Cover the pages of all members and pause their runs, except those that are paused already."""
        with self._sessions.begin() as session:
            row = _lock_class(session, code)
            settings = from_json(ClassSettings, row.settings_json)
            if settings.eyes_up:
                return
            owners = select(MemberRow.owner).where(MemberRow.class_code == code)
            active = Run.classroom == code, Run.owner.in_(owners), Run.status.in_(ACTIVE), ~Run.pause_requested
            held = session.scalars(update(Run).where(*active).values(pause_requested=True).returning(Run.id)).all()
            row.held_runs_json = json.dumps(list(held))
            row.settings_json = to_json(replace(settings, eyes_up=True))
        self._forget(code)

    def hold(self, code: str, owner: str) -> None:
        """Pause the runs of one member that were started while `cover` was on its way to the member's browser."""
        with self._sessions.begin() as session:
            row = _lock_class(session, code)
            if not from_json(ClassSettings, row.settings_json).eyes_up:
                return
            active = Run.classroom == code, Run.owner == owner, Run.status.in_(ACTIVE), ~Run.pause_requested
            held = session.scalars(update(Run).where(*active).values(pause_requested=True).returning(Run.id)).all()
            row.held_runs_json = json.dumps([*json.loads(row.held_runs_json), *held])

    def uncover(self, code: str) -> None:
        """Uncover the pages and resume the runs that `cover` has paused."""
        with self._sessions.begin() as session:
            row = _lock_class(session, code)
            held = Run.id.in_(json.loads(row.held_runs_json)), Run.status.in_(ACTIVE), Run.pause_requested
            session.execute(update(Run).where(*held).values(resume_values()))
            row.held_runs_json = "[]"
            row.settings_json = to_json(replace(from_json(ClassSettings, row.settings_json), eyes_up=False))
        self._forget(code)

    # Questions

    def ask(self, code: str, question: Question) -> str:
        """Ask a question in place of the current one. Returns its id. question: see check_question."""
        question_id = secrets.token_urlsafe(9)
        options = asdict(question.axes) if question.axes else list(question.options)
        with self._sessions.begin() as session:
            row = _lock_class(session, code)
            row.question_id = question_id
            session.add(
                QuestionRow(
                    question_id,
                    code,
                    question.kind,
                    question.text,
                    json.dumps(options, allow_nan=False),
                    json.dumps(question.truth, allow_nan=False),
                    OPEN,
                    1,
                    time.time(),
                )
            )
        self._forget(code)
        return question_id

    def reveal(self, code: str, question_id: str, truth: Any = None) -> None:
        """Show the answers and the truth of the current question. truth: replaces the one given before."""
        values = {"state": REVEALED} | ({} if truth is None else {"truth_json": json.dumps(truth, allow_nan=False)})
        self._change_question(code, question_id, **values)

    def vote_again(self, code: str, question_id: str) -> None:
        """Hide the answers again and open the second round. Raises ValueError if there was one already."""
        if not self._change_question(code, question_id, QuestionRow.round == 1, state=OPEN, round=2):
            raise ValueError("This question has had its second vote. Ask it again as a new question.")

    def _change_question(self, code: str, question_id: str, *conditions: ColumnElement[bool], **values: Any) -> bool:
        """Change a question of the class if it meets the conditions. Returns whether it does."""
        with self._sessions.begin() as session:
            _lock_class(session, code)
            question = QuestionRow.class_code == code, QuestionRow.id == question_id, *conditions
            changed = session.scalars(update(QuestionRow).where(*question).values(values).returning(QuestionRow.id))
            found = changed.first() is not None
        self._forget(code)
        return found

    def close_question(self, code: str) -> None:
        """Ask no question any more. The question and its votes are kept."""
        with self._sessions.begin() as session:
            _lock_class(session, code).question_id = ""
        self._forget(code)

    def question(self, code: str, question_id: str) -> Question | None:
        """Return a question of the class with its truth; None if there is no such question."""
        with self._sessions() as session:
            row = session.get(QuestionRow, question_id)
        return _question(row) if row and row.class_code == code else None

    def questions(self, code: str) -> list[Question]:
        """Return all questions of the class with their truths, oldest first."""
        query = select(QuestionRow).where(QuestionRow.class_code == code).order_by(QuestionRow.asked_at)
        with self._sessions() as session:
            return [_question(row) for row in session.scalars(query)]

    def vote(self, code: str, question_id: str, number: int, owner: str, answer: Any) -> None:
        """Store a member's answer in a round.

        Raises ValueError if the round is closed or the member has answered in it, PermissionDenied if the owner is not
        a member any more.
        """
        with self._sessions.begin() as session:
            # An update that changes nothing locks the row, so that the question is not revealed in between.
            is_open = QuestionRow.id == question_id, QuestionRow.state == OPEN, QuestionRow.round == number
            lock = update(QuestionRow).where(*is_open, QuestionRow.class_code == code).values(round=QuestionRow.round)
            if not session.execute(lock.returning(QuestionRow.id)).all():
                raise ValueError("This question is no longer open. Your answer was not counted.")
            if session.get(MemberRow, (code, owner), with_for_update=True) is None:
                raise PermissionDenied("You are no longer a member of this class. Join it again to answer.")
            if session.get(VoteRow, (question_id, number, owner)):
                raise ValueError("You have answered this question already. The first answer counts.")
            text = json.dumps(answer, allow_nan=False)
            session.execute(
                insert(VoteRow).values(
                    question_id=question_id,
                    round=number,
                    owner=owner,
                    class_code=code,
                    answer_json=text,
                    at=time.time(),
                )
            )

    def own_votes(self, question_id: str, owner: str) -> dict[int, Any]:
        """Return a member's answers to a question: round -> answer."""
        query = select(VoteRow.round, VoteRow.answer_json)
        query = query.where(VoteRow.question_id == question_id, VoteRow.owner == owner)
        with self._sessions() as session:
            return {number: json.loads(text) for number, text in session.execute(query)}

    def vote_counts(self, question_id: str) -> dict[int, int]:
        """Return how many members have answered in each round."""
        query = select(VoteRow.round, func.count()).where(VoteRow.question_id == question_id).group_by(VoteRow.round)
        with self._sessions() as session:
            return dict(session.execute(query).all())

    def votes(self, question_id: str) -> dict[int, dict[str, Any]]:
        """Return all answers: round -> owner -> answer."""
        query = select(VoteRow.round, VoteRow.owner, VoteRow.answer_json)
        query = query.where(VoteRow.question_id == question_id).order_by(VoteRow.round, VoteRow.at)
        result: dict[int, dict[str, Any]] = {}
        with self._sessions() as session:
            for number, owner, text in session.execute(query):
                result.setdefault(number, {})[owner] = json.loads(text)
        return result


def _lock_class(session: Session, code: str) -> ClassRow:
    """Count the class's version up, which also locks its row. Raises UnknownClass if there is none."""
    count_up = update(ClassRow).where(ClassRow.code == code).values(version=ClassRow.version + 1)
    row = session.scalar(count_up.returning(ClassRow))
    if row is None:
        raise UnknownClass(f"There is no open class {code}. Ask your teacher for the code.")
    return row


def _is_member(code: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    return MemberRow.class_code == code, MemberRow.owner == owner


def _others(session: Session, code: str, owner: str) -> Sequence[MemberRow]:
    """Return the other members of the class."""
    query = select(MemberRow).where(MemberRow.class_code == code, MemberRow.owner != owner)
    return session.scalars(query).all()


def _free_key(nickname: str, others: Sequence[MemberRow]) -> str:
    """Return the nickname's key. Raises ValueError if it is empty or another member has it."""
    key = name_key(nickname)
    if not key:
        raise ValueError("The nickname is empty. Type the name that your class knows you by.")
    if any(key in (other.name_key, name_key(other.neutral_name)) for other in others):
        raise ValueError(f"Somebody in the class is called {nickname!r} already. Choose another nickname.")
    return key


def _rename_runs(session: Session, code: str, owner: str, nickname: str) -> None:
    """Put the nickname on the owner's runs in this class and on the owner's future runs."""
    session.merge(Nickname(owner, nickname))
    for run in session.scalars(select(Run).where(Run.owner == owner, Run.classroom == code, Run.nickname != nickname)):
        if not run.nickname:
            run.size = None  # it is settled again, and enters the leaderboard
        run.nickname = nickname
        run.search_text = searchable_text(run)
    session.flush()
    theirs = select(Run.id).where(Run.owner == owner, Run.classroom == code)
    entries = update(LeaderboardEntry).where(LeaderboardEntry.run_id.in_(theirs))
    session.execute(entries.values(player=nickname.casefold()), execution_options={"synchronize_session": False})


def _question(row: QuestionRow) -> Question:
    options = json.loads(row.options_json)
    choices, axes = ((), Axes(**options)) if isinstance(options, dict) else (tuple(options), None)
    truth = json.loads(row.truth_json)
    return Question(row.kind, row.text, choices, axes, truth, row.id, row.state, row.round, row.asked_at)


def _member(row: MemberRow) -> Member:
    return Member(row.owner, row.nickname, row.neutral_name, row.joined_at, row.help_wanted, row.name_locked)
