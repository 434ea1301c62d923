"""The database's tables: runs, their events and checkpoints, leaderboard entries, nicknames, and limits."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Enum, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from core.runs.job_types import JOB_TYPES
from core.runs.serialization import from_json


class Status(StrEnum):
    """The states of a run. A deleted run is hidden at once, and its data is removed in portions (see housekeeping)."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended for good."""
        return self not in ACTIVE


# Queries name the few active states instead of excluding the ended ones, so that they can use an index.
ACTIVE = (Status.WAITING, Status.RUNNING, Status.PAUSED)
ENDED = (Status.FINISHED, Status.STOPPED, Status.FAILED)
VISIBLE = (*ACTIVE, *ENDED)


class Base(MappedAsDataclass, DeclarativeBase):
    """Makes every table a dataclass."""


class SchemaVersion(Base):
    """A single row with the schema version. Updating it also serves as a write lock."""

    __tablename__ = "schema"

    version: Mapped[int] = mapped_column(primary_key=True)


class Run(Base):
    """A run as it was when it was read. Times are in seconds since 1970, UTC.

    Attributes:
        id: random, so that it cannot be guessed.
        kind: key in JOB_TYPES.
        config_json: the config it was submitted with.
        created_at: when it was submitted.
        status: its current state; the state that its owner wants is in the fields marked "desired".
        message: why it ended early, for a student.
        started_at: when a worker first claimed it.
        finished_at: when it ended.
        attempt: how many times a worker has claimed it. Each attempt starts from the latest checkpoint, and events
            after that checkpoint are produced again.
        train_seconds: time spent inside the training loop, without pauses.
        parent: id of the run whose weights it started from, or IMPORTED.
        setting_changes_json: desired; fields of the config that were changed, with their new values.
        pause_requested: desired.
        stop_requested: desired.
        min_step_seconds: desired; minimum duration of a step (slow motion).
        steps_requested: desired; steps it should still make although it is paused.
        epochs_requested: desired; epochs it should still make although it is paused.
        auto_paused: whether it was paused because nobody was viewing it.
        owner: hash of the token of the browser that submitted it; "" if there is none.
        nickname: the owner's nickname at that time.
        classroom: the owner's class code at that time.
        title: the owner's name for it.
        note: the owner's note on it.
        metrics_json: latest results, see JobType.metrics.
        queued_at: when it joined the queue.
        claimed_at: when a worker last claimed it.
        claimed_by: the task that is training it; "" if none is.
        worker_crashes: how many of its workers have died.
        heartbeat: counts up while its worker is alive.
        view_count: counts up while somebody is viewing it.
        size: characters and bytes of its events and checkpoint; None until it has ended and was settled, see
            core.runs.housekeeping.
        config_hash: hash of config_json, to find runs with the same config.
        search_text: what the search on the Runs page looks at, see searchable_text.
    """

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    config_json: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float]
    status: Mapped[Status] = mapped_column(
        Enum(Status, native_enum=False, length=16, values_callable=list), default=Status.WAITING
    )
    message: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[float | None] = mapped_column(default=None)
    finished_at: Mapped[float | None] = mapped_column(default=None)
    attempt: Mapped[int] = mapped_column(default=0)
    train_seconds: Mapped[float] = mapped_column(default=0.0)
    parent: Mapped[str | None] = mapped_column(default=None)
    setting_changes_json: Mapped[str] = mapped_column(Text, default="{}")
    pause_requested: Mapped[bool] = mapped_column(default=False)
    stop_requested: Mapped[bool] = mapped_column(default=False)
    min_step_seconds: Mapped[float] = mapped_column(default=0.0)
    steps_requested: Mapped[int] = mapped_column(default=0)
    epochs_requested: Mapped[int] = mapped_column(default=0)
    auto_paused: Mapped[bool] = mapped_column(default=False)
    owner: Mapped[str] = mapped_column(default="")
    nickname: Mapped[str] = mapped_column(default="")
    classroom: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    metrics_json: Mapped[str] = mapped_column(Text, default="{}")
    queued_at: Mapped[float] = mapped_column(default=0.0)
    claimed_at: Mapped[float | None] = mapped_column(default=None)
    claimed_by: Mapped[str] = mapped_column(default="")
    worker_crashes: Mapped[int] = mapped_column(default=0)
    heartbeat: Mapped[int] = mapped_column(default=0)
    view_count: Mapped[int] = mapped_column(default=0)
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    config_hash: Mapped[str] = mapped_column(default="", server_default="")
    search_text: Mapped[str] = mapped_column(Text, default="", server_default="")

    @property
    def config(self) -> Any:
        """The config it was submitted with. Raises ValueError if this version of the program cannot read it."""
        return _read_config(self.kind, self.config_json)

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the config that were changed since, with their new values."""
        return json.loads(self.setting_changes_json)

    @property
    def metrics(self) -> dict[str, float]:
        """The latest results: epochs, loss, accuracy, test_accuracy and parameters, as far as they are known."""
        return json.loads(self.metrics_json)


@lru_cache(maxsize=100)  # a page asks for its run's config several times per redraw
def _read_config(kind: str, config_json: str) -> Any:
    return from_json(JOB_TYPES[kind].config, config_json)


def config_hash(config_json: str) -> str:
    """Return a hash that is equal for equal configs."""
    return hashlib.sha256(config_json.encode()).hexdigest()[:32]


def searchable_text(run: Any) -> str:
    """Return the run's id, title, nickname, note and settings in lower case, with non-ASCII letters as typed."""
    settings = json.dumps(json.loads(run.config_json), ensure_ascii=False)
    text = " ".join([run.title, run.nickname, run.note, run.id, settings]).casefold()
    return storable_text(text)


def storable_text(text: str) -> str:
    """Return the text without what text columns reject: zero bytes and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


class EventRow(Base):
    """An event that a run's training loop yielded.

    Attributes:
        seq: the event's number within its run, from 0 without gaps.
        kind: name of the event's class.
        payload: the event as JSON.
    """

    __tablename__ = "events"

    run_id: Mapped[str] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payload: Mapped[str] = mapped_column(Text)


class CheckpointRow(Base):
    """A run's latest checkpoint.

    Attributes:
        seq: seq of the last event before it; -1 if there was none.
        payload: the checkpoint as an .npz file.
    """

    __tablename__ = "checkpoints"

    run_id: Mapped[str] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Nickname(Base):
    """The nickname of a browser's owner."""

    __tablename__ = "nicknames"

    owner: Mapped[str] = mapped_column(primary_key=True)
    nickname: Mapped[str]


class VisitorClass(Base):
    """The class code that a browser's owner has used last."""

    __tablename__ = "visitor_classes"

    owner: Mapped[str] = mapped_column(primary_key=True)
    classroom: Mapped[str]


class ClassLimits(Base):
    """The limits that a teacher has set for one class.

    Attributes:
        classroom: the class code; "" for visitors without one and for classes without limits of their own.
    """

    __tablename__ = "class_limits"

    classroom: Mapped[str] = mapped_column(primary_key=True)
    limits_json: Mapped[str] = mapped_column(Text)


class LeaderboardEntry(Base):
    """A run that takes part in a leaderboard.

    Attributes:
        classroom: the run's class.
        dataset: the leaderboard: name of the dataset that the run was trained on.
        player: the run's nickname in lower case; the leaderboard shows the best run of each player.
        accuracy: validation accuracy after the last epoch.
    """

    __tablename__ = "leaderboard"

    run_id: Mapped[str] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    classroom: Mapped[str]
    dataset: Mapped[str]
    player: Mapped[str]
    accuracy: Mapped[float]


INDEXES = (
    Index("runs_by_status", Run.status, Run.owner),  # the queue
    Index("runs_by_task", Run.claimed_by),  # heartbeats
    Index("runs_by_owner", Run.owner, Run.created_at),  # starts per minute, "Only mine"
    Index("runs_by_claim", Run.owner, Run.claimed_at),  # an owner's last turn
    Index("runs_by_class", Run.classroom, Run.created_at, Run.status, Run.kind),  # the Runs page of a class
    Index("runs_by_time", Run.created_at, Run.status, Run.kind),  # the Runs page of all classes
    Index("runs_by_end", Run.finished_at),  # the last runs that ended
    Index("runs_by_config", Run.config_hash),
    Index("runs_by_size", Run.size),  # runs that have not been settled
    Index(
        "leaderboard_by_class",
        LeaderboardEntry.classroom,
        LeaderboardEntry.dataset,
        LeaderboardEntry.player,
        LeaderboardEntry.accuracy,
    ),
    Index("leaderboard_by_dataset", LeaderboardEntry.dataset, LeaderboardEntry.player, LeaderboardEntry.accuracy),
)
