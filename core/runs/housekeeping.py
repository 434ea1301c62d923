"""Housekeeping of the store: settle ended runs, remove deleted ones, and delete old ones and old answers.

All of it is done in portions that take a fraction of a second, so that no other writer waits long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from core.runs.class_models import ExerciseAnswer
from core.runs.limits import Limits
from core.runs.models import ENDED, CheckpointRow, EventRow, LeaderboardEntry, Run, Status
from core.training import Checkpoint

logger = logging.getLogger(__name__)

Sessions = sessionmaker[Session]
PORTION = 250  # runs per transaction; PostgreSQL allows 65,535 parameters per statement
PAUSE = 0.02  # seconds between two transactions, in which others can write
PURGE_BUDGET = 10_000  # events per transaction; 4 KB of a checkpoint count as one
SETTLE_SECONDS = 0.1  # per portion
MAX_FREE_PAGES = 4_096  # of an SQLite file, 4 KB each; more are given back to the disk
VACUUM_PAGES = 1_024  # per transaction
DAY = 86_400.0  # seconds


def portions(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield the ids in lists of at most PORTION."""
    remaining = list(ids)
    for start in range(0, len(remaining), PORTION):
        yield remaining[start : start + PORTION]


# Ended runs


def settle(sessions: Sessions, run_id: str) -> None:
    """Reduce the data of an ended run to what is needed to look at it and to continue from its weights.

    This drops the optimiser's state and the order of the images, records the run's size, and enters the run into its
    leaderboard. A run that has not ended or was settled before is left unchanged.
    """
    with sessions() as session:
        checkpoint = session.get(CheckpointRow, run_id)
        characters = select(func.coalesce(func.sum(func.length(EventRow.payload)), 0)).where(EventRow.run_id == run_id)
        size = int(session.execute(characters).scalar_one())
    kept = _weights_only(checkpoint.payload) if checkpoint else b""
    with sessions.begin() as session:
        unsettled = Run.id == run_id, Run.status.in_(ENDED), Run.size.is_(None)
        run = session.scalar(update(Run).where(*unsettled).values(size=size + len(kept)).returning(Run))
        if run is None:
            return
        if checkpoint and kept != checkpoint.payload:
            session.execute(update(CheckpointRow).where(CheckpointRow.run_id == run_id).values(payload=kept))
        if entry := _leaderboard_entry(run):
            session.merge(entry)


def settle_some(sessions: Sessions) -> int:
    """Settle a portion of the ended runs that were not settled when they ended. Returns their number."""
    query = select(Run.id).where(Run.size.is_(None), Run.status.in_(ENDED)).limit(PORTION)
    with sessions() as session:
        ids = session.scalars(query).all()
    deadline = time.monotonic() + SETTLE_SECONDS
    settled = 0
    for run_id in ids:
        settle(sessions, run_id)
        settled += 1
        if time.monotonic() > deadline:
            break
    return settled


def _weights_only(payload: bytes) -> bytes:
    """Return a checkpoint without optimiser state and order; unchanged if it cannot be read."""
    try:
        checkpoint = Checkpoint.from_bytes(payload)
    except ValueError:
        logger.warning("A checkpoint cannot be read and is kept as it is", exc_info=True)
        return payload
    weights = {name: array for name, array in checkpoint.arrays.items() if name.startswith("model.")}
    return payload if len(weights) == len(checkpoint.arrays) else replace(checkpoint, arrays=weights).to_bytes()


def _leaderboard_entry(run: Run) -> LeaderboardEntry | None:
    metrics = run.metrics
    if run.kind != "classify" or not run.nickname or not metrics.keys() >= {"accuracy", "test_accuracy"}:
        return None
    try:
        dataset = run.config.dataset
    except ValueError:  # a config of another version of this program
        return None
    return LeaderboardEntry(run.id, run.classroom, dataset, run.nickname.casefold(), metrics["accuracy"])


# Deleted runs


def mark_deleted(sessions: Sessions, ids: Iterable[str]) -> None:
    """Hide runs at once; `purge_some` removes their data later. A worker that is training one notices and stops."""
    for portion in portions(ids):
        values = {
            "status": Status.DELETED,
            "claimed_by": "",
            "finished_at": func.coalesce(Run.finished_at, time.time()),
        }
        with sessions.begin() as session:
            session.execute(update(Run).where(Run.id.in_(portion)).values(values))
            session.execute(delete(LeaderboardEntry).where(LeaderboardEntry.run_id.in_(portion)))
        if len(portion) == PORTION:
            time.sleep(PAUSE)


def purge_some(sessions: Sessions) -> int:
    """Remove a portion of the data of deleted runs. Returns the number of runs that were removed or shortened."""
    last_seq = select(func.max(EventRow.seq)).where(EventRow.run_id == Run.id).scalar_subquery()
    saved = select(func.length(CheckpointRow.payload)).where(CheckpointRow.run_id == Run.id).scalar_subquery()
    query = select(Run.id, func.coalesce(last_seq, -1), func.coalesce(saved, 0)).where(Run.status == Status.DELETED)
    query = query.limit(PORTION).with_for_update(of=Run, skip_locked=True)  # another server may purge the others
    with sessions.begin() as session:
        chosen: list[str] = []
        budget = PURGE_BUDGET
        for run_id, last, length in session.execute(query).all():
            budget -= last + 1 + length // 4096
            if budget < 0 and chosen:
                break
            if last >= PURGE_BUDGET:  # too many events for one transaction: remove the last ones
                unwanted = EventRow.run_id == run_id, EventRow.seq > last - PURGE_BUDGET
                session.execute(delete(EventRow).where(*unwanted))
                return 1
            chosen.append(run_id)
        if chosen:
            for table in (EventRow, CheckpointRow):
                session.execute(delete(table).where(table.run_id.in_(chosen)))
            session.execute(delete(Run).where(Run.id.in_(chosen)))
    return len(chosen)


def shrink_file(database: Engine) -> None:
    """Give a portion of the unused pages of an SQLite file back to the disk.

    It has an effect on files that this version has created (auto_vacuum); in older ones, free pages are reused.
    """
    if database.dialect.name != "sqlite":
        return
    with database.connect() as connection:
        if connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() > MAX_FREE_PAGES:
            # `execute` would free a single page, because it makes one step of a statement that returns no columns.
            connection.connection.cursor().executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")


# Old runs


def expire(sessions: Sessions, limits_of: Callable[[str], Limits]) -> int:
    """Delete runs that are older, or take more space, than their class's limits allow. Returns their number.

    These are ended runs, and, by age, paused ones without a worker. limits_of: returns the limits of a class.
    """
    with sessions() as session:
        totals = select(Run.classroom, func.sum(Run.size)).where(Run.status.in_((*ENDED, Status.PAUSED)))
        sizes = session.execute(totals.group_by(Run.classroom)).all()
    expired = 0
    for classroom, size in sizes:
        limits = limits_of(classroom)
        with sessions() as session:
            ids = [*_too_old(session, classroom, limits), *_too_large(session, classroom, limits, size or 0)]
        mark_deleted(sessions, ids)
        expired += len(ids)
    return expired


def _too_old(session: Session, classroom: str, limits: Limits) -> list[str]:
    if not limits.keep_days:
        return []
    oldest = time.time() - limits.keep_days * DAY
    query = select(Run.id).where(Run.classroom == classroom, Run.created_at < oldest)
    last_active = func.coalesce(Run.finished_at, Run.claimed_at, Run.created_at)
    query = query.where(Run.status.in_((*ENDED, Status.PAUSED)), Run.claimed_by == "", last_active < oldest)
    return list(session.scalars(query))


def _too_large(session: Session, classroom: str, limits: Limits, size: int) -> list[str]:
    excess = size - limits.keep_megabytes * 1_000_000
    if not limits.keep_megabytes or excess <= 0:
        return []
    ids = []
    query = select(Run.id, func.coalesce(Run.size, 0)).where(
        Run.classroom == classroom, Run.status.in_(ENDED), Run.size.is_not(None)
    )
    for run_id, run_size in session.execute(query.order_by(Run.created_at)):
        if excess <= 0:
            break
        ids.append(run_id)
        excess -= run_size
    return ids


# Old answers


def expire_answers(sessions: Sessions, limits: Limits) -> None:
    """Delete answers to exercises that belong to no class and are older than the limits allow.

    Those of a class are deleted with it. limits: of visitors without a class code.
    """
    if not limits.keep_days:
        return
    too_old = ExerciseAnswer.class_code == "", ExerciseAnswer.at < time.time() - limits.keep_days * DAY
    with sessions() as session:
        owners = session.scalars(select(ExerciseAnswer.owner).where(*too_old).distinct()).all()
    for portion in portions(owners):
        with sessions.begin() as session:
            session.execute(delete(ExerciseAnswer).where(*too_old, ExerciseAnswer.owner.in_(portion)))
        if len(portion) == PORTION:
            time.sleep(PAUSE)
