"""The store: every run, what it yielded and what its student wants of it now, in one database.

It is the only channel between pages and workers. Any number of processes may read and write at the same time.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    URL,
    Select,
    case,
    create_engine,
    delete,
    event,
    exists,
    func,
    insert,
    literal,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.schema import CreateIndex, CreateTable

from core.paths import data_dir
from core.runs.identity import Visitor
from core.runs.job_types import JOB_TYPES, job_type_of
from core.runs.limits import Limits
from core.runs.migrations import SCHEMA_VERSION, UPGRADES
from core.runs.models import ENDED, Base, CheckpointRow, EventRow, LimitsRow, Nickname, Run, SchemaVersion, Status
from core.runs.scheduling import QueuedRun, fair_order
from core.runs.serialization import from_json, to_json
from core.training import Checkpoint, check_range

BUSY_TIMEOUT = 30  # seconds that SQLite waits for another process's short transaction
MAX_WORKER_CRASHES = 3  # of workers that trained the same run: the next one would die, too
ANONYMOUS = Visitor(id="")
IMPORTED = "a file"  # the parent of a run whose first weights are no run's


class StoreUnavailable(RuntimeError):
    """The database cannot be reached, read or written now. Its text says so to a student; nothing is half-written."""


class DesiredState(NamedTuple):
    """What is wanted of a run now: see Run. advance: the units that it is to make although it is paused.

    needed: it rests, and another run waits for its worker.
    """

    changes: dict[str, Any]
    paused: bool
    stopping: bool
    pace: float
    parked: bool = False
    views: int = 0
    advance: tuple[str, ...] = ()
    needed: bool = False


class Store:
    """Reads and writes runs. One a process is enough: threads may share it."""

    def __init__(self, url: str | None = None):
        """url: an SQLAlchemy URL; else DATABASE_URL, else the SQLite file runs.sqlite in DATA_DIR.

        Raises StoreUnavailable for a store that a newer version of this program has written. Every method raises
        StoreUnavailable while the database does not do what it should.
        """
        location = _location(url or os.environ.get("DATABASE_URL"))
        self.url = location.render_as_string(hide_password=False)
        self._database = create_engine(location, pool_pre_ping=True)
        event.listen(self._database, "handle_error", _say_what_is_wrong)
        if self._database.dialect.name == "sqlite":
            if not location.database.startswith("file:"):
                Path(location.database).parent.mkdir(parents=True, exist_ok=True)
            event.listen(self._database, "connect", _prepare_sqlite)
        self._session = sessionmaker(self._database, expire_on_commit=False)
        self._create_tables()

    def close(self) -> None:
        self._database.dispose()

    # For pages

    def create(
        self,
        config: Any,
        parent: str | None = None,
        by: Visitor = ANONYMOUS,
        weights: Checkpoint | None = None,
    ) -> str:
        """Keep a new waiting run and return its id, which nobody can guess.

        parent: the run whose weights it begins with; weights: those that it begins with, where they are no run's.
        Raises ValueError where the parent has no weights, or is of another kind, and where the teacher's rules do not
        allow `by` to start this run now.
        """
        run_id, kind, now = secrets.token_urlsafe(12), job_type_of(config), time.time()
        run = Run(run_id, kind, to_json(config), created_at=now, parent=IMPORTED if weights else parent, queued_at=now)
        run.owner, run.nickname, run.classroom = by.id, by.nickname, by.classroom
        with self._session.begin() as session:
            if by.id and not by.teacher:
                _one_at_a_time(session)  # who starts a hundred at once is counted, too
                _check_limits(session, config, by.id)
            session.add(run)
            if parent is not None:
                session.flush()
                query = select(CheckpointRow.payload).join(Run).where(Run.id == parent, Run.kind == kind)
                payload = session.scalar(query)
                if payload is None:
                    raise ValueError("The run to continue with has not learned anything that was kept: start anew.")
                weights = Checkpoint.from_bytes(payload)
            if weights:
                session.flush()
                session.add(CheckpointRow(run_id, -1, weights.weights().to_bytes()))
        return run_id

    def run(self, run_id: str) -> Run | None:
        """The run as it is now; None where there is no such run."""
        if not run_id.isprintable():  # not every database may be asked for that
            return None
        with self._session() as session:
            return session.get(Run, run_id)

    def find_matching(self, configs: Sequence[Any], owner: str) -> list[Run | None]:
        """Of each config the newest run that it alone determines: one from its own first weights, with nothing changed.

        It has finished, whoever made it, or it is this owner's and goes on. None where there is none.
        """
        texts = [to_json(config) for config in configs]
        query = select(Run).where(Run.config_json.in_(texts), Run.parent.is_(None), Run.setting_changes_json == "{}")
        goes_on = Run.status.not_in(ENDED) & (Run.owner == owner) & (~Run.pause_requested | Run.auto_paused)
        with self._session() as session:
            found = session.scalars(query.where((Run.status == Status.FINISHED) | goes_on).order_by(Run.created_at))
            runs = {run.config_json: run for run in found}
        return [runs.get(text) for text in texts]

    def events(
        self, run_id: str, after: int = -1, limit: int | None = None, only: Sequence[str] | None = None
    ) -> list[tuple[int, Any]]:
        """(seq, event) of a run in order, from the one after seq `after`. seq counts from 0 without gaps.

        only: the names of the classes of events that are wanted; by default all.
        """
        query = select(Run.kind, EventRow.seq, EventRow.kind, EventRow.payload).join(Run)
        query = query.where(EventRow.run_id == run_id, EventRow.seq > after).order_by(EventRow.seq).limit(limit)
        query = query.where(EventRow.kind.in_(only)) if only else query
        with self._session() as session:
            rows = session.execute(query).all()
        return [(seq, from_json(JOB_TYPES[kind].event(name), payload)) for kind, seq, name, payload in rows]

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """The run's latest checkpoint; None where it has none yet."""
        return self.checkpoint_and_seq(run_id)[0]

    def checkpoint_and_seq(self, run_id: str) -> tuple[Checkpoint | None, int]:
        """The run's latest checkpoint and the seq of the last event before it; None and -1 where it has none yet."""
        with self._session() as session:
            kept = session.get(CheckpointRow, run_id)
        return (Checkpoint.from_bytes(kept.payload), kept.seq) if kept else (None, -1)

    def list_runs(
        self,
        limit: int | None = 20,
        kind: str | None = None,
        unfinished: bool = False,
        classroom: str | None = None,
    ) -> list[Run]:
        """The newest runs first; of one kind, those that have not ended, or those of a class, where asked."""
        query = select(Run).order_by(Run.created_at.desc()).limit(limit)
        query = query.where(Run.kind == kind) if kind else query
        query = query.where(Run.status.not_in(ENDED)) if unfinished else query
        query = query.where(Run.classroom == classroom) if classroom is not None else query
        with self._session() as session:
            return list(session.scalars(query))

    def queue(self) -> list[str]:
        """The ids of the waiting runs, next one first."""
        with self._session() as session:
            return [run.run_id for run, _ in _line(session)]

    def mean_duration(self) -> float:
        """How long a run usually has its worker: a mean over the last twenty that ended. 0.0: nothing is known."""
        query = select(Run.train_seconds).where(Run.status.in_(ENDED), Run.train_seconds > 0)
        with self._session() as session:
            seconds = session.scalars(query.order_by(Run.finished_at.desc()).limit(20)).all()
        return sum(seconds) / len(seconds) if seconds else 0.0

    def record_view(self, run_id: str) -> None:
        """Somebody looks at the run."""
        self._wish(run_id, view_count=Run.view_count + 1)

    def update_text(self, run_id: str, **texts: str) -> None:
        """Set the run's title or note."""
        with self._session.begin() as session:
            session.execute(update(Run).where(Run.id == run_id).values(texts))

    def delete(self, *run_ids: str) -> None:
        """Forget runs with all that belongs to them. Their workers, if any, notice and stop."""
        with self._session.begin() as session:
            for table in (EventRow, CheckpointRow):
                session.execute(delete(table).where(table.run_id.in_(run_ids)))
            session.execute(delete(Run).where(Run.id.in_(run_ids)))

    def nickname(self, owner: str) -> str:
        """How the owner of a browser wants to be called; "": nothing was said."""
        with self._session() as session:
            row = session.get(Nickname, owner)
        return row.nickname if row else ""

    def set_nickname(self, owner: str, nickname: str) -> None:
        with self._session.begin() as session:
            _one_at_a_time(session)
            session.merge(Nickname(owner, nickname))

    def limits(self) -> Limits:
        """What the teacher allows now."""
        with self._session() as session:
            return _rules(session)

    def set_limits(self, rules: Limits) -> None:
        with self._session.begin() as session:
            _one_at_a_time(session)
            session.merge(LimitsRow(1, to_json(rules)))

    def pause(self, run_id: str) -> None:
        self._wish(run_id, pause_requested=True)

    def resume(self, run_id: str) -> None:
        self._wish(run_id, pause_requested=False, auto_paused=False, **_in_line())

    def steer(self, run_id: str, **changes: Any) -> None:
        """Train on with these settings. Raises ValueError with a sentence where one cannot be changed, or not so."""
        with self._session.begin() as session:
            unchanged = update(Run).where(*_going(run_id)).values(setting_changes_json=Run.setting_changes_json)
            run = session.scalar(unchanged.returning(Run))  # an update first: from here on, nobody else changes it
            if run:
                changes = run.changes | changes
                JOB_TYPES[run.kind].with_changes(run.config, changes)
                run.setting_changes_json = json.dumps(changes, allow_nan=False)

    def set_pace(self, run_id: str, seconds: float) -> None:
        """Slow motion: let every step take at least so many seconds. Raises ValueError unless they are 0 to 10."""
        check_range("The seconds a step", seconds, 0, 10)
        self._wish(run_id, min_step_seconds=float(seconds))

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch". Raises ValueError for another unit."""
        if unit not in ("step", "epoch"):
            raise ValueError(f"A run can go on for one step or one epoch, not for one {unit!r}.")
        column = Run.steps_requested if unit == "step" else Run.epochs_requested
        with self._session.begin() as session:
            wishes = {column.key: column + 1, "auto_paused": False, **_in_line()}
            session.execute(update(Run).where(*_going(run_id), Run.pause_requested).values(wishes))

    def stop(self, run_id: str) -> None:
        """Ask a run to end soon. One that has no worker ends at once."""
        self._wish(run_id, stop_requested=True)
        with self._session.begin() as session:
            idle = *_going(run_id), Run.claimed_by == ""
            session.execute(update(Run).where(*idle).values(status=Status.STOPPED, finished_at=time.time()))

    def fail(self, run_id: str, message: str) -> None:
        """End a run that its worker can no longer end itself. Nothing happens to one that has ended."""
        with self._session.begin() as session:
            session.execute(update(Run).where(*_going(run_id)).values(_end(message)))

    # For workers and the engine

    def claim(self, task: str) -> Run | None:
        """The run that this task is to train now; None: there is none.

        That is the one that it was training when its worker died, or else the next one in line.
        """
        with self._session.begin() as session:
            _one_at_a_time(session)
            own = session.scalar(select(Run.id).where(Run.claimed_by == task))
            _put_back(session, Run.claimed_by == task, deaths=1)
            ready = [run.run_id for run, startable_count in _line(session) if startable_count or run.run_id == own]
            if not ready:
                return None
            return self._begin(session, own if own in ready else ready[0], task)

    def begin(self, run_id: str, task: str = "a task") -> Run | None:
        """Claim this run; None where it has ended or does not exist."""
        with self._session.begin() as session:
            return self._begin(session, run_id, task)

    def _begin(self, session: Session, run_id: str, task: str) -> Run | None:
        now = time.time()
        claimed = {
            "status": Status.RUNNING,
            "claimed_by": task,
            "attempt": Run.attempt + 1,
            "started_at": func.coalesce(Run.started_at, now),
            "claimed_at": now,
            "message": "",
        }
        kept = select(CheckpointRow.seq).where(CheckpointRow.run_id == run_id).scalar_subquery()
        lost = delete(EventRow).where(EventRow.run_id == run_id, EventRow.seq > func.coalesce(kept, -1))
        run = session.scalar(update(Run).where(*_going(run_id)).values(claimed).returning(Run))
        if run:
            session.execute(lost)
        return run

    def release(self, run: Run) -> None:
        """Give the worker of a resting run back; it waits for another one as soon as it is to go on."""
        going_on = Run.pause_requested.is_(False) | (Run.steps_requested > 0) | (Run.epochs_requested > 0)
        status = case((going_on, Status.WAITING), else_=Status.PAUSED)
        with self._session.begin() as session:
            released = {"claimed_by": "", "status": status, "queued_at": time.time()}
            session.execute(update(Run).where(*_still_mine(run)).values(released))

    def park(self, run: Run) -> None:
        """Pause a run because nobody watches it."""
        with self._session.begin() as session:
            session.execute(update(Run).where(*_still_mine(run)).values(pause_requested=True, auto_paused=True))

    def requeue(self, task: str, died: bool = True) -> None:
        """What this task was training waits for another worker; one that has cost too many of them fails."""
        with self._session.begin() as session:
            _put_back(session, Run.claimed_by == task, deaths=int(died))

    def claims(self) -> dict[str, int]:
        """The tasks that train something now, and a number each that grows while they live."""
        query = select(Run.claimed_by, Run.heartbeat + Run.attempt).where(
            Run.status.not_in(ENDED), Run.claimed_by != ""
        )
        with self._session() as session:
            return dict(session.execute(query).all())

    def startable_count(self) -> int:
        """How many of the waiting runs a free worker could take now."""
        with self._session() as session:
            return sum(startable_count for _, startable_count in _line(session))

    def exchange(
        self,
        run: Run,
        rows: Sequence[dict],
        status: Status,
        train_seconds: float,
        checkpoint: tuple[bytes, int] | None = None,
        summary: dict[str, float] | None = None,
        again: bool = False,
    ) -> DesiredState:
        """In one short transaction: keep what the run has yielded, and hear what is wanted of it.

        rows: what `row` made. checkpoint: its bytes, and the seq of the last event before it. again: an exchange before
        has failed, nobody knows when: perhaps some of the rows are kept already.
        A run that has ended or was claimed by another worker keeps nothing and is to stop.
        """
        news = {"status": status, "train_seconds": train_seconds, "heartbeat": Run.heartbeat + 1}
        if summary:
            news["metrics_json"] = json.dumps(summary, allow_nan=False)
        report = update(Run).where(*_still_mine(run)).values(news)
        wanted = (
            Run.setting_changes_json,
            Run.pause_requested,
            Run.stop_requested,
            Run.min_step_seconds,
            Run.auto_paused,
            Run.view_count,
        )
        with self._session.begin() as session:
            # The update comes first: it waits for other writers, where a read before it would be out of date.
            now = session.execute(report.returning(*wanted, Run.steps_requested, Run.epochs_requested)).one_or_none()
            if now is None:
                return DesiredState({}, paused=False, stopping=True, pace=0.0)
            if rows and again:
                behind = EventRow.seq >= rows[0]["seq"]
                session.execute(delete(EventRow).where(EventRow.run_id == run.id, behind))
            if rows:
                session.execute(insert(EventRow), rows)
            if checkpoint:
                payload, seq = checkpoint
                session.execute(delete(CheckpointRow).where(CheckpointRow.run_id == run.id))
                session.add(CheckpointRow(run.id, seq, payload))
            changes, *wishes, steps, epochs = now
            if steps or epochs:  # each is granted once
                session.execute(update(Run).where(Run.id == run.id).values(steps_requested=0, epochs_requested=0))
            waiting = select(exists().where(Run.status == Status.WAITING))
            needed = status is Status.PAUSED and bool(session.scalar(waiting))
        return DesiredState(json.loads(changes), *wishes, ("step",) * steps + ("epoch",) * epochs, needed)

    def end(self, run: Run, status: Status, message: str = "") -> None:
        with self._session.begin() as session:
            session.execute(update(Run).where(*_still_mine(run)).values(_end(message, status)))

    def _wish(self, run_id: str, **wishes: Any) -> None:
        with self._session.begin() as session:
            session.execute(update(Run).where(*_going(run_id)).values(wishes))

    def _create_tables(self) -> None:
        with self._database.begin() as connection:
            if self._database.dialect.name == "postgresql":  # there, tables made twice at a time are an error
                connection.execute(select(func.pg_advisory_xact_lock(7_305)))
            connection.execute(CreateTable(SchemaVersion.__table__, if_not_exists=True))
            first = select(literal(SCHEMA_VERSION)).where(~exists(select(SchemaVersion.version)))
            connection.execute(insert(SchemaVersion).from_select([SchemaVersion.version], first))
            version = _one_at_a_time(connection)  # of servers that start together, one upgrades and the others wait
            if version > SCHEMA_VERSION:
                raise StoreUnavailable(
                    f"The run store {self._database.url!r} was written by a newer version of this program (schema "
                    f"{version}; this one knows {SCHEMA_VERSION}): update the program, or name another in DATABASE_URL."
                )
            for table in Base.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            for newer in range(version + 1, SCHEMA_VERSION + 1):
                for statement in UPGRADES[newer]:
                    connection.exec_driver_sql(statement)
            for index in Run.__table__.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
            connection.execute(update(SchemaVersion).values(version=SCHEMA_VERSION))


def row(run: Run, seq: int, event: Any) -> dict[str, Any]:
    """An event as `Store.exchange` keeps it. Raises TypeError or ValueError for what cannot be kept (see codec)."""
    return {"run_id": run.id, "seq": seq, "kind": type(event).__name__, "payload": to_json(event)}


def _end(message: str, status: Status = Status.FAILED) -> dict[str, Any]:
    storable = message.encode("utf-8", "replace").decode().replace("\0", "")  # neither may stand in a text column
    return {"status": status, "message": storable, "finished_at": time.time(), "claimed_by": ""}


def _going(run_id: str) -> tuple:
    return Run.id == run_id, Run.status.not_in(ENDED)


def _still_mine(run: Run) -> tuple:
    return *_going(run.id), Run.attempt == run.attempt, Run.claimed_by == run.claimed_by


def _in_line() -> dict[str, Any]:
    """Column values: a run that rests without a worker lines up for one."""
    resting = (Run.status == Status.PAUSED) & (Run.claimed_by == "")
    return {
        "status": case((resting, Status.WAITING), else_=Run.status),
        "queued_at": case((resting, time.time()), else_=Run.queued_at),
    }


def _one_at_a_time(session: Any) -> int:
    """Wait for all others who have called this, until their transactions end. Returns the schema's version."""
    return session.scalar(update(SchemaVersion).values(version=SchemaVersion.version).returning(SchemaVersion.version))


def _line(session: Session) -> list[tuple[QueuedRun, bool]]:
    waiting = select(Run.id, Run.owner, Run.queued_at).where(Run.status == Status.WAITING)
    active = select(Run.owner, func.count()).where(Run.status.not_in(ENDED), Run.claimed_by != "").group_by(Run.owner)
    in_line = [QueuedRun(*row) for row in session.execute(waiting)]
    owners = {run.owner for run in in_line}
    served = select(Run.owner, func.max(Run.claimed_at)).where(Run.owner.in_(owners), Run.claimed_at.is_not(None))
    return fair_order(
        in_line, dict(session.execute(active).all()), dict(session.execute(served.group_by(Run.owner)).all())
    )


def _put_back(session: Session, condition: Any, deaths: int) -> None:
    mine = condition & Run.status.not_in(ENDED)
    again = case(
        (Run.pause_requested & (Run.steps_requested + Run.epochs_requested == 0), Status.PAUSED), else_=Status.WAITING
    )
    session.execute(
        update(Run).where(mine).values(status=again, claimed_by="", worker_crashes=Run.worker_crashes + deaths)
    )
    sentence = (
        f"Training ended early: its worker died {MAX_WORKER_CRASHES + 1} times, perhaps because this machine's memory is too "
        "small for it. Try a smaller network."
    )
    session.execute(
        update(Run).where(Run.status.not_in(ENDED), Run.worker_crashes > MAX_WORKER_CRASHES).values(_end(sentence))
    )


def _rules(session: Session) -> Limits:
    row = session.get(LimitsRow, 1)
    return from_json(Limits, row.limits_json) if row else Limits()


def _check_limits(session: Session, config: Any, owner: str) -> None:
    """Raise ValueError where this owner may not start this run now."""
    rules, own = _rules(session), Run.owner == owner
    rules.check(config)

    def count(*conditions: Any) -> int:
        query: Select = select(func.count()).select_from(Run).where(own, *conditions)
        return session.scalar(query)

    if count(Run.created_at > time.time() - 60, Run.created_at <= time.time()) >= rules.max_starts_per_minute:
        raise ValueError(f"You have started {rules.max_starts_per_minute} runs within a minute: wait a little.")
    if count(Run.status == Status.WAITING) >= rules.max_queued_runs:
        raise ValueError(f"{rules.max_queued_runs} runs of yours are waiting already: let some end, or stop them.")


def _location(url: str | None) -> URL:
    """The database's address, with the driver that is installed here. Raises ValueError for what is no address."""
    if not url:
        return URL.create("sqlite", database=str(data_dir() / "runs.sqlite"))
    location = make_url(url)
    if location.drivername in ("postgres", "postgresql"):
        location = location.set(drivername="postgresql+psycopg")
    return location


def _say_what_is_wrong(context: Any) -> None:
    """SQLAlchemy's hook for errors: what is no fault of this program's becomes a sentence."""
    if isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError) and not context.is_pre_ping:
        raise _unavailable(context.original_exception) from context.original_exception


def _unavailable(error: Exception) -> StoreUnavailable:
    what = str(error).lower()
    reason = "it does not answer"
    if "full" in what or "no space" in what:
        reason = "the disk is full"
    elif "readonly" in what or "read-only" in what:
        reason = "it may only be read here"
    return StoreUnavailable(
        f"The store of all runs cannot be used now: {reason}. What was kept before is safe; training goes on when that "
        "is mended."
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")  # readers and a writer at the same time
        connection.execute("PRAGMA synchronous = NORMAL")  # in WAL, safe against all but a power cut's last moment
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        raise _unavailable(error) from error
