"""What a teacher sees of each student: where they are and how far."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, func, select

from core.runs.class_models import ExerciseAnswer, MemberRow
from core.runs.models import Run, Status

PRESENT_SECONDS = 15.0  # a member seen within this time is present
IDLE_SECONDS = 120.0  # without progress, after which a tile says so
MAX_POINTS = 60  # of a small curve
SEPARATOR = "\x1f"  # between the names of exercises in a query


_ANSWERS = (
    select(
        ExerciseAnswer.owner,
        func.aggregate_strings(case((ExerciseAnswer.solved, ExerciseAnswer.exercise)), SEPARATOR).label("solved"),
        func.aggregate_strings(case((~ExerciseAnswer.solved, ExerciseAnswer.exercise)), SEPARATOR).label("tried"),
        func.max(ExerciseAnswer.at).label("at"),
    )
    .where(ExerciseAnswer.class_code == bindparam("code"))
    .group_by(ExerciseAnswer.owner)
    .subquery()
)
TILES = (
    select(
        *(MemberRow.owner, MemberRow.nickname, MemberRow.neutral_name, MemberRow.joined_at, MemberRow.last_seen),
        *(MemberRow.page, MemberRow.tab, MemberRow.help_wanted, MemberRow.name_locked),
        *(Run.id.label("run_id"), Run.kind, Run.status, Run.config_json, Run.metrics_json),
        *(Run.created_at, Run.claimed_at, Run.finished_at),
        *(_ANSWERS.c.solved, _ANSWERS.c.tried, _ANSWERS.c.at.label("answered_at")),
    )
    .outerjoin(Run, (Run.id == MemberRow.run_id) & (Run.owner == MemberRow.owner) & (Run.status != Status.DELETED))
    .outerjoin(_ANSWERS, _ANSWERS.c.owner == MemberRow.owner)
    .where(MemberRow.class_code == bindparam("code"))
    .order_by(MemberRow.joined_at, MemberRow.owner)
)


@dataclass(frozen=True)
class Tile:
    """One student of a class, as the teacher sees them.

    Attributes:
        owner: the member.
        nickname, neutral_name: their names.
        name_locked: whether the teacher has set the nickname.
        present: whether their browser shows a page now.
        last_seen: when it last did.
        page, tab: what it shows.
        help_wanted: whether they ask for help.
        run_id: their own run that they looked at last; "" if there is none.
        kind: the run's job type.
        status: the run's status; None if there is no run.
        epochs, total_epochs: of the run.
        loss: validation loss; the training loss of a sentence. None before the first epoch.
        accuracy: validation accuracy; the fraction of correct characters of a sentence. None before the first epoch.
        solved, tried: exercises with a correct answer, and those without one yet.
        progress_at: when they last made progress: trained, ended a run, or answered an exercise.
    """

    owner: str
    nickname: str
    neutral_name: str
    name_locked: bool
    present: bool
    last_seen: float
    page: str
    tab: str
    help_wanted: bool
    run_id: str
    kind: str
    status: Status | None
    epochs: int
    total_epochs: int
    loss: float | None
    accuracy: float | None
    solved: tuple[str, ...]
    tried: tuple[str, ...]
    progress_at: float

    @property
    def is_idle(self) -> bool:
        """Whether there was no progress for IDLE_SECONDS."""
        return time.time() - self.progress_at > IDLE_SECONDS


def make_tile(row: Any) -> Tile:
    """Return the tile for a row of TILES."""
    now = time.time()
    metrics = json.loads(row.metrics_json) if row.run_id else {}
    config = json.loads(row.config_json) if row.run_id else {}
    moments = [row.joined_at, row.answered_at, row.created_at, row.claimed_at, row.finished_at]
    return Tile(
        owner=row.owner,
        nickname=row.nickname,
        neutral_name=row.neutral_name,
        name_locked=row.name_locked,
        present=now - row.last_seen < PRESENT_SECONDS,
        last_seen=row.last_seen,
        page=row.page,
        tab=row.tab,
        help_wanted=row.help_wanted,
        run_id=row.run_id or "",
        kind=row.kind or "",
        status=row.status,
        epochs=int(metrics.get("epochs", 0)),
        total_epochs=int(config.get("epochs", 0)),
        loss=metrics.get("loss"),
        accuracy=metrics.get("accuracy"),
        solved=_names(row.solved),
        tried=_names(row.tried),
        progress_at=now if row.status is Status.RUNNING else max(filter(None, moments)),
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(sorted(text.split(SEPARATOR))) if text else ()


class SmallCurves:
    """The losses of the runs on a teacher's page, at most MAX_POINTS each. Threads must not share it.

    A run's past is read once; from then on, its points are those of the tiles.
    """

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[int, float]]] = {}

    def missing(self, tiles: Sequence[Tile]) -> list[str]:
        """Return the ids of runs whose past is not known yet."""
        return [tile.run_id for tile in tiles if tile.run_id and tile.epochs and tile.run_id not in self._points]

    def set_past(self, run_id: str, points: Sequence[tuple[int, float]]) -> None:
        """Set the past of a run: pairs of epoch and loss."""
        self._points[run_id] = list(points)

    def update(self, tiles: Sequence[Tile]) -> None:
        """Add the present loss of each run, and forget the runs that are not shown any more."""
        shown = {tile.run_id for tile in tiles}
        self._points = {run_id: points for run_id, points in self._points.items() if run_id in shown}
        for tile in tiles:
            if not tile.run_id or tile.loss is None:
                continue
            points = self._points.setdefault(tile.run_id, [])
            if points and points[-1][0] > tile.epochs:  # the run was resumed from an earlier checkpoint
                del points[:]
            if not points or points[-1][0] < tile.epochs:
                points.append((tile.epochs, tile.loss))
            while len(points) > MAX_POINTS:
                del points[1:-1:2]

    def points(self, run_id: str) -> list[tuple[int, float]]:
        """Return the curve of a run as pairs of epoch and loss."""
        return self._points.get(run_id, [])
