"""The connection to the database: SQLite or PostgreSQL, its schema, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
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
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, CreateTable

from core.paths import data_dir
from core.runs.class_models import INDEXES as CLASS_INDEXES
from core.runs.migrations import MIGRATIONS, SCHEMA_VERSION
from core.runs.models import INDEXES, Base, SchemaVersion

BUSY_TIMEOUT = 30  # seconds that SQLite waits for the transaction of another process
SCHEMA_LOCK = 7_305  # any number; all servers that share a PostgreSQL database use the same one


class StoreUnavailable(RuntimeError):
    """The database cannot be reached, read or written now. The message is for students; nothing is half-written."""


def connect(url: str | None = None) -> Engine:
    """Open the database, create or migrate its schema, and return SQLAlchemy's engine.

    url: an SQLAlchemy URL; by default DATABASE_URL, or else the SQLite file runs.sqlite in DATA_DIR.
    Raises StoreUnavailable if the database cannot be used, or if a newer version of this program has written it. The
    engine raises it, too, whenever the database is unavailable.
    """
    location = _database_url(url or os.environ.get("DATABASE_URL"))
    engine = create_engine(location, pool_pre_ping=location.get_backend_name() != "sqlite")  # a file never hangs up
    event.listen(engine, "handle_error", _translate_error)
    if engine.dialect.name == "sqlite":
        if location.database and not location.database.startswith("file:"):
            Path(location.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _configure_sqlite)
    with ExitStack() as on_failure:
        on_failure.callback(engine.dispose)  # leave no connection behind
        with engine.begin() as connection:
            _create_or_migrate(connection)
        on_failure.pop_all()
    return engine


def write_lock(connection: Connection | Session) -> int:
    """Serialise writers by locking the schema row until the transaction ends. Returns the schema version."""
    lock = update(SchemaVersion).values(version=SchemaVersion.version).returning(SchemaVersion.version)
    return connection.execute(lock).scalar_one()


def _create_or_migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # two servers that create the same table at once get an error there
        connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))
    connection.execute(CreateTable(Base.metadata.tables["schema"], if_not_exists=True))
    if_empty = select(literal(SCHEMA_VERSION)).where(~exists(select(SchemaVersion.version)))
    connection.execute(insert(SchemaVersion).from_select([SchemaVersion.version], if_empty))
    version = write_lock(connection)  # of several servers that start together, one migrates and the others wait
    if version > SCHEMA_VERSION:
        raise StoreUnavailable(
            f"The run database {connection.engine.url!r} was written by a newer version of this program (schema "
            f"{version}; this program supports {SCHEMA_VERSION}). Update the program, or set DATABASE_URL to another "
            "database."
        )
    for table in Base.metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    for newer in range(version + 1, SCHEMA_VERSION + 1):
        for step in MIGRATIONS[newer]:
            if isinstance(step, str):
                connection.exec_driver_sql(step)
            else:
                step(connection)
    for index in (*INDEXES, *CLASS_INDEXES):
        connection.execute(CreateIndex(index, if_not_exists=True))
    connection.execute(update(SchemaVersion).values(version=SCHEMA_VERSION))


def _database_url(url: str | None) -> URL:
    """Return the database's URL, naming the driver that is installed. Raises ValueError if it is not a URL."""
    if not url:
        return URL.create("sqlite", database=str(data_dir() / "runs.sqlite"))
    location = make_url(url)
    if location.drivername in ("postgres", "postgresql"):
        location = location.set(drivername="postgresql+psycopg")
    return location


def _translate_error(context: Any) -> None:
    """Raise StoreUnavailable for errors that are not this program's fault; SQLAlchemy's hook."""
    if isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError) and not context.is_pre_ping:
        raise _store_unavailable(context.original_exception) from context.original_exception


def _store_unavailable(error: Exception) -> StoreUnavailable:
    text = str(error).lower()
    reason = "it does not respond"
    if "full" in text or "no space" in text:
        reason = "the disk is full"
    elif "readonly" in text or "read-only" in text:
        reason = "it is read-only"
    return StoreUnavailable(
        f"The run database is unavailable: {reason}. Saved data is safe; training resumes once this is fixed."
    )


def _configure_sqlite(connection: Any, _record: Any) -> None:
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # for a new file; see housekeeping
        connection.execute("PRAGMA journal_mode = WAL")  # readers and one writer at the same time
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL, only a power failure can lose the last moments
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        raise _store_unavailable(error) from error
