"""The database of runs: their events, checkpoints and desired state.

It is the only channel between pages and workers. Any number of processes may read and write at the same time.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, case, delete, func, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, sessionmaker

from core.runs.database import connect, write_lock
from core.runs.housekeeping import expire, expire_answers, mark_deleted, purge_some, settle, settle_some, shrink_file
from core.runs.identity import Visitor
from core.runs.job_types import JOB_TYPES, job_type_of
from core.runs.limits import MAX_STARTS_PER_ADDRESS, MAX_WAITING_RUNS, Limits
from core.runs.models import (
    ACTIVE,
    ENDED,
    VISIBLE,
    CheckpointRow,
    ClassLimits,
    EventRow,
    LeaderboardEntry,
    Nickname,
    Run,
    Status,
    VisitorClass,
    config_hash,
    searchable_text,
    storable_text,
)
from core.runs.rates import RecentCounts
from core.runs.scheduling import QueuedRun, fair_order
from core.runs.serialization import from_json, to_json
from core.training import Checkpoint, check_range

MAX_WORKER_CRASHES = 3  # of one run, without progress; with more it fails: the next worker would probably die as well
SUSPICIOUS_CRASHES = 2  # from here on, a worker trains a run beside others only if it is the only such run
ANONYMOUS = Visitor(id="")
IMPORTED = "a file"  # parent of a run that started from uploaded weights
EXPIRY_INTERVAL = 3_600.0  # seconds between two searches for old runs


# Built once, because the queue is read several times per second. Each owner's last start is one look-up in an index.
_OTHER = aliased(Run)
_LAST_START = select(func.max(_OTHER.claimed_at)).where(_OTHER.owner == Run.owner).scalar_subquery()
WAITING_RUNS = select(Run.id, Run.owner, Run.queued_at, _LAST_START).where(Run.status == Status.WAITING)
ACTIVE_OWNERS = select(Run.owner).where(Run.claimed_by > "")  # counted in Python: GROUP BY would scan another index


class DesiredState(NamedTuple):
    """What the owner currently wants of a run.

    Attributes:
        changes: fields of the config that were changed, with their new values.
        pause_requested: whether the run should pause.
        stop_requested: whether the run should end.
        min_step_seconds: minimum duration of a step.
        view_count: counts up while somebody is viewing the run.
        advance: units ("step" or "epoch") that the run should still make although it is paused; each is reported once.
    """

    changes: dict[str, Any]
    pause_requested: bool
    stop_requested: bool
    min_step_seconds: float
    view_count: int = 0
    advance: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunUpdate:
    """What a worker has to save of one run.

    Attributes:
        run: the run as it was claimed.
        rows: its new events, see event_row.
        status: RUNNING or PAUSED; WAITING to give the run back; or how it ended.
        train_seconds: time spent in its training loop so far.
        checkpoint: its latest checkpoint as bytes, and the seq of the last event before it.
        metrics: its latest results.
        message: why it ended, for a student.
        has_progressed: whether the checkpoint is later than the one that this worker started from.
    """

    run: Run
    rows: list[dict[str, Any]] = field(default_factory=list)
    status: Status = Status.RUNNING
    train_seconds: float = 0.0
    checkpoint: tuple[bytes, int] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    message: str = ""
    has_progressed: bool = False


class SyncResult(NamedTuple):
    """The answer to a worker's sync.

    Attributes:
        desired: desired state of each run, by id. A run is missing if it had ended, or another worker has claimed it.
        first_waiting: id of the run that has been in the queue longest; None if the queue is empty.
    """

    desired: dict[str, DesiredState]
    first_waiting: str | None


class Store:
    """Reads and writes runs. One per process is enough; threads may share it.

    Every method raises StoreUnavailable while the database cannot be used.
    """

    def __init__(self, url: str | None = None):
        """Open the database, see core.runs.database.connect."""
        self._database = connect(url)
        self.url = self._database.url.render_as_string(hide_password=False)
        self._session = sessionmaker(self._database, expire_on_commit=False)
        self._starts_by_address = RecentCounts()
        self._next_expiry = 0.0

    @property
    def sessions(self) -> sessionmaker[Session]:
        """Makes sessions on the database, for the modules that keep other tables in it."""
        return self._session

    def close(self) -> None:
        """Close all connections to the database."""
        self._database.dispose()

    # For pages

    def create(
        self,
        config: Any,
        parent: str | None = None,
        by: Visitor = ANONYMOUS,
        weights: Checkpoint | None = None,
        *,
        min_step_seconds: float = 0.0,
        unit: str = "",
    ) -> str:
        """Add a run to the queue and return its id, which cannot be guessed.

        Args:
            config: one of the configs in JOB_TYPES.
            parent: id of the run whose weights it should start from.
            by: the run's owner.
            weights: uploaded weights that it should start from.
            min_step_seconds: see `set_pace`.
            unit: train for one "step" or "epoch" and pause, see `advance`; "" to train on.

        Raises:
            ValueError: if the pace or the unit is not allowed, if the parent is of another kind or has no saved
                weights, if the weights do not fit the config, or if the limits of the class or the server do not
                allow `by` to start this run now.
        """
        run_id, kind, now = secrets.token_urlsafe(12), job_type_of(config), time.time()
        run = Run(run_id, kind, to_json(config), created_at=now, parent=IMPORTED if weights else parent, queued_at=now)
        run.min_step_seconds = checked_pace(min_step_seconds)
        if unit:  # set here and not afterwards, when a worker may have begun
            run.pause_requested = True
            setattr(run, column_of(unit).key, 1)
        run.owner, run.nickname, run.classroom = by.id, by.nickname, by.classroom
        run.config_hash, run.search_text = config_hash(run.config_json), searchable_text(run)
        if by.address and not by.teacher and self._starts_by_address.count(by.address) >= MAX_STARTS_PER_ADDRESS:
            raise ValueError(
                f"{MAX_STARTS_PER_ADDRESS:,} runs have been started from your network within a minute. Wait a little."
            )
        with self._session.begin() as session:
            if by.id and not by.teacher:
                write_lock(session)  # so that the limits also hold for a hundred runs started at once
                _check_limits(session, config, by)
            session.add(run)
            if parent is not None:
                session.flush()
                query = select(CheckpointRow.payload).join(Run).where(Run.id == parent, Run.kind == kind)
                payload = session.scalar(query)
                if payload is None:
                    raise ValueError("That run has no saved weights yet. Start a new run.")
                weights = Checkpoint.from_bytes(payload)
            if weights:
                JOB_TYPES[kind].check_weights(config, weights)
                session.flush()
                session.add(CheckpointRow(run_id, -1, weights.weights().to_bytes()))
        self._starts_by_address.add(by.address)
        return run_id

    def run(self, run_id: str) -> Run | None:
        """Return the run as it is now; None if there is no such run."""
        if not run_id.isprintable():  # some databases reject such text in a query
            return None
        with self._session() as session:
            run = session.get(Run, run_id)
        return run if run and run.status is not Status.DELETED else None

    def find_matching(self, configs: Sequence[Any], owner: str) -> list[Run | None]:
        """For each config, find the newest run that used it unchanged and started from its own initial weights.

        These are finished runs of any owner, and active runs of `owner` that were not paused by hand.
        """
        texts = [to_json(config) for config in configs]
        query = select(Run).where(Run.config_hash.in_(map(config_hash, texts)), Run.config_json.in_(texts))
        query = query.where(Run.parent.is_(None), Run.setting_changes_json == "{}")
        will_continue = Run.status.in_(ACTIVE) & (Run.owner == owner) & (~Run.pause_requested | Run.auto_paused)
        query = query.where((Run.status == Status.FINISHED) | will_continue).order_by(Run.created_at)
        with self._session() as session:
            runs = {run.config_json: run for run in session.scalars(query)}
        return [runs.get(text) for text in texts]

    def events(
        self, run_id: str, after: int = -1, limit: int | None = None, only: Sequence[str] | None = None
    ) -> list[tuple[int, Any]]:
        """Return a run's events in order, as pairs of seq and event. seq counts from 0 without gaps.

        Args:
            run_id: the run's id.
            after: return only events with a larger seq.
            limit: maximum number of events.
            only: names of the event classes to return; by default all.
        """
        query = select(Run.kind, EventRow.seq, EventRow.kind, EventRow.payload).join(Run)
        query = query.where(EventRow.run_id == run_id, EventRow.seq > after).order_by(EventRow.seq).limit(limit)
        query = query.where(EventRow.kind.in_(only)) if only else query
        with self._session() as session:
            rows = session.execute(query).all()
        return [(seq, from_json(JOB_TYPES[kind].event(name), payload)) for kind, seq, name, payload in rows]

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """Return the run's latest checkpoint; None if it has none yet."""
        return self.checkpoint_and_seq(run_id)[0]

    def checkpoint_and_seq(self, run_id: str) -> tuple[Checkpoint | None, int]:
        """Return the run's latest checkpoint and the seq of the last event before it; None and -1 if it has none."""
        with self._session() as session:
            row = session.get(CheckpointRow, run_id)
        return (Checkpoint.from_bytes(row.payload), row.seq) if row else (None, -1)

    def list_runs(
        self,
        limit: int | None = 20,
        kind: str | None = None,
        unfinished: bool = False,
        classroom: str | None = None,
        statuses: Sequence[str] = (),
        owner: str | None = None,
        search: str = "",
        offset: int = 0,
    ) -> list[Run]:
        """Return runs, newest first.

        Args:
            limit: maximum number of runs; None for all.
            kind: return only runs of this kind.
            unfinished: return only runs that have not ended.
            classroom: return only runs of this class.
            statuses: return only runs with one of these statuses; empty for all.
            owner: return only runs of this owner.
            search: return only runs with this text in their name, nickname, note, settings or id.
            offset: number of runs to skip.
        """
        statuses = ACTIVE if unfinished else statuses
        query = _matching(select(Run), kind, classroom, statuses, owner, search)
        query = query.order_by(Run.created_at.desc(), Run.id).limit(limit).offset(offset)
        with self._session() as session:
            return list(session.scalars(query))

    def count_runs(
        self,
        kind: str | None = None,
        classroom: str | None = None,
        statuses: Sequence[str] = (),
        owner: str | None = None,
        search: str = "",
    ) -> int:
        """Return how many runs match. Arguments: see list_runs."""
        query = _matching(select(func.count()).select_from(Run), kind, classroom, statuses, owner, search)
        with self._session() as session:
            return session.execute(query).scalar_one()

    def leaderboards(self, classroom: str | None = None, size: int = 50) -> dict[str, list[Run]]:
        """Return the best run of each player by validation accuracy, for each dataset; best first.

        Equal runs are ordered by their number of parameters, then by time.

        Args:
            classroom: consider only runs of this class.
            size: maximum number of players per dataset.
        """
        entry, groups = LeaderboardEntry, (LeaderboardEntry.dataset, LeaderboardEntry.player)
        in_class = [entry.classroom == classroom] if classroom is not None else []
        best = select(*groups, func.max(entry.accuracy).label("accuracy")).where(*in_class).group_by(*groups).subquery()
        same = (entry.dataset == best.c.dataset, entry.player == best.c.player, entry.accuracy == best.c.accuracy)
        chosen = select(entry.dataset, func.min(entry.run_id)).join_from(best, entry, and_(*same, *in_class))
        chosen = chosen.group_by(*groups).order_by(entry.dataset, func.max(entry.accuracy).desc())
        with self._session() as session:
            ids: dict[str, list[str]] = {}
            for dataset, run_id in session.execute(chosen):
                ids.setdefault(dataset, []).append(run_id)
            boards = {name: session.scalars(select(Run).where(Run.id.in_(some[:size]))) for name, some in ids.items()}
            return {name: sorted(runs, key=_rank) for name, runs in boards.items()}

    def queue(self) -> list[str]:
        """Return the ids of the waiting runs, next one first."""
        with self._session() as session:
            return [run.run_id for run, _ in _queue_order(session)]

    def mean_duration(self) -> float:
        """Return the mean training time, in seconds, of the last twenty runs that ended; 0.0 if there are none."""
        query = select(Run.train_seconds).where(Run.finished_at.is_not(None), Run.train_seconds > 0)
        with self._session() as session:
            seconds = session.scalars(query.order_by(Run.finished_at.desc()).limit(20)).all()
        return sum(seconds) / len(seconds) if seconds else 0.0

    def record_view(self, run_id: str) -> None:
        """Record that somebody is viewing the run."""
        self._update_active(run_id, view_count=Run.view_count + 1)

    def update_text(self, run_id: str, **texts: str) -> None:
        """Set the run's title or note."""
        with self._session.begin() as session:
            run = session.scalar(update(Run).where(Run.id == run_id).values(texts).returning(Run))
            if run:
                run.search_text = searchable_text(run)

    def delete(self, *run_ids: str) -> None:
        """Delete runs. They disappear at once; `tidy` removes their events and checkpoints."""
        mark_deleted(self._session, run_ids)

    def delete_ended(self, classroom: str | None = None) -> None:
        """Delete all runs that have ended, or those of one class."""
        query = _matching(select(Run.id), classroom=classroom, statuses=ENDED)
        with self._session() as session:
            ids = session.scalars(query).all()
        self.delete(*ids)

    def tidy(self) -> None:
        """Do a portion of the housekeeping, which blocks other writers for a fraction of a second.

        Settles ended runs, removes the data of deleted ones, and, once an hour, deletes old ones and old answers.
        """
        settle_some(self._session)
        purge_some(self._session)
        shrink_file(self._database)
        if time.monotonic() >= self._next_expiry:
            expire(self._session, self.limits)
            expire_answers(self._session, self.limits())
            self._next_expiry = time.monotonic() + EXPIRY_INTERVAL

    def nickname(self, owner: str) -> str:
        """Return the nickname of a browser's owner; "" if none was set."""
        with self._session() as session:
            row = session.get(Nickname, owner)
        return row.nickname if row else ""

    def set_nickname(self, owner: str, nickname: str) -> None:
        """Set the nickname of a browser's owner."""
        with self._session.begin() as session:
            write_lock(session)
            session.merge(Nickname(owner, nickname))

    def visitor_class(self, owner: str) -> str:
        """Return the class code that a browser's owner has used last; "" if there is none."""
        with self._session() as session:
            row = session.get(VisitorClass, owner)
        return row.classroom if row else ""

    def set_visitor_class(self, owner: str, classroom: str) -> None:
        """Keep the class code of a browser's owner for their next visit. classroom: "" to forget it."""
        with self._session.begin() as session:
            write_lock(session)
            session.merge(VisitorClass(owner, classroom))

    def limits(self, classroom: str = "") -> Limits:
        """Return the current limits of a class, or else those of visitors without a class code."""
        with self._session() as session:
            return _limits(session, classroom)

    def set_limits(self, limits: Limits, classroom: str = "") -> None:
        """Replace the limits of a class.

        classroom: the class code; "" for visitors without one and for classes without limits of their own.
        """
        with self._session.begin() as session:
            write_lock(session)
            session.merge(ClassLimits(classroom, to_json(limits)))

    def pause(self, run_id: str) -> None:
        """Ask a run to pause after its current step, until it is asked to resume."""
        self._update_active(run_id, pause_requested=True, auto_paused=False)

    def resume(self, run_id: str) -> None:
        """Let a paused run continue. If it has given up its worker, it joins the queue."""
        self._update_active(run_id, **resume_values())

    def steer(self, run_id: str, **changes: Any) -> None:
        """Change settings during training. Raises ValueError if a setting or its new value is not allowed."""
        with self._session.begin() as session:
            # An update that changes nothing locks the row, so that no other process changes it in between.
            lock = update(Run).where(*_is_active(run_id)).values(setting_changes_json=Run.setting_changes_json)
            run = session.scalar(lock.returning(Run))
            if run:
                changes = run.changes | changes
                JOB_TYPES[run.kind].with_changes(run.config, changes)
                run.setting_changes_json = json.dumps(changes, allow_nan=False)

    def set_pace(self, run_id: str, seconds: float) -> None:
        """Set the minimum duration of a step. Raises ValueError unless it is from 0 to 10 seconds."""
        self._update_active(run_id, min_step_seconds=checked_pace(seconds))

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch". Raises ValueError for any other unit."""
        column = column_of(unit)
        with self._session.begin() as session:
            values = {column.key: column + 1, "auto_paused": False, **_requeue_values()}
            session.execute(update(Run).where(*_is_active(run_id), Run.pause_requested).values(values))

    def stop(self, run_id: str, message: str = "") -> None:
        """End a run after its current step; one without a worker ends at once. message: why, if not by its owner."""
        self._update_active(run_id, stop_requested=True, **({"message": message} if message else {}))
        with self._session.begin() as session:
            idle = *_is_active(run_id), Run.claimed_by == ""
            session.execute(update(Run).where(*idle).values(status=Status.STOPPED, finished_at=time.time()))

    # For workers and the dispatcher

    def claim(
        self, worker: str, fits: Callable[[Run], bool] = lambda run: True, workers: int = 1, limit: int | None = None
    ) -> list[Run]:
        """Claim the runs that a worker should train now, next one in the queue first.

        Args:
            worker: name of the worker, which no other worker uses, ever.
            fits: returns whether the worker has enough memory for one more run. The first that does not fit ends the
                claim, so that a large run is not overtaken again and again.
            workers: number of workers that share the runs evenly; a worker claims no more than its share.
            limit: maximum number of runs.
        """
        claimed: list[Run] = []
        with self._session.begin() as session:
            write_lock(session)
            ready = [run.run_id for run, startable in _queue_order(session) if startable]
            loads = _loads(session)
            share = math.ceil((sum(loads.values()) + len(ready)) / workers) - loads.get(worker, 0)
            suspicious = Run.status.in_(ACTIVE), Run.worker_crashes >= SUSPICIOUS_CRASHES
            on_trial = session.scalar(select(Run.id).where(*suspicious, Run.claimed_by == worker).limit(1)) is not None
            for run_id in ready[:limit]:
                run = session.get_one(Run, run_id)
                is_suspicious = run.worker_crashes >= SUSPICIOUS_CRASHES
                if on_trial and is_suspicious:
                    continue
                if len(claimed) >= share or not fits(run):
                    break
                on_trial = on_trial or is_suspicious
                if started := self._claim_run(session, run_id, worker):
                    claimed.append(started)
        return claimed

    def surplus(self, worker: str, workers: int) -> int:
        """Return how many running runs a worker has more than its share of all that run or are about to."""
        with self._session() as session:
            loads, ready = _loads(session), sum(startable for _, startable in _queue_order(session))
        return max(0, loads.get(worker, 0) - math.ceil((sum(loads.values()) + ready) / workers))

    def _claim_run(self, session: Session, run_id: str, worker: str) -> Run | None:
        """Start the run's next attempt: claim it, and delete its events after the latest checkpoint."""
        now = time.time()
        values = {
            "status": Status.RUNNING,
            "claimed_by": worker,
            "attempt": Run.attempt + 1,
            "started_at": func.coalesce(Run.started_at, now),
            "claimed_at": now,
        }
        run = session.scalar(update(Run).where(*_is_active(run_id)).values(values).returning(Run))
        if run:
            saved = select(CheckpointRow.seq).where(CheckpointRow.run_id == run_id).scalar_subquery()
            unsaved = EventRow.seq > func.coalesce(saved, -1)
            session.execute(delete(EventRow).where(EventRow.run_id == run_id, unsaved))
        return run

    def auto_pause(self, run: Run) -> None:
        """Pause a run because nobody is viewing it, unless its owner has paused it."""
        unpaused = *_is_claimed_by(run), ~Run.pause_requested
        with self._session.begin() as session:
            session.execute(update(Run).where(*unpaused).values(pause_requested=True, auto_paused=True))

    def requeue(self, worker: str, run_id: str | None = None, died: bool = True) -> None:
        """Put the runs of a worker, or one of them, back into the queue.

        died: whether the worker died. A run fails once it has lost more than MAX_WORKER_CRASHES workers.
        """
        with self._session.begin() as session:
            _requeue(session, worker, run_id, crashes=int(died))

    def heartbeats(self) -> dict[tuple[str, str], int]:
        """Return the workers that have runs: (worker, run id) -> a number that changes while the worker is alive."""
        query = select(Run.claimed_by, Run.id, Run.heartbeat + Run.attempt)
        query = query.where(Run.status.in_(ACTIVE), Run.claimed_by > "")
        with self._session() as session:
            return {(worker, run_id): count for worker, run_id, count in session.execute(query)}

    def startable_count(self) -> int:
        """Return how many of the waiting runs a worker with enough memory could take now."""
        with self._session() as session:
            return sum(startable for _, startable in _queue_order(session))

    def sync(self, worker: str, updates: Sequence[RunUpdate], retrying: bool = False) -> SyncResult:
        """Save what a worker's runs have yielded and return their desired states, in one short transaction.

        Nothing is saved of a run that has ended, was deleted, or was claimed by another worker.

        Args:
            worker: the worker's name, as for `claim`.
            updates: what is new, at most one per run.
            retrying: the last sync failed, so some rows may already be stored.
        """
        owned = Run.id.in_([update.run.id for update in updates]), Run.claimed_by == worker, Run.status.in_(ACTIVE)
        heartbeat = (
            update(Run)
            .where(*owned)
            .values(heartbeat=Run.heartbeat + 1)
            .returning(
                Run.id,
                Run.attempt,
                Run.setting_changes_json,
                Run.pause_requested,
                Run.stop_requested,
                Run.min_step_seconds,
                Run.view_count,
                Run.steps_requested,
                Run.epochs_requested,
            )
        )
        with self._session.begin() as session:
            # This update comes first: it waits for other writers, so what it returns is up to date.
            rows = {row.id: row for row in session.execute(heartbeat)} if updates else {}
            kept = [new for new in updates if new.run.id in rows and new.run.attempt == rows[new.run.id].attempt]
            for new in kept if retrying else ():
                if new.rows:
                    again = EventRow.run_id == new.run.id, EventRow.seq >= new.rows[0]["seq"]
                    session.execute(delete(EventRow).where(*again))
            if events := [row for new in kept for row in new.rows]:
                session.execute(insert(EventRow), events)
            if checkpoints := [
                {"run_id": new.run.id, "seq": new.checkpoint[1], "payload": new.checkpoint[0]}
                for new in kept
                if new.checkpoint
            ]:
                ids = [checkpoint["run_id"] for checkpoint in checkpoints]
                session.execute(delete(CheckpointRow).where(CheckpointRow.run_id.in_(ids)))
                session.execute(insert(CheckpointRow), checkpoints)
            if kept:
                session.execute(update(Run), [_new_values(new, rows[new.run.id]) for new in kept])
            waiting = select(Run.id).where(Run.status == Status.WAITING).order_by(Run.queued_at, Run.id).limit(1)
            first_waiting = session.scalar(waiting)
        return SyncResult({new.run.id: _desired_state(rows[new.run.id]) for new in kept}, first_waiting)

    def finish(self, run: Run, status: Status, message: str = "") -> None:
        """End a run, unless it has ended already or was claimed by another worker."""
        with self._session.begin() as session:
            session.execute(update(Run).where(*_is_claimed_by(run)).values(_final_values(status, message)))
        settle(self._session, run.id)

    def _update_active(self, run_id: str, **values: Any) -> None:
        """Set columns of a run, unless it has ended."""
        with self._session.begin() as session:
            session.execute(update(Run).where(*_is_active(run_id)).values(values))


def event_row(run_id: str, seq: int, event: Any) -> dict[str, Any]:
    """Return an event as a row for Store.sync. Raises TypeError or ValueError if it cannot be stored, see to_json."""
    return {"run_id": run_id, "seq": seq, "kind": type(event).__name__, "payload": to_json(event)}


def _desired_state(row: Any) -> DesiredState:
    return DesiredState(
        json.loads(row.setting_changes_json),
        row.pause_requested,
        row.stop_requested,
        row.min_step_seconds,
        row.view_count,
        ("step",) * row.steps_requested + ("epoch",) * row.epochs_requested,
    )


def _new_values(new: RunUpdate, row: Any) -> dict[str, Any]:
    """Return the column values of a run after a sync. row: the run's desired state in the database."""
    values = {"id": new.run.id, "train_seconds": new.train_seconds}
    if new.metrics:
        values["metrics_json"] = json.dumps(new.metrics, allow_nan=False)
    if new.has_progressed:
        values["worker_crashes"] = 0
    if new.status in ENDED:
        return values | _final_values(new.status, new.message)
    steps_requested = row.steps_requested + row.epochs_requested
    if new.status is Status.WAITING and row.stop_requested:  # nobody else would end it
        return values | _final_values(Status.STOPPED, "")
    if new.status is Status.WAITING:  # steps that were requested remain, for the worker that takes the run next
        status = Status.PAUSED if row.pause_requested and not steps_requested else Status.WAITING
        return values | {"status": status, "claimed_by": ""}
    if steps_requested:
        values |= {"steps_requested": 0, "epochs_requested": 0}
    return values | {"status": new.status}


def _final_values(status: Status, message: str) -> dict[str, Any]:
    """Return the column values of a run that ends."""
    ended = {"status": status, "finished_at": time.time(), "claimed_by": ""}
    return {**ended, "message": storable_text(message)} if message else ended  # "Stopped by …" stays


def _is_active(run_id: str) -> tuple:
    """Return the conditions: this run, and it has not ended."""
    return Run.id == run_id, Run.status.in_(ACTIVE)


def _is_claimed_by(run: Run) -> tuple:
    """Return the conditions: this run is active, and no other worker has claimed it since `run` was read."""
    return *_is_active(run.id), Run.attempt == run.attempt, Run.claimed_by == run.claimed_by


def checked_pace(seconds: float) -> float:
    """Return the minimum duration of a step. Raises ValueError unless it is from 0 to 10 seconds."""
    check_range("The number of seconds per step", seconds, 0, 10)
    return float(seconds)


def column_of(unit: str) -> InstrumentedAttribute[int]:
    """Return the column that counts the requested "step"s or "epoch"s. Raises ValueError for any other unit."""
    if unit not in ("step", "epoch"):
        raise ValueError(f"A run can advance by one 'step' or one 'epoch', but not by one {unit!r}.")
    return Run.steps_requested if unit == "step" else Run.epochs_requested


def resume_values() -> dict[str, Any]:
    """Return the column values that let a paused run continue."""
    return {"pause_requested": False, "auto_paused": False, **_requeue_values()}


def _requeue_values() -> dict[str, Any]:
    """Return the column values that put a run into the queue if it is paused and has given up its worker."""
    idle = (Run.status == Status.PAUSED) & (Run.claimed_by == "")
    return {
        "status": case((idle, Status.WAITING), else_=Run.status),
        "queued_at": case((idle, time.time()), else_=Run.queued_at),
    }


def _queue_order(session: Session) -> list[tuple[QueuedRun, bool]]:
    """Return the waiting runs in order, and whether each may start now; see fair_order."""
    rows = session.execute(WAITING_RUNS).all()
    return fair_order(
        [QueuedRun(*row[:3]) for row in rows],
        Counter(session.scalars(ACTIVE_OWNERS)) if rows else {},
        {owner: last for _, owner, _, last in rows if last is not None},
    )


def _loads(session: Session) -> dict[str, int]:
    """Return how many running runs each worker has. Runs that are paused or in slow motion need little of it."""
    busy = Run.status == Status.RUNNING, Run.claimed_by > "", Run.min_step_seconds == 0
    return dict(session.execute(select(Run.claimed_by, func.count()).where(*busy).group_by(Run.claimed_by)).all())


def _requeue(session: Session, worker: str, run_id: str | None, crashes: int) -> None:
    """Take the runs of a worker from it. Each waits, pauses, ends if that was requested, or fails.

    It fails if it has lost too many workers.
    """
    pausing = Run.pause_requested & (Run.steps_requested + Run.epochs_requested == 0)
    values = {
        "status": case((Run.stop_requested, Status.STOPPED), (pausing, Status.PAUSED), else_=Status.WAITING),
        "finished_at": case((Run.stop_requested, time.time()), else_=Run.finished_at),
        "claimed_by": "",
        "worker_crashes": Run.worker_crashes + case((Run.status == Status.RUNNING, crashes), else_=0),
    }
    lost = Run.claimed_by == worker, Run.status.in_(ACTIVE), *([Run.id == run_id] if run_id else [])
    session.execute(update(Run).where(*lost).values(values))
    message = (
        f"Training ended early: its worker died {MAX_WORKER_CRASHES + 1} times, perhaps because this machine has too "
        "little memory for it. Try a smaller network."
    )
    too_many = Run.status.in_(ACTIVE), Run.worker_crashes > MAX_WORKER_CRASHES
    session.execute(update(Run).where(*too_many).values(_final_values(Status.FAILED, message)))


def _matching(
    query: Select,
    kind: str | None = None,
    classroom: str | None = None,
    statuses: Sequence[str] = (),
    owner: str | None = None,
    search: str = "",
) -> Select:
    """Restrict a query to the visible runs that match; see Store.list_runs."""
    # Appending "" keeps databases from using the index on status: they should read an index that is sorted by time.
    query = query.where((Run.status.concat("")).in_(statuses or VISIBLE))
    query = query.where(Run.kind == kind) if kind else query
    query = query.where(Run.classroom == classroom) if classroom is not None else query
    query = query.where(Run.owner == owner) if owner is not None else query
    if search := storable_text(search.strip().casefold()):
        query = query.where(Run.search_text.contains(search, autoescape=True))
    return query


def _rank(run: Run) -> tuple[float, float, float]:
    metrics = run.metrics
    return -metrics.get("accuracy", 0.0), metrics.get("parameters", 0), run.created_at


def _limits(session: Session, classroom: str) -> Limits:
    own_or_general = select(ClassLimits).where(ClassLimits.classroom.in_([classroom, ""]))
    row = session.scalars(own_or_general.order_by(ClassLimits.classroom.desc()).limit(1)).first()
    return from_json(Limits, row.limits_json) if row else Limits()


def _check_limits(session: Session, config: Any, by: Visitor) -> None:
    """Raise ValueError if the visitor may not start this run now."""
    limits, now = _limits(session, by.classroom), time.time()
    limits.check(config)

    def count(*conditions: Any) -> int:
        return session.execute(select(func.count()).select_from(Run).where(*conditions)).scalar_one()

    recent, waiting = Run.created_at.between(now - 60, now), Run.status == Status.WAITING
    if count(Run.owner == by.id, recent) >= limits.max_starts_per_minute:
        raise ValueError(f"You have started {limits.max_starts_per_minute} runs within a minute. Wait a little.")
    if count(Run.classroom == by.classroom, recent) >= limits.max_class_starts_per_minute:
        most = limits.max_class_starts_per_minute
        raise ValueError(f"Your class has started {most:,} runs within a minute. Wait a little.")
    if count(Run.owner == by.id, waiting) >= limits.max_queued_runs:
        raise ValueError(
            f"{limits.max_queued_runs} of your runs are already waiting. Stop some of them, or wait for them to end."
        )
    if count(waiting) >= MAX_WAITING_RUNS:
        raise ValueError(
            f"{MAX_WAITING_RUNS:,} runs are already waiting on this server. Wait until some of them have started."
        )
