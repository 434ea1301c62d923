"""The store's tables: runs, what they yielded, their latest checkpoints, who made them, and the teacher's rules."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from sqlalchemy import Enum, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from core.runs.job_types import JOB_TYPES
from core.runs.serialization import from_json


class Status(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        return self in ENDED


ENDED = (Status.FINISHED, Status.STOPPED, Status.FAILED)


class Base(MappedAsDataclass, DeclarativeBase):
    pass


class SchemaVersion(Base):
    """One row. Who updates it has, until the transaction ends, the only say in what must not be done twice."""

    __tablename__ = "schema"

    version: Mapped[int] = mapped_column(primary_key=True)


class Run(Base):
    """A run as the store knew it when it was asked. Times are seconds since 1970, UTC.

    status: what is; what the student wants: setting_changes_json, the fields of the config that were changed; paused; stopping;
    pace, the seconds that a step takes at least; steps_requested and epochs_requested, how many of these it is still to make
    although it is paused. parked: it was paused because nobody watched it. message: why it ended early, for a student.
    owner: what `people.hash_token` makes of the token of the browser that made it; "": none did.
    nickname, classroom: the owner's at that time; title and note: what the owner calls it, and wrote to it.
    parent: the run whose weights it began with, or the store's IMPORTED.
    metrics_json: its results so far, see `JobType.summary`.
    queued: since when it waits; served: when a worker last took it; claim: the task that trains it, "" if none does;
    attempt: how often that happened, always from the latest checkpoint, so that events behind that come again;
    deaths: how often its worker died. beats: grows while its worker lives; views: while somebody watches it.
    train_seconds: spent inside the training loop, pauses left out.
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

    @property
    def config(self) -> Any:
        """The config it was submitted with. Raises ValueError where this program no longer understands it."""
        return from_json(JOB_TYPES[self.kind].config, self.config_json)

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the config that were changed since, and their values now."""
        return json.loads(self.setting_changes_json)

    @property
    def metrics(self) -> dict[str, float]:
        """Its results so far."""
        return json.loads(self.metrics_json)


Index("runs_by_status", Run.status)
Index("runs_by_owner", Run.owner)


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


class Nickname(Base):
    """How a browser's owner wants to be called."""

    __tablename__ = "nicknames"

    owner: Mapped[str] = mapped_column(primary_key=True)
    nickname: Mapped[str]


class LimitsRow(Base):
    """What the teacher allows, in one row at most."""

    __tablename__ = "limits"

    id: Mapped[int] = mapped_column(primary_key=True)
    limits_json: Mapped[str] = mapped_column(Text)
