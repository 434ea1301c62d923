"""The store: every run, what it yielded and what its student wants of it now, in one database.

It is the only channel between pages and workers. Any number of processes may read and write at the same time.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    URL,
    Enum,
    ForeignKey,
    LargeBinary,
    Text,
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
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, sessionmaker
from sqlalchemy.schema import CreateTable

from core.datasets import data_dir
from core.runs.codec import from_json, to_json
from core.runs.kinds import KINDS, kind_of
from core.runs.upgrades import SCHEMA_VERSION, UPGRADES
from core.training import Checkpoint, check_range

FROM_FILE = "a file"  # the parent of a run whose first weights are no run's
BUSY_TIMEOUT = 30  # seconds that SQLite waits for another process's short transaction


class Status(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = (Status.FINISHED, Status.STOPPED, Status.FAILED)


class Base(MappedAsDataclass, DeclarativeBase):
    pass


class Schema(Base):
    __tablename__ = "schema"

    version: Mapped[int] = mapped_column(primary_key=True)


class Run(Base):
    """A run as the store knew it when it was asked. Times are seconds since 1970, UTC.

    status: what is; what the student wants: changes_json, the fields of the config that were changed; paused; stopping;
    pace, the seconds that a step takes at least; steps_wanted and epochs_wanted, how many of these it is still to make
    although it is paused. message: why it failed, for a student.
    attempt: grows when another worker goes on with it, from its latest checkpoint; events behind that come again.
    train_seconds: spent inside the training loop, pauses left out. server: the process whose cluster trains it.
    parent: the run whose weights it began with, or FROM_FILE.
    """

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    config_json: Mapped[str] = mapped_column(Text)
    created: Mapped[float]
    server: Mapped[str] = mapped_column(default="")
    status: Mapped[Status] = mapped_column(
        Enum(Status, native_enum=False, length=16, values_callable=list), default=Status.WAITING
    )
    message: Mapped[str] = mapped_column(Text, default="")
    started: Mapped[float | None] = mapped_column(default=None)
    finished: Mapped[float | None] = mapped_column(default=None)
    attempt: Mapped[int] = mapped_column(default=0)
    train_seconds: Mapped[float] = mapped_column(default=0.0)
    parent: Mapped[str | None] = mapped_column(default=None)
    changes_json: Mapped[str] = mapped_column(Text, default="{}")
    paused: Mapped[bool] = mapped_column(default=False)
    stopping: Mapped[bool] = mapped_column(default=False)
    pace: Mapped[float] = mapped_column(default=0.0)
    steps_wanted: Mapped[int] = mapped_column(default=0)
    epochs_wanted: Mapped[int] = mapped_column(default=0)

    @property
    def config(self) -> Any:
        """The config it was submitted with. Raises ValueError where this program no longer understands it."""
        return from_json(KINDS[self.kind].config, self.config_json)

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the config that were changed since, and their values now."""
        return json.loads(self.changes_json)


class EventRow(Base):
    __tablename__ = "events"

    run_id: Mapped[str] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payload: Mapped[str] = mapped_column(Text)


class CheckpointRow(Base):
    """A run's latest checkpoint. seq: of the last event before it, -1 where there was none."""

    __tablename__ = "checkpoints"

    run_id: Mapped[str] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Wishes(NamedTuple):
    """What the student wants of a run now: see Run. advance: the units that it is to make although it is paused."""

    changes: dict[str, Any]
    paused: bool
    stopping: bool
    pace: float
    advance: tuple[str, ...] = ()


class Store:
    """Reads and writes runs. One a process is enough: threads may share it."""

    def __init__(self, url: str | None = None):
        """url: an SQLAlchemy URL; else DATABASE_URL, else the SQLite file runs.sqlite in DATA_DIR.

        Raises RuntimeError for a store that a newer version of this program has written.
        """
        location = make_url(url or os.environ.get("DATABASE_URL") or _default_url())
        self.url = location.render_as_string(hide_password=False)
        self._database = create_engine(location, pool_pre_ping=True)
        if self._database.dialect.name == "sqlite":
            Path(location.database).parent.mkdir(parents=True, exist_ok=True)
            event.listen(self._database, "connect", _prepare_sqlite)
        self._session = sessionmaker(self._database, expire_on_commit=False)
        self._create_tables()

    def close(self) -> None:
        self._database.dispose()

    # For pages

    def create(
        self, config: Any, server: str = "", parent: str | None = None, weights: Checkpoint | None = None
    ) -> str:
        """Keep a new waiting run and return its id, which nobody can guess.

        parent: the run whose weights it begins with. Raises ValueError where that has none, or is of another kind.
        weights: those that it begins with, where they are no run's.
        """
        run_id, kind = secrets.token_urlsafe(12), kind_of(config)
        origin = FROM_FILE if weights else parent
        run = Run(run_id, kind, to_json(config), created=time.time(), server=server, parent=origin)
        with self._session.begin() as session:
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
        with self._session() as session:
            return session.get(Run, run_id)

    def alike(self, configs: Sequence[Any]) -> list[Run | None]:
        """Of each config the newest run that determines it alone: from its own first weights, with nothing changed.

        None where there is none, or only ones that were paused, stopped or failed.
        """
        texts = [to_json(config) for config in configs]
        query = select(Run).where(Run.config_json.in_(texts), Run.parent.is_(None), Run.changes_json == "{}")
        query = query.where(Run.status.in_([Status.WAITING, Status.RUNNING, Status.FINISHED]), ~Run.paused)
        with self._session() as session:
            runs = {run.config_json: run for run in session.scalars(query.order_by(Run.created))}
        return [runs.get(text) for text in texts]

    def events(self, run_id: str, after: int = -1, limit: int | None = None) -> list[tuple[int, Any]]:
        """(seq, event) of a run in order, from the one after seq `after`. seq counts from 0 without gaps."""
        query = select(Run.kind, EventRow.seq, EventRow.kind, EventRow.payload).join(Run)
        query = query.where(EventRow.run_id == run_id, EventRow.seq > after).order_by(EventRow.seq).limit(limit)
        with self._session() as session:
            rows = session.execute(query).all()
        return [(seq, from_json(KINDS[kind].event(name), payload)) for kind, seq, name, payload in rows]

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """The run's latest checkpoint; None where it has none yet."""
        return self.checkpoint_and_seq(run_id)[0]

    def checkpoint_and_seq(self, run_id: str) -> tuple[Checkpoint | None, int]:
        """The run's latest checkpoint and the seq of the last event before it; None and -1 where it has none yet."""
        with self._session() as session:
            kept = session.get(CheckpointRow, run_id)
        return (Checkpoint.from_bytes(kept.payload), kept.seq) if kept else (None, -1)

    def recent(self, limit: int = 20, kind: str | None = None, unfinished: bool = False) -> list[Run]:
        """The newest runs first; of one kind, or those that have not ended, where asked."""
        query = select(Run).order_by(Run.created.desc()).limit(limit)
        query = query.where(Run.kind == kind) if kind else query
        query = query.where(Run.status.not_in(ENDED)) if unfinished else query
        with self._session() as session:
            return list(session.scalars(query))

    def pause(self, run_id: str) -> None:
        self._wish(run_id, paused=True)

    def resume(self, run_id: str) -> None:
        self._wish(run_id, paused=False)

    def steer(self, run_id: str, **changes: Any) -> None:
        """Train on with these settings. Raises ValueError with a sentence where one cannot be changed, or not so."""
        with self._session.begin() as session:
            unchanged = update(Run).where(*_going(run_id)).values(changes_json=Run.changes_json)
            run = session.scalar(unchanged.returning(Run))  # an update first: from here on, nobody else changes it
            if run:
                changes = run.changes | changes
                KINDS[run.kind].steered(run.config, changes)
                run.changes_json = json.dumps(changes, allow_nan=False)

    def set_pace(self, run_id: str, seconds: float) -> None:
        """Slow motion: let every step take at least so many seconds. Raises ValueError unless they are 0 to 10."""
        check_range("The seconds a step", seconds, 0, 10)
        self._wish(run_id, pace=float(seconds))

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch". Raises ValueError for another unit."""
        if unit not in ("step", "epoch"):
            raise ValueError(f"A run can go on for one step or one epoch, not for one {unit!r}.")
        column = Run.steps_wanted if unit == "step" else Run.epochs_wanted
        with self._session.begin() as session:
            session.execute(update(Run).where(*_going(run_id), Run.paused).values({column: column + 1}))

    def stop(self, run_id: str) -> None:
        """Ask a run to end soon. One that still waits ends at once."""
        self._wish(run_id, stopping=True)
        with self._session.begin() as session:
            still_waits = (Run.id == run_id) & (Run.status == Status.WAITING)
            session.execute(update(Run).where(still_waits).values(status=Status.STOPPED, finished=time.time()))

    def fail(self, run_id: str, message: str) -> None:
        """End a run that its worker can no longer end itself. Nothing happens to one that has ended."""
        with self._session.begin() as session:
            session.execute(update(Run).where(*_going(run_id)).values(_end(message)))

    # For workers

    def begin(self, run_id: str) -> Run | None:
        """Claim a run, events behind its latest checkpoint cleared; None where it has ended or does not exist."""
        first_start = func.coalesce(Run.started, time.time())
        claimed = {"status": Status.RUNNING, "attempt": Run.attempt + 1, "started": first_start, "message": ""}
        kept = select(CheckpointRow.seq).where(CheckpointRow.run_id == run_id).scalar_subquery()
        lost = delete(EventRow).where(EventRow.run_id == run_id, EventRow.seq > func.coalesce(kept, -1))
        with self._session.begin() as session:
            run = session.scalar(update(Run).where(*_going(run_id)).values(claimed).returning(Run))
            if run:
                session.execute(lost)
        return run

    def exchange(
        self,
        run: Run,
        rows: Sequence[dict],
        status: Status,
        train_seconds: float,
        checkpoint: tuple[bytes, int] | None = None,
    ) -> Wishes:
        """In one short transaction: keep what the run has yielded, and hear what its student wants.

        rows: what `row` made. checkpoint: its bytes, and the seq of the last event before it.
        A run that has ended or was claimed by another worker keeps nothing and is to stop.
        """
        report = update(Run).where(*_still_mine(run)).values(status=status, train_seconds=train_seconds)
        wanted = Run.changes_json, Run.paused, Run.stopping, Run.pace, Run.steps_wanted, Run.epochs_wanted
        with self._session.begin() as session:
            # The update comes first: it waits for other writers, where a read before it would be out of date.
            wishes = session.execute(report.returning(*wanted)).one_or_none()
            if wishes is None:
                return Wishes({}, paused=False, stopping=True, pace=0.0)
            if rows:
                session.execute(insert(EventRow), rows)
            if checkpoint:
                payload, seq = checkpoint
                session.execute(delete(CheckpointRow).where(CheckpointRow.run_id == run.id))
                session.add(CheckpointRow(run.id, seq, payload))
            changes, paused, stopping, pace, steps, epochs = wishes
            if steps or epochs:  # each is granted once
                session.execute(update(Run).where(Run.id == run.id).values(steps_wanted=0, epochs_wanted=0))
        return Wishes(json.loads(changes), paused, stopping, pace, ("step",) * steps + ("epoch",) * epochs)

    def end(self, run: Run, status: Status, message: str = "") -> None:
        with self._session.begin() as session:
            session.execute(update(Run).where(*_still_mine(run)).values(_end(message, status)))

    def _wish(self, run_id: str, **wishes: Any) -> None:
        with self._session.begin() as session:
            session.execute(update(Run).where(*_going(run_id)).values(wishes))

    def _create_tables(self) -> None:
        with self._database.begin() as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            first = select(literal(SCHEMA_VERSION)).where(~exists(select(Schema.version)))
            connection.execute(insert(Schema).from_select([Schema.version], first))
            # An update first: of several servers that start together, one upgrades and the others wait for it.
            version = connection.scalar(update(Schema).values(version=Schema.version).returning(Schema.version))
            if version > SCHEMA_VERSION:
                raise RuntimeError(
                    f"The run store {self._database.url!r} was written by a newer version of this program (schema "
                    f"{version}; this one knows {SCHEMA_VERSION}): update the program, or name another in DATABASE_URL."
                )
            for newer in range(version + 1, SCHEMA_VERSION + 1):
                for statement in UPGRADES[newer]:
                    connection.exec_driver_sql(statement)
            connection.execute(update(Schema).values(version=SCHEMA_VERSION))


def row(run: Run, seq: int, event: Any) -> dict[str, Any]:
    """An event as `Store.exchange` keeps it. Raises TypeError or ValueError for what cannot be kept (see codec)."""
    return {"run_id": run.id, "seq": seq, "kind": type(event).__name__, "payload": to_json(event)}


def _end(message: str, status: Status = Status.FAILED) -> dict[str, Any]:
    storable = message.encode("utf-8", "replace").decode().replace("\0", "")  # neither may stand in a text column
    return {"status": status, "message": storable, "finished": time.time()}


def _going(run_id: str) -> tuple:
    return Run.id == run_id, Run.status.not_in(ENDED)


def _still_mine(run: Run) -> tuple:
    return *_going(run.id), Run.attempt == run.attempt


def _default_url() -> URL:
    return URL.create("sqlite", database=str(data_dir() / "runs.sqlite"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")  # readers and a writer at the same time
    connection.execute("PRAGMA synchronous = NORMAL")  # in WAL, safe against everything but a power cut's last moment
    connection.execute("PRAGMA foreign_keys = ON")
