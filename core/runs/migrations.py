"""Schema migrations, in SQL wherever possible."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
from sqlalchemy import Connection, LargeBinary, bindparam, column, select, table, update

from core.runs.models import config_hash, searchable_text

SCHEMA_VERSION = 8
PORTION = 1_000  # runs that are held in memory at a time


def _rewrite_checkpoints(connection: Connection) -> None:
    """Rename the member "facts" of every checkpoint to "metadata", and "right" in its progress to "correct"."""
    checkpoints = table("checkpoints", column("run_id"), column("payload", LargeBinary))
    for run_id in connection.scalars(select(checkpoints.c.run_id)).all():
        row = checkpoints.c.run_id == run_id
        payload = connection.execute(select(checkpoints.c.payload).where(row)).scalar_one()
        with np.load(io.BytesIO(payload), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        metadata = json.loads(str(arrays.pop("facts")))
        if "right" in metadata.get("progress", {}):
            metadata["progress"]["correct"] = metadata["progress"].pop("right")
        rewritten = io.BytesIO()
        np.savez(rewritten, allow_pickle=False, metadata=np.array(json.dumps(metadata)), **arrays)
        connection.execute(update(checkpoints).where(row).values(payload=rewritten.getvalue()))


def _fill_search_columns(connection: Connection) -> None:
    """Fill config_hash and search_text of every run."""
    names = "id", "title", "nickname", "note", "config_json", "config_hash", "search_text"
    runs = table("runs", *map(column, names))
    ids = list(connection.scalars(select(runs.c.id)))
    change = (
        update(runs)
        .where(runs.c.id == bindparam("run"))
        .values(config_hash=bindparam("hash"), search_text=bindparam("text"))
    )
    for start in range(0, len(ids), PORTION):
        rows = connection.execute(select(*list(runs.c)[:5]).where(runs.c.id.in_(ids[start : start + PORTION]))).all()
        values = [{"run": row.id, "hash": config_hash(row.config_json), "text": searchable_text(row)} for row in rows]
        connection.execute(change, values)


# What turns a database of the previous version into one of this version. New tables have been created before.
MIGRATIONS: dict[int, list[str | Callable[[Connection], None]]] = {
    2: [  # change any setting during training, and checkpoints; version 1 supported SQLite only
        "ALTER TABLE runs ADD COLUMN parent VARCHAR",
        "ALTER TABLE runs ADD COLUMN changes_json TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE runs ADD COLUMN pace FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN steps_wanted INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN epochs_wanted INTEGER NOT NULL DEFAULT 0",
        "UPDATE runs SET changes_json = json_object('lr', lr) WHERE lr IS NOT NULL",
        "ALTER TABLE runs DROP COLUMN lr",
        "UPDATE runs SET config_json = json_set(config_json, '$.backend', 'autograd') WHERE kind = 'memorize'",
        "UPDATE events SET payload = json_remove(payload, '$.base_lr') WHERE kind = 'Step'",
    ],
    3: [  # owners, the queue, results at a glance
        "ALTER TABLE runs DROP COLUMN server",
        "ALTER TABLE runs ADD COLUMN parked BOOLEAN NOT NULL DEFAULT FALSE",
        *(
            f"ALTER TABLE runs ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''"
            for name in ("owner", "nickname", "classroom", "title", "note", "claim")
        ),
        "ALTER TABLE runs ADD COLUMN summary_json TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE runs ADD COLUMN queued FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN served FLOAT",
        *(f"ALTER TABLE runs ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0" for name in ("deaths", "beats", "views")),
        "UPDATE runs SET status = 'waiting', queued = created WHERE status = 'running'",
    ],
    # Plain names for everything that is stored. A quote inside a JSON string is stored as \", so the patterns below
    # match keys and whole values only, never text that a student typed.
    4: [
        *(
            f"ALTER TABLE runs RENAME COLUMN {old} TO {new}"
            for old, new in (
                ("created", "created_at"),
                ("started", "started_at"),
                ("finished", "finished_at"),
                ("changes_json", "setting_changes_json"),
                ("paused", "pause_requested"),
                ("stopping", "stop_requested"),
                ("pace", "min_step_seconds"),
                ("steps_wanted", "steps_requested"),
                ("epochs_wanted", "epochs_requested"),
                ("parked", "auto_paused"),
                ("summary_json", "metrics_json"),
                ("queued", "queued_at"),
                ("served", "claimed_at"),
                ("claim", "claimed_by"),
                ("deaths", "worker_crashes"),
                ("beats", "heartbeat"),
                ("views", "view_count"),
            )
        ),
        "CREATE TABLE IF NOT EXISTS rules (id INTEGER PRIMARY KEY, rules_json TEXT)",  # not there before version 3
        "CREATE TABLE IF NOT EXISTS limits (id INTEGER PRIMARY KEY, limits_json TEXT)",
        "INSERT INTO limits (id, limits_json) SELECT id, rules_json FROM rules",
        "DROP TABLE rules",
        *(
            f"UPDATE limits SET limits_json = replace(limits_json, '\"{old}\":', '\"{new}\":')"
            for old, new in (
                ("characters", "max_characters"),
                ("hidden_size", "max_hidden_size"),
                ("memorize_epochs", "max_memorize_epochs"),
                ("layer_width", "max_layer_width"),
                ("classify_epochs", "max_classify_epochs"),
                ("minutes", "max_minutes"),
                ("unwatched_minutes", "idle_pause_minutes"),
                ("starts_a_minute", "max_starts_per_minute"),
                ("runs_waiting", "max_queued_runs"),
                ("open", "accepting_runs"),
            )
        ),
        *(
            f"UPDATE runs SET config_json = replace(config_json, '{old}', '{new}') WHERE kind = 'memorize'"
            for old, new in (
                ('"until_known":', '"stop_when_learned":'),
                ('"backend": "autograd"', '"backend": "torch"'),
                ('"backend":"autograd"', '"backend":"torch"'),  # as migration 2 writes it
            )
        ),
        "UPDATE events SET kind = 'PreparationProgress', payload = replace(payload, '\"share\":', '\"fraction\":')"
        " WHERE kind = 'Preparation'",
        'UPDATE events SET payload = replace(payload, \'{"Samples": {"pictures":\', \'{"Samples": {"images":\')'
        " WHERE kind = 'Epoch'",
        _rewrite_checkpoints,
    ],
    5: [  # limits per class, leaderboards, and columns and indexes for large databases
        "INSERT INTO class_limits (classroom, limits_json) SELECT '', limits_json FROM limits",
        "DROP TABLE limits",
        "ALTER TABLE runs ADD COLUMN size BIGINT",
        "ALTER TABLE runs ADD COLUMN config_hash VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN search_text TEXT NOT NULL DEFAULT ''",
        _fill_search_columns,
        "DROP INDEX IF EXISTS runs_by_status",  # they get more columns
        "DROP INDEX IF EXISTS runs_by_owner",
    ],
    6: [],  # new tables only: classes that a teacher opens
    7: [  # new settings, so that a new run with the same settings as an old one has the same config
        *(
            f"UPDATE runs SET config_json = replace(config_json, '\"{after}\":', '{new}, \"{after}\":')"
            " WHERE kind = 'classify'"
            for new, after in (('"label_smoothing": 0.0', "schedule"), ('"threshold": 0.25', "augment"))
        ),
        _fill_search_columns,
    ],
    8: [  # likewise
        """UPDATE runs SET config_json = replace(config_json, '"train_size":', '"average": [], "train_size":')"""
        " WHERE kind = 'classify'",
        _fill_search_columns,
    ],
}
