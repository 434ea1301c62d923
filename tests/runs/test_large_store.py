"""A store with many runs: queries read indexes, and what is deleted goes in portions.

Nothing here measures time. On SQLite, the tests look at query plans and count steps of the virtual machine.
"""

import json
import shutil
import time
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from sqlalchemy import event, insert, text

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs import housekeeping
from core.runs.identity import Visitor
from core.runs.limits import Limits
from core.runs.models import CheckpointRow, EventRow, LeaderboardEntry, Run, Status, config_hash
from core.runs.serialization import to_json
from core.runs.store import Store, event_row
from core.training import Checkpoint
from tests.runs import claim_run, sync

CONFIG = MemorizeConfig("hello")
ANN, BOB = Visitor("ann", "Ann", "7B"), Visitor("bob", "Bob", "8A")
DAY = 86_400.0


def fill(store, runs, events=0, classroom="7B", **values):
    """Add ended runs of forty students, with so many events each; return their ids."""
    now = time.time() - 100_000
    config, ids = to_json(ClassifyConfig()), [f"{classroom}-{store.count_runs()}-{number}" for number in range(runs)]
    rows = [
        {
            "id": run_id,
            "kind": "classify",
            "config_json": config,
            "config_hash": config_hash(config),
            "created_at": now + number,
            "status": Status.FINISHED,
            "attempt": 1,
            "train_seconds": 3.0,
            "claimed_at": now + number,
            "finished_at": now + number,
            "owner": f"student {number % 40}",
            "nickname": f"Student {number % 40}",
            "classroom": classroom,
            "metrics_json": json.dumps({"accuracy": number / runs, "test_accuracy": 0.5}),
            "size": 1_000,
            **values,
        }
        for number, run_id in enumerate(ids)
    ]
    boards = [
        {
            "run_id": row["id"],
            "classroom": classroom,
            "dataset": "mnist-5k",
            "player": row["nickname"].casefold(),
            "accuracy": number / runs,
        }
        for number, row in enumerate(rows)
    ]
    payload = to_json(MemorizeEpoch(0, loss=1.0, lr=0.01, reconstruction="h", char_accuracy=0.2))
    with store._session.begin() as session:
        session.execute(insert(Run), rows)
        session.execute(insert(LeaderboardEntry), boards)
        if events:
            kind = MemorizeEpoch.__name__
            session.execute(
                insert(EventRow),
                [
                    {"run_id": run_id, "seq": seq, "kind": kind, "payload": payload}
                    for run_id in ids
                    for seq in range(events)
                ],
            )
    return ids


def count(store, table):
    with store._session() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


@contextmanager
def recorded_statements(store):
    """Collect the statements that are executed, with their parameters."""
    statements = []

    def record(connection, cursor, statement, parameters, context, executemany):
        statements.append((statement, parameters[0] if executemany else parameters))

    event.listen(store._database, "before_cursor_execute", record)
    yield statements
    event.remove(store._database, "before_cursor_execute", record)


def query_plan(store, statement, parameters):
    with store._database.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [detail for *_, detail in rows]


def claim_next(store):
    store.claim("a task")


def sync_a_run(store):
    run = claim_run(store, store.create(CONFIG, by=ANN))
    epoch = MemorizeEpoch(0, loss=1.0, lr=0.01, reconstruction="h", char_accuracy=0.2)
    saved = Checkpoint({"model.weight": np.ones(2)}, {"epoch": 1}).to_bytes(), 0
    sync(store, run, rows=[event_row(run.id, 0, epoch)], train_seconds=1.0, checkpoint=saved)
    store.finish(run, Status.FINISHED)


OFTEN = {  # what is done several times per second
    "claim": claim_next,
    "requeue": lambda store: store.requeue("a task"),
    "heartbeats": lambda store: store.heartbeats(),
    "startable_count": lambda store: store.startable_count(),
    "queue": lambda store: store.queue(),
    "mean_duration": lambda store: store.mean_duration(),
    "create": lambda store: store.create(CONFIG, by=ANN),
    "sync and finish": sync_a_run,
    "find_matching": lambda store: store.find_matching([CONFIG, ClassifyConfig(seed=7)], "ann"),
    "tidy": lambda store: store.tidy(),
    "stop": lambda store: store.stop(store.create(CONFIG, by=ANN)),
}
PAGES = {
    "all classes": {},
    "one class": {"classroom": "7B"},
    "own runs": {"owner": "someone"},
    "a class's runs of one kind": {"classroom": "7B", "kind": "classify"},
    "a class's finished runs": {"classroom": "7B", "statuses": ("finished",)},
    "all failed runs": {"statuses": ("failed",)},
    "a search": {"classroom": "7B", "search": "hello"},
}


SMALL, LARGE = 200, 2_000


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two databases with SMALL and LARGE numbers of ended runs, and three students whose runs are waiting."""
    folder = tmp_path_factory.mktemp("stores")
    for number in (SMALL, LARGE):
        store = Store(f"sqlite:///{folder}/{number}.sqlite")
        fill(store, number, owner="someone")
        for student in range(3):
            store.create(CONFIG, by=Visitor(f"student {student}", classroom="7B"))
        store.close()
    return folder


@pytest.fixture
def open_copy(files, tmp_path):
    """Return open_copy(number), a store on a copy of one of the two databases."""
    stores = []

    def open_copy(number):
        shutil.copyfile(files / f"{number}.sqlite", tmp_path / f"{number}.sqlite")
        stores.append(Store(f"sqlite:///{tmp_path}/{number}.sqlite"))
        stores[-1].tidy()  # the hourly search for old runs reads all of them; it is not repeated
        return stores[-1]

    yield open_copy
    for store in stores:
        store.close()


@pytest.fixture
def filled(open_copy):
    return open_copy(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("action", OFTEN)
def test_frequent_queries_search_an_index_and_scan_no_table(filled, action):
    with recorded_statements(filled) as statements:
        OFTEN[action](filled)
    plans = [
        detail
        for statement, parameters in statements
        if not statement.startswith("PRAGMA")
        for detail in query_plan(filled, statement, parameters)
    ]
    scans = [detail for detail in plans if detail.startswith("SCAN") and "schema" not in detail]
    assert plans
    assert scans == []


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_runs_is_read_in_the_order_of_an_index(filled, page):
    with recorded_statements(filled) as statements:
        filled.list_runs(100, offset=100, **PAGES[page])
        filled.count_runs(**PAGES[page])
    for statement, parameters in statements:
        [access] = [line for line in query_plan(filled, statement, parameters) if line.startswith(("SCAN", "SEARCH"))]
        assert "USING INDEX" in access or "USING COVERING INDEX" in access
        if "classroom" in PAGES[page]:
            assert access.startswith("SEARCH runs USING")
            assert "(classroom=?)" in access


@pytest.mark.parametrize("classroom", [None, "7B"])
def test_leaderboards_are_read_from_an_index(filled, classroom):
    with recorded_statements(filled) as statements:
        assert len(filled.leaderboards(classroom)["mnist-5k"]) == 40
    plans = [query_plan(filled, *statement) for statement in statements]
    scanned = [line for plan in plans for line in plan if line.startswith("SCAN") and "COVERING INDEX" not in line]
    assert [line for line in scanned if not line.startswith("SCAN best")] in ([], ["SCAN anon_1"])


def steps(store, act):
    """Return how many steps SQLite's virtual machine makes during `act`, in units of 100."""
    total = [0]

    def progress():
        total[0] += 1

    def checkout(connection, *_):
        connection.set_progress_handler(progress, 100)

    event.listen(store._database, "checkout", checkout)
    act(store)
    event.remove(store._database, "checkout", checkout)
    with store._database.connect() as connection:
        connection.connection.dbapi_connection.set_progress_handler(None, 100)
    return total[0]


@pytest.mark.slow
@pytest.mark.parametrize("action", OFTEN)
def test_the_work_does_not_grow_with_the_number_of_ended_runs(open_copy, action):
    small, large = (steps(open_copy(number), OFTEN[action]) for number in (SMALL, LARGE))
    assert large <= small + 5, "500 steps, for the indexes' greater depth"


def test_a_page_reads_as_many_rows_in_a_large_store_as_in_a_small_one(open_copy):
    works = [steps(open_copy(number), lambda store: store.list_runs(100, classroom="7B")) for number in (SMALL, LARGE)]
    assert works[1] <= works[0] + 5


def test_searches_find_letters_in_upper_and_lower_case_everywhere(store):
    run_id = store.create(MemorizeConfig("Größe"), by=Visitor("ann", "Änne", "7B"))
    other = store.create(ClassifyConfig(), by=BOB)
    store.update_text(other, title="50 % off_x", note="Übung")
    for search in ("GRÖSSE".replace("SS", "ß"), "änne", run_id[:6], " größe "):
        assert [run.id for run in store.list_runs(search=search)] == [run_id]
    for search in ("50 %", "übung", "F_X", "mnist-5k"):
        assert [run.id for run in store.list_runs(search=search)] == [other]
    for search in ("%%", "5_ %", "' OR 1=1", "\0", "\ud800"):
        assert len(store.list_runs(search=search)) == store.count_runs(search=search) == (2 if search == "\0" else 0)


def test_pages_of_filtered_runs_together_are_all_that_match(store):
    expected = {*fill(store, 25), *fill(store, 25, status=Status.FAILED)}
    fill(store, 10, classroom="8A")
    seen = [run.id for page in range(7) for run in store.list_runs(8, offset=8 * page, classroom="7B")]
    assert len(seen) == len(set(seen)) == store.count_runs(classroom="7B") == 50
    assert set(seen) == expected
    assert store.count_runs(classroom="7B", statuses=["failed"], owner="student 3") == 1


# Deleting


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def either_store(request, url):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    store = Store(url)
    yield store
    store.close()


def test_deleted_runs_disappear_at_once_and_their_data_in_portions(either_store, monkeypatch):
    store = either_store
    monkeypatch.setattr(housekeeping, "PURGE_BUDGET", 100)
    ids, kept = fill(store, 30, events=20), fill(store, 3, events=5, classroom="8A")
    store.delete_ended("7B")
    assert [store.run(run_id) for run_id in ids] == [None] * 30
    assert {run.id for run in store.list_runs(limit=None)} == set(kept)
    assert list(store.leaderboards()) == ["mnist-5k"]
    assert len(store.leaderboards("7B")) == 0
    assert store.find_matching([ClassifyConfig()], "")[0].id in kept
    remaining = [count(store, "events")]
    while housekeeping.purge_some(store._session):
        remaining.append(count(store, "events"))
    assert remaining[-1] == 3 * 5
    assert max(before - after for before, after in pairwise(remaining)) <= 100
    assert count(store, "runs") == 3


def test_a_run_with_more_events_than_a_portion_is_deleted_in_several(either_store, monkeypatch):
    store = either_store
    monkeypatch.setattr(housekeeping, "PURGE_BUDGET", 40)
    [run_id] = fill(store, 1, events=100)
    store.delete(run_id)
    remaining = [100]
    while housekeeping.purge_some(store._session):
        remaining.append(count(store, "events"))
    assert remaining == [100, 60, 20, 0]
    assert count(store, "runs") == 0


def test_deleting_a_run_that_is_training_stops_it_and_loses_nothing_else(either_store):
    store = either_store
    run = claim_run(store, store.create(CONFIG, by=ANN))
    epoch = MemorizeEpoch(0, loss=1.0, lr=0.01, reconstruction="h", char_accuracy=0.2)
    sync(store, run, rows=[event_row(run.id, 0, epoch)])
    store.delete(run.id)
    assert sync(store, run, rows=[event_row(run.id, 1, epoch)]) is None, "its worker has lost it"
    store.finish(run, Status.STOPPED)
    assert store.run(run.id) is None
    assert store.heartbeats() == {}
    while housekeeping.purge_some(store._session):
        pass
    assert [count(store, table) for table in ("runs", "events", "checkpoints")] == [0, 0, 0]


@pytest.mark.slow
def test_more_runs_are_deleted_at_once_than_a_statement_can_have_parameters(either_store, monkeypatch):
    """PostgreSQL allows 65,535."""
    monkeypatch.setattr(housekeeping, "PAUSE", 0.0)
    ids = fill(either_store, 3)
    either_store.delete(*(f"no run {number}" for number in range(66_000)), *ids)
    assert either_store.count_runs() == 0


def test_others_can_write_between_the_portions_of_a_deletion(store, monkeypatch):
    """Another connection, which does not wait for locks, writes after every transaction of the deletion."""
    monkeypatch.setattr(housekeeping, "PORTION", 10)
    ids, other, written = fill(store, 60, events=3), Store(store.url), []
    run_id = other.create(CONFIG, by=ANN)

    def write(*_):
        other.update_text(run_id, title=str(len(written)))
        written.append(other.run(run_id).title)

    with other._database.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    event.listen(store._database, "checkin", write)
    store.delete(*ids)
    event.remove(store._database, "checkin", write)
    other.close()
    assert written == ["0", "1", "2", "3", "4", "5"]


def test_the_file_shrinks_after_runs_were_deleted(store, tmp_path, monkeypatch):
    monkeypatch.setattr(housekeeping, "MAX_FREE_PAGES", 10)
    monkeypatch.setattr(housekeeping, "VACUUM_PAGES", 50)
    [run_id] = fill(store, 1)
    with store._session.begin() as session:
        session.add(CheckpointRow(run_id, 0, bytes(2_000_000)))

    def pages():
        with store._database.connect() as connection:
            return connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    before = pages()
    store.delete(run_id)
    sizes = []
    for _ in range(15):
        housekeeping.purge_some(store._session)
        housekeeping.shrink_file(store._database)
        sizes.append(pages())
    assert before - sizes[0] <= 60, "in portions"
    assert before - sizes[-1] > 400
    assert sizes[-1] == sizes[-2]


# Old runs


def test_runs_are_deleted_at_the_age_that_their_class_allows(store, monkeypatch):
    now = 1_000 * DAY
    monkeypatch.setattr("core.runs.housekeeping.time.time", lambda: now)
    store.set_limits(Limits(keep_days=30))
    store.set_limits(Limits(keep_days=0), "8A")
    store.set_limits(Limits(keep_days=5), "9C")

    def add(classroom, age, **values):
        moment = now - age * DAY
        times = {"created_at": moment, "claimed_at": moment, "finished_at": moment}
        return fill(store, 1, classroom=classroom, **{**times, **values})[0]

    paused = {"status": Status.PAUSED, "finished_at": None, "size": None}
    old = [add("7B", 31), add("9C", 6), add("7B", 31, **paused), add("", 31)]
    kept = [
        add("7B", 29),
        add("9C", 4),
        add("8A", 900),
        add("7B", 31, status=Status.WAITING, finished_at=None),
        add("7B", 31, **paused, claimed_by="a task"),
        add("7B", 31, finished_at=now - DAY),
    ]
    assert housekeeping.expire(store._session, store.limits) == 4
    assert [store.run(run_id) for run_id in old] == [None] * 4
    assert all(store.run(run_id) for run_id in kept)
    assert housekeeping.expire(store._session, store.limits) == 0


def test_the_oldest_runs_are_deleted_when_a_class_has_too_many_megabytes(store):
    now = 4e9  # in the future, so that none is too old
    store.set_limits(Limits(keep_megabytes=3), "7B")
    ids = [fill(store, 1, size=1_000_000, created_at=now + n, finished_at=now + n)[0] for n in range(5)]
    other = fill(store, 5, classroom="8A", size=1_000_000, created_at=now, finished_at=now)
    assert housekeeping.expire(store._session, store.limits) == 2
    assert [run.id for run in store.list_runs(classroom="7B")] == ids[:1:-1]
    assert store.count_runs(classroom="8A") == len(other)


def test_old_runs_are_looked_for_once_an_hour(store, monkeypatch):
    now, searches = [1_000.0], []
    monkeypatch.setattr("core.runs.store.time.monotonic", lambda: now[0])
    monkeypatch.setattr("core.runs.store.expire", lambda *_: searches.append(now[0]))
    for _ in range(4):
        store.tidy()
        now[0] += 1_800
    assert searches == [1_000.0, 4_600.0]
