"""The store: every run, what it yielded and what its student wants of it now, in one database.

It is the only channel between pages and workers. Any number of processes may read and write at the same time.
"""

from __future__ import annotations

import math
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
    Text,
    create_engine,
    delete,
    event,
    exists,
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

SCHEMA_VERSION = 1
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

    message: why it failed, for a student. lr, paused, stopping: what the student wants; status: what is.
    attempt: grows when a run must begin again because its worker died; its events then begin again, too.
    train_seconds: spent inside the training loop, pauses left out. server: the process whose cluster trains it.
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
    lr: Mapped[float | None] = mapped_column(default=None)
    paused: Mapped[bool] = mapped_column(default=False)
    stopping: Mapped[bool] = mapped_column(default=False)

    @property
    def config(self) -> Any:
        """The config it was submitted with. Raises ValueError where this program no longer understands it."""
        return from_json(KINDS[self.kind].config, self.config_json)


class EventRow(Base):
    __tablename__ = "events"

    run_id: Mapped[str] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payload: Mapped[str] = mapped_column(Text)


class Wishes(NamedTuple):
    """What the student wants of a run now."""

    lr: float | None
    paused: bool
    stopping: bool


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

    def create(self, config: Any, server: str = "") -> str:
        """Keep a new waiting run and return its id, which nobody can guess."""
        run_id = secrets.token_urlsafe(12)
        with self._session.begin() as session:
            session.add(Run(run_id, kind_of(config), to_json(config), created=time.time(), server=server))
        return run_id

    def run(self, run_id: str) -> Run | None:
        """The run as it is now; None where there is no such run."""
        with self._session() as session:
            return session.get(Run, run_id)

    def events(self, run_id: str, after: int = -1, limit: int | None = None) -> list[tuple[int, Any]]:
        """(seq, event) of a run in order, from the one after seq `after`. seq counts from 0 without gaps."""
        query = select(Run.kind, EventRow.seq, EventRow.kind, EventRow.payload).join(Run)
        query = query.where(EventRow.run_id == run_id, EventRow.seq > after).order_by(EventRow.seq).limit(limit)
        with self._session() as session:
            rows = session.execute(query).all()
        return [(seq, from_json(KINDS[kind].event(name), payload)) for kind, seq, name, payload in rows]

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

    def set_lr(self, run_id: str, lr: float) -> None:
        """Train on with this learning rate. Raises ValueError unless it is a positive number."""
        if not (math.isfinite(lr) and lr > 0):
            raise ValueError(f"The learning rate must be a positive number, but it is {lr!r}.")
        self._wish(run_id, lr=float(lr))

    def stop(self, run_id: str) -> None:
        """Ask a run to end soon. One that still waits ends at once."""
        self._wish(run_id, stopping=True)
        with self._session.begin() as session:
            still_waits = (Run.id == run_id) & (Run.status == Status.WAITING)
            session.execute(update(Run).where(still_waits).values(status=Status.STOPPED, finished=time.time()))

    def fail(self, run_id: str, message: str) -> None:
        """End a run that its worker can no longer end itself. Nothing happens to one that has ended."""
        with self._session.begin() as session:
            session.execute(update(Run).where(Run.id == run_id, Run.status.not_in(ENDED)).values(_end(message)))

    # For workers

    def begin(self, run_id: str) -> Run | None:
        """Claim a run, events of an earlier attempt cleared; None where it has ended or does not exist."""
        with self._session.begin() as session:
            claim = update(Run).where(Run.id == run_id, Run.status.not_in(ENDED)).returning(Run)
            run = session.scalar(
                claim.values(
                    status=Status.RUNNING, attempt=Run.attempt + 1, started=time.time(), message="", train_seconds=0.0
                )
            )
            if run:
                session.execute(delete(EventRow).where(EventRow.run_id == run_id))
        return run

    def exchange(self, run: Run, rows: Sequence[dict], status: Status, train_seconds: float) -> Wishes:
        """In one short transaction: keep what the run has yielded, and hear what its student wants.

        rows: what `row` made. A run that has ended or was claimed by another worker keeps nothing and is to stop.
        """
        report = update(Run).where(*_still_mine(run)).values(status=status, train_seconds=train_seconds)
        with self._session.begin() as session:
            # The update comes first: it waits for other writers, where a read before it would be out of date.
            wishes = session.execute(report.returning(Run.lr, Run.paused, Run.stopping)).one_or_none()
            if wishes is None:
                return Wishes(None, paused=False, stopping=True)
            if rows:
                session.execute(insert(EventRow), rows)
        return Wishes(*wishes)

    def end(self, run: Run, status: Status, message: str = "") -> None:
        with self._session.begin() as session:
            session.execute(update(Run).where(*_still_mine(run)).values(_end(message, status)))

    def _wish(self, run_id: str, **wishes: Any) -> None:
        with self._session.begin() as session:
            session.execute(update(Run).where(Run.id == run_id, Run.status.not_in(ENDED)).values(wishes))

    def _create_tables(self) -> None:
        with self._database.begin() as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            first = select(literal(SCHEMA_VERSION)).where(~exists(select(Schema.version)))
            connection.execute(insert(Schema).from_select([Schema.version], first))
            version = connection.scalar(select(Schema.version))
        if version > SCHEMA_VERSION:
            raise RuntimeError(
                f"The run store {self._database.url!r} was written by a newer version of this program (schema "
                f"{version}; this one knows {SCHEMA_VERSION}): update the program, or name another in DATABASE_URL."
            )


def row(run: Run, seq: int, event: Any) -> dict[str, Any]:
    """An event as `Store.exchange` keeps it. Raises TypeError or ValueError for what cannot be kept (see codec)."""
    return {"run_id": run.id, "seq": seq, "kind": type(event).__name__, "payload": to_json(event)}


def _end(message: str, status: Status = Status.FAILED) -> dict[str, Any]:
    storable = message.encode("utf-8", "replace").decode().replace("\0", "")  # neither may stand in a text column
    return {"status": status, "message": storable, "finished": time.time()}


def _still_mine(run: Run) -> tuple:
    return Run.id == run.id, Run.attempt == run.attempt, Run.status.not_in(ENDED)


def _default_url() -> URL:
    return URL.create("sqlite", database=str(data_dir() / "runs.sqlite"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")  # readers and a writer at the same time
    connection.execute("PRAGMA synchronous = NORMAL")  # in WAL, safe against everything but a power cut's last moment
    connection.execute("PRAGMA foreign_keys = ON")
