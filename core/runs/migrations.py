"""How a store that an older version of this program has written becomes one of this version, in SQL."""

from __future__ import annotations

SCHEMA_VERSION = 3

# What makes a store of the version before one of this version. Tables that are new are there already.
UPGRADES = {
    2: [  # steering by any field, and checkpoints; version 1 knew SQLite only
        "ALTER TABLE runs ADD COLUMN parent VARCHAR",
        "ALTER TABLE runs ADD COLUMN setting_changes_json TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE runs ADD COLUMN pace FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN steps_requested INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN epochs_requested INTEGER NOT NULL DEFAULT 0",
        "UPDATE runs SET setting_changes_json = json_object('lr', lr) WHERE lr IS NOT NULL",
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
        "ALTER TABLE runs ADD COLUMN metrics_json TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE runs ADD COLUMN queued FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN served FLOAT",
        *(f"ALTER TABLE runs ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0" for name in ("deaths", "beats", "views")),
        "UPDATE runs SET status = 'waiting', queued = created WHERE status = 'running'",
    ],
}
