"""Databases of older versions are migrated with everything in them, on SQLite and on PostgreSQL."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect, text

from core.classify import ClassifyConfig, Epoch, PreparationProgress, Result, Step, datasets
from core.classify import fit as fit_classify
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.memorize import fit as fit_memorize
from core.runs import housekeeping
from core.runs.access import RunAccess
from core.runs.identity import Visitor, hash_token
from core.runs.limits import Limits
from core.runs.migrations import MIGRATIONS
from core.runs.models import VISIBLE, Status
from core.runs.serialization import to_json
from core.runs.store import IMPORTED, Store
from core.training import Change, Checkpoint
from tests.runs import claim_run, sync, wait_for

VERSION_3 = Path(__file__).with_name("fixtures") / "runs_schema3.sqlite"
ANN = hash_token("fixture-token-of-ann-0000000000000000000000")
BOB = hash_token("fixture-token-of-bob-0000000000000000000000")
WAITING, FINISHED, CHILD = "JrgoettoLodCdIzk", "UdDQ2lAnbXD9jTbL", "jwnNE23RzM-iF2Ib"
TORCH, LEARNED, CHANGED = "bGq5nFjYKt8S8OIX", "KLjF5JtVMkU1hgQA", "l7V9Dh-x5j1folyE"
PAUSED, STOPPED, AUTO_PAUSED, DIVERGED = "ZaG1GgpXTLOS07iV", "koFpEltxqW2KuAdK", "3krfFVjH6Kg4BTEt", "gMK1XNhQiyzqyeSw"
DIGITS, DIGITS_PAUSED, DIGITS_DIVERGED = "bMh46lcPG8CM97HL", "Hf1gUpC3rsXD5R8C", "SgdMrrlBHFyfdFiP"
EVENTS = {  # number of events per run, oldest run first
    WAITING: 0, FINISHED: 40, CHILD: 20, TORCH: 20, LEARNED: 10, CHANGED: 41, PAUSED: 17, STOPPED: 17, AUTO_PAUSED: 17,
    DIVERGED: 1, DIGITS: 23, DIGITS_PAUSED: 14, DIGITS_DIVERGED: 14,
}  # fmt: skip

TYPES = {
    "DOUBLE": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
    "version INTEGER": "version SERIAL",
    "\tid INTEGER": "\tid SERIAL",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request, tmp_path):
    """A database of version 3."""
    file = tmp_path / "runs.sqlite"
    shutil.copyfile(VERSION_3, file)
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    copy_to_postgres(file, url)
    return url


def copy_to_postgres(file, url):
    """Create the tables and indexes of an SQLite database on PostgreSQL, with the types used there, and their rows."""
    source, target = sqlite3.connect(file), create_engine(url)
    statements = [sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    statements.sort(key=lambda sql: ("INDEX" in sql, "REFERENCES" in sql))  # tables before what refers to them
    with target.begin() as connection:
        for sql in statements:
            for sqlite_type, postgres_type in TYPES.items():
                sql = sql.replace(sqlite_type, postgres_type)
            connection.exec_driver_sql(sql)
        for table in ("schema", "nicknames", "rules", "runs", "checkpoints", "events"):
            rows = source.execute(f"SELECT * FROM {table}")
            names = [name for name, *_ in rows.description]
            booleans = {"paused", "stopping", "parked"} & set(names)
            for row in rows:
                values = dict(zip(names, row, strict=True))
                values |= {name: bool(values[name]) for name in booleans}
                columns, places = ", ".join(names), ", ".join(f":{name}" for name in names)
                connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)
    source.close()
    target.dispose()


def execute(url, statement, **values):
    database = create_engine(url)
    with database.begin() as connection:
        result = connection.execute(text(statement), values)
        rows = result.all() if result.returns_rows else None
    database.dispose()
    return rows


@pytest.fixture
def open_store():
    """open_store(url) is a store that is closed at the end."""
    stores = []

    def open_store(url):
        stores.append(Store(url))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(old_url, open_store):
    """The store on the migrated database."""
    return open_store(old_url)


# Version 3


def test_every_run_is_listed_with_its_config_changes_metrics_and_events(store):
    runs = {run.id: run for run in reversed(store.list_runs(limit=None))}
    assert list(runs) == list(EVENTS)
    for run_id, run in runs.items():
        assert run.config_json == to_json(run.config)
        assert [seq for seq, _ in store.events(run_id)] == list(range(EVENTS[run_id]))
    sentence = MemorizeConfig("hello, LSTM", hidden_size=8, num_layers=1, lr=0.05, epochs=40)
    digits = ClassifyConfig(hidden=(4,), lr=0.05, epochs=2, batch_size=20, train_size=200)
    assert runs[FINISHED].config == runs[CHANGED].config == sentence
    assert (runs[TORCH].config.backend, runs[TORCH].config.sentence) == ("torch", "naïve 👩‍🚀")
    assert {run.config.backend for run in runs.values() if run.kind == "memorize" and run.id != TORCH} == {"bptt"}
    assert [run.id for run in runs.values() if run.kind == "memorize" and run.config.stop_when_learned] == [LEARNED]
    assert runs[DIGITS].config == digits
    assert {run.id: run.changes for run in runs.values() if run.changes} == {CHANGED: {"lr": 0.02}}
    assert (runs[FINISHED].metrics["epochs"], runs[FINISHED].metrics["accuracy"]) == (40, 1.0)
    assert runs[DIGITS].metrics["test_accuracy"] == 0.104
    assert {run.id: run.parent for run in runs.values() if run.parent} == {CHILD: FINISHED, DIVERGED: IMPORTED}
    assert [run.id for run in store.find_matching([sentence, digits], "") if run] == [FINISHED, DIGITS]


def test_the_state_of_every_run_is_kept(store):
    runs = {run.id: run for run in store.list_runs(limit=None)}
    by_status = {status: {run.id for run in runs.values() if run.status is status} for status in VISIBLE}
    assert by_status == {
        Status.WAITING: {WAITING},
        Status.RUNNING: set(),
        Status.PAUSED: {PAUSED, AUTO_PAUSED, DIGITS_PAUSED},
        Status.FINISHED: {FINISHED, CHILD, TORCH, LEARNED, CHANGED, DIGITS},
        Status.STOPPED: {STOPPED},
        Status.FAILED: {DIVERGED, DIGITS_DIVERGED},
    }
    assert {run.id for run in runs.values() if run.pause_requested} == by_status[Status.PAUSED]
    assert {run.id for run in runs.values() if run.auto_paused} == {AUTO_PAUSED}
    assert {run.id for run in runs.values() if run.stop_requested} == {STOPPED}
    assert runs[DIGITS_PAUSED].view_count == 1
    assert store.queue() == [WAITING]
    for run in runs.values():
        assert (run.claimed_by, run.worker_crashes, run.min_step_seconds) == ("", 0, 0)
        assert (run.steps_requested, run.epochs_requested, run.classroom) == (0, 0, "5B-INFO" if run.owner else "")
        assert run.created_at <= run.queued_at
        if run.id != WAITING:
            assert (run.attempt, run.heartbeat > 0) == (1, True)
            assert run.queued_at <= run.claimed_at or run.status is Status.PAUSED
            assert run.claimed_at == run.started_at
        if run.status.is_terminal:
            assert run.started_at < run.finished_at
    assert (runs[FINISHED].title, runs[PAUSED].title) == ("Größe 8 – 🦊", "Half-way")
    assert runs[FINISHED].note.startswith("It knows the sentence.\nSecond line: naïve")
    assert "Try a learning rate" in runs[DIVERGED].message


def test_events_are_readable_under_their_new_names(store):
    change = [event for _, event in store.events(CHANGED) if isinstance(event, Change)]
    assert [(event.name, event.value) for event in change] == [("lr", 0.02)]
    events = [event for _, event in store.events(DIGITS)]
    assert [type(event) for event in events] == ([Step] * 10 + [Epoch]) * 2 + [Result]
    images = datasets.load("mnist-5k").x_test
    for epoch in (events[10], events[21]):
        assert epoch.samples.images.shape == (10, 28, 28)
        assert all((images == image).all(axis=(1, 2)).any() for image in epoch.samples.images)


def test_checkpoints_are_readable_under_their_new_names(store):
    assert store.checkpoint(FINISHED).metadata["epoch"] == 40
    assert store.checkpoint(DIVERGED).metadata == {}
    assert store.checkpoint(DIVERGED).section("model")
    progress = store.checkpoint(DIGITS_PAUSED).metadata["progress"]
    assert (progress["step"], progress["epoch"], progress["seen"], progress["correct"]) == (13, 1, 60, 7)
    assert progress.keys() == {"step", "epoch", "seen", "loss_sum", "correct"}


def test_limits_and_nicknames_are_kept(store):
    kept = Limits(max_characters=500, max_starts_per_minute=45, idle_pause_minutes=5.0, max_minutes=60.0)
    assert store.limits() == kept, "with the default of that time for the time limit"
    assert (store.nickname(ANN), store.nickname(BOB)) == ("Änn 🦊", "")


def test_limits_of_the_whole_server_apply_to_every_class_until_it_has_its_own(store):
    assert store.limits("7B") == store.limits()
    store.set_limits(Limits(max_characters=7), "7B")
    assert (store.limits("7B").max_characters, store.limits("8A").max_characters) == (7, 500)


def test_old_runs_can_be_searched_and_found_by_their_config(store):
    assert [run.id for run in store.list_runs(search="NAÏVE 👩")] == [TORCH]
    config = store.run(FINISHED).config
    assert store.find_matching([config], "")[0].id == FINISHED
    assert store.list_runs(search="\\u") == [], "settings are searched as they were typed"


def test_old_runs_are_settled_in_the_background(store):
    before = store.checkpoint(FINISHED)
    assert store.run(FINISHED).size is None
    while housekeeping.settle_some(store._session):
        pass
    after = store.checkpoint(FINISHED)
    assert store.run(FINISHED).size > 0
    assert any(name.startswith("optimizer.") for name in before.arrays)
    assert after.section("model").keys() == before.section("model").keys()
    assert (after.metadata, len(after.arrays)) == (before.metadata, len(after.section("model")))
    assert store.run(PAUSED).size is None
    assert any(name.startswith("optimizer.") for name in store.checkpoint(PAUSED).arrays)
    assert [store.events(run)[-1:] for run in (FINISHED, DIGITS)] != [[], []]


def test_every_limit_is_kept(old_url, open_store):
    numbers = {"characters": 1, "hidden_size": 2, "memorize_epochs": 3, "layer_width": 4, "classify_epochs": 5}
    numbers |= {"minutes": 6.0, "unwatched_minutes": 7.0, "starts_a_minute": 8, "runs_waiting": 9}
    execute(old_url, "UPDATE rules SET rules_json = :rules", rules=json.dumps(numbers | {"open": False}))
    assert open_store(old_url).limits() == Limits(1, 2, 3, 4, 5, 6.0, 7.0, 8, 9, accepting_runs=False)


@pytest.fixture
def train(store, start_worker):
    """train(run_id) trains a run to its end, and returns it."""

    def train(run_id):
        worker = start_worker()
        wait_for(lambda: worker.wake() or store.run(run_id).status.is_terminal)  # another run may come first
        return store.run(run_id)

    return train


@pytest.mark.parametrize("run_id", [PAUSED, AUTO_PAUSED])
def test_a_paused_memorize_run_resumes_and_ends_like_an_uninterrupted_one(store, train, run_id):
    store.resume(run_id)
    run, events = train(run_id), [event for _, event in store.events(run_id)]
    whole = [event for event in fit_memorize(run.config) if isinstance(event, MemorizeEpoch)]
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert [event.epoch for event in events] == list(range(60)) == [event.epoch for event in whole]
    np.testing.assert_allclose([event.loss for event in events], [event.loss for event in whole], rtol=1e-4)
    assert events[-1].reconstruction == whole[-1].reconstruction == "hello, LSTM"


def test_a_paused_classify_run_resumes_and_ends_like_an_uninterrupted_one(store, train):
    store.resume(DIGITS_PAUSED)
    run, events = train(DIGITS_PAUSED), [event for _, event in store.events(DIGITS_PAUSED)]
    *whole, _last_checkpoint = fit_classify(run.config, datasets.load("mnist-5k"))
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert [type(event) for event in events] == ([Step] * 10 + [Epoch]) * 3 + [Result] == [type(e) for e in whole]
    steps, epochs = ([event for event in events if isinstance(event, cls)] for cls in (Step, Epoch))
    whole_steps, whole_epochs = ([event for event in whole if isinstance(event, cls)] for cls in (Step, Epoch))
    np.testing.assert_allclose([e.loss for e in steps], [e.loss for e in whole_steps], rtol=1e-4)
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        values, expected = ([getattr(e, name) for e in some] for some in (epochs, whole_epochs))
        np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert events[-1].accuracy == whole[-1].accuracy


def test_an_auto_paused_run_resumes_when_its_owner_views_it(store):
    access = RunAccess(SimpleNamespace(store=store, resume=store.resume), Visitor(BOB))
    access.record_view(store.run(AUTO_PAUSED))
    run = store.run(AUTO_PAUSED)
    assert (run.status, run.auto_paused, run.pause_requested) == (Status.WAITING, False, False)


def test_preparation_events_are_renamed(old_url, open_store):
    payload = json.dumps({"share": 0.5, "text": 'half, "share": 1'})
    execute(old_url, f"INSERT INTO events VALUES ('{DIGITS}', 23, 'Preparation', :payload)", payload=payload)
    assert open_store(old_url).events(DIGITS, after=22) == [(23, PreparationProgress(0.5, 'half, "share": 1'))]


@pytest.mark.parametrize(
    "sentence",
    ['"until_known": true, "backend": "autograd"', '"until_known":', '", "until_known": 1, "', "until_known"],
)
def test_sentences_are_left_unchanged(old_url, open_store, sentence):
    config = {"sentence": sentence, "hidden_size": 8, "num_layers": 1, "lr": 0.05, "epochs": 20, "seed": 0}
    config |= {"cell": "MyLSTM", "until_known": True, "backend": "autograd"}
    execute(old_url, f"UPDATE runs SET config_json = :config WHERE id = '{WAITING}'", config=json.dumps(config))
    expected = MemorizeConfig(sentence, 8, 1, 0.05, 20, stop_when_learned=True, backend="torch")
    assert open_store(old_url).run(WAITING).config == expected


def schema(url):
    """Return everything about the tables of a database that its queries depend on."""
    database = create_engine(url)
    found = inspect(database)
    result = {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in found.get_columns(table)
            ],
            "primary key": found.get_pk_constraint(table),
            "foreign keys": found.get_foreign_keys(table),
            "indexes": sorted(found.get_indexes(table), key=lambda index: index["name"]),
        }
        for table in sorted(found.get_table_names())
    }
    database.dispose()
    return result


def test_the_migrated_schema_equals_that_of_a_new_database(old_url, open_store, tmp_path, request):
    open_store(old_url)
    if old_url.startswith("sqlite"):
        new_url = f"sqlite:///{tmp_path}/new.sqlite"
    else:
        new_url = request.getfixturevalue("postgres").new_database("fresh_schema")
        new_url = new_url.replace("postgresql:", "postgresql+psycopg:")
    open_store(new_url)
    assert schema(old_url) == schema(new_url)
    assert execute(old_url, "SELECT version FROM schema") == execute(new_url, "SELECT version FROM schema") == [(8,)]


def test_a_migrated_database_can_be_opened_again(old_url, open_store):
    before = open_store(old_url).list_runs(limit=None)
    assert open_store(old_url).list_runs(limit=None) == before


def test_a_migration_that_fails_changes_nothing(old_url, open_store, monkeypatch):
    def fail(connection):
        raise ZeroDivisionError

    before = schema(old_url)
    with monkeypatch.context() as patch:
        patch.setitem(MIGRATIONS, 6, [*MIGRATIONS[6], fail])
        with pytest.raises(ZeroDivisionError):
            Store(old_url)
    assert schema(old_url) == before
    assert execute(old_url, "SELECT version FROM schema") == [(3,)]
    assert len(open_store(old_url).list_runs(limit=None)) == len(EVENTS)


# Version 1


VERSION_1 = """
CREATE TABLE schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE runs (id VARCHAR NOT NULL, kind VARCHAR NOT NULL, config_json TEXT NOT NULL, created FLOAT NOT NULL,
    server VARCHAR NOT NULL, status VARCHAR(16) NOT NULL, message TEXT NOT NULL, started FLOAT, finished FLOAT,
    attempt INTEGER NOT NULL, train_seconds FLOAT NOT NULL, lr FLOAT, paused BOOLEAN NOT NULL,
    stopping BOOLEAN NOT NULL, PRIMARY KEY (id));
CREATE TABLE events (run_id VARCHAR NOT NULL, seq INTEGER NOT NULL, kind VARCHAR NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (run_id, seq), FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE);
INSERT INTO schema VALUES (1);
"""


def test_a_database_of_version_1_is_migrated_with_its_contents(url, tmp_path, open_store):
    sentence = json.loads(to_json(MemorizeConfig("hello")))
    for newer in ("backend", "stop_when_learned"):
        del sentence[newer]
    digits, short = ClassifyConfig(), ClassifyConfig(epochs=3)
    values = "(:id, :kind, :config, 1.0, '', :status, '', 1.0, 2.0, 1, 0.5, :lr, 0, 0)"
    runs = [
        {"id": "done", "kind": "memorize", "config": json.dumps(sentence), "status": "finished", "lr": None},
        {"id": "changed", "kind": "classify", "config": to_json(digits), "status": "stopped", "lr": 0.25},
        {"id": "waiting", "kind": "classify", "config": to_json(short), "status": "waiting", "lr": None},
    ]
    step = '{"step": 0, "epoch": 0, "loss": 2.5, "lr": 0.1, "base_lr": 0.2}'
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        file.executescript(VERSION_1)
        file.executemany(f"INSERT INTO runs VALUES {values}", runs)
        file.execute("INSERT INTO events VALUES ('changed', 0, 'Step', ?)", [step])
    for _ in range(2):  # the second time there is nothing to migrate
        store = open_store(url)
        changed, waiting = store.run("changed"), store.run("waiting")
        assert (changed.status, changed.changes, changed.config) == (Status.STOPPED, {"lr": 0.25}, digits)
        assert (waiting.status, waiting.changes, waiting.config) == (Status.WAITING, {}, short)
        assert store.run("done").config == replace(MemorizeConfig("hello"), backend="torch")
        assert store.events("changed") == [(0, Step(0, 0, 2.5, 0.1))]
        assert store.limits() == Limits()
    run = claim_run(store, "waiting")
    checkpoint = Checkpoint({"model.weight": np.ones(3)}, {"step": 1})
    sync(store, run, checkpoint=(checkpoint.to_bytes(), 0))
    assert store.checkpoint("waiting").metadata == {"step": 1}
    indexes = {index["name"]: index["column_names"] for index in schema(url)["runs"]["indexes"]}
    assert indexes["runs_by_status"] == ["status", "owner"]
    assert indexes["runs_by_owner"] == ["owner", "created_at"]
