"""Measure the run database with many runs: pages, an idle dispatcher, claims, and deletion.

    python -m benchmarks.store [--runs 50000] [--events 200] [--folder FOLDER] [--json FILE]

Generates an SQLite database of ended runs in ten classes, with so many events per run. Durations are given as wall time
and as CPU time, which other programs on the machine affect less.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert, text
from streamlit.testing.v1 import AppTest

from core.classify import ClassifyConfig, Step
from core.memorize import MemorizeConfig
from core.paths import PROJECT
from core.runs import Limits, Run, Status, Store, Visitor
from core.runs.dispatcher import POLL_INTERVAL, TIDY_INTERVAL
from core.runs.models import LeaderboardEntry, config_hash
from core.runs.serialization import to_json

CLASSES, STUDENTS = 10, 30
DELETED = 20_000  # runs
REPEATS = 20


def fill(store: Store, runs: int, events: int) -> None:
    """Add ended runs with their events and leaderboard entries."""
    config, now = to_json(ClassifyConfig()), time.time()
    rows = [
        {
            "id": f"run-{number:08}",
            "kind": "classify",
            "config_json": config,
            "config_hash": config_hash(config),
            "search_text": f"run-{number:08} {config}".casefold(),
            "created_at": now - 60 * (runs - number) / 10,
            "finished_at": now - 60 * (runs - number) / 10,
            "claimed_at": now - 60 * (runs - number) / 10,
            "status": Status.FINISHED,
            "attempt": 1,
            "train_seconds": 3.0,
            "owner": f"owner {number % (CLASSES * STUDENTS)}",
            "nickname": f"Student {number % (CLASSES * STUDENTS)}",
            "classroom": f"C{number % CLASSES}",
            "metrics_json": json.dumps({"epochs": 20, "accuracy": number % 997 / 997, "test_accuracy": 0.9}),
            "size": 20_000,
        }
        for number in range(runs)
    ]
    entries = [
        {
            "run_id": row["id"],
            "classroom": row["classroom"],
            "dataset": "mnist-5k",
            "player": str(row["nickname"]).casefold(),
            "accuracy": number % 997 / 997,
        }
        for number, row in enumerate(rows)
    ]
    payload = to_json(Step(step=100, epoch=2, loss=0.123456, lr=0.05))
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last) "
    with store._database.begin() as connection:
        connection.execute(insert(Run), rows)
        connection.execute(insert(LeaderboardEntry), entries)
    with store._database.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO events (run_id, seq, kind, payload) {numbers}"
                "SELECT runs.id, n, 'Step', :payload FROM runs, numbers ORDER BY runs.id, n"
            ),
            {"last": events - 1, "payload": payload},
        )


def measure(act: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    """Return the median wall and CPU milliseconds of an action."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall ms": 1000 * sorted(walls)[repeats // 2], "CPU ms": 1000 * sorted(cpus)[repeats // 2]}


def idle_dispatcher(store: Store) -> dict[str, float]:
    """Return the share of a core that the dispatcher's queries take while nothing is to be done."""

    def poll() -> None:
        store.heartbeats()
        store.startable_count()

    store.tidy()  # the hourly search for old runs
    polling, tidying = measure(poll, 200), measure(store.tidy, 200)
    seconds = polling["CPU ms"] / 1000 / POLL_INTERVAL + tidying["CPU ms"] / 1000 / TIDY_INTERVAL
    return {"poll, CPU ms": polling["CPU ms"], "tidy, CPU ms": tidying["CPU ms"], "% of a core": 100 * seconds}


def runs_page(classroom: str, search: str = "") -> dict[str, float]:
    """Return how long a redraw of the Runs page takes, without the browser."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=600).run()
    app.switch_page("pages/runs.py")
    if classroom:
        app.query_params["class"] = classroom
    app.run()
    if search:
        app.text_input(key="runs_search").set_value(search)
    app.run()
    assert not app.exception, app.exception
    return measure(app.run, 7)


def deletion(store: Store) -> dict[str, float]:
    """Delete many runs and return how long that takes, and how long another writer waited at most."""
    ids = [run.id for run in store.list_runs(DELETED)]
    waiting_run = store.create(MemorizeConfig("hello"), by=Visitor("writer"))
    done, waits = threading.Event(), [0.0]

    def write() -> None:
        other = Store(store.url)
        while not done.wait(0.01):
            started = time.perf_counter()
            other.record_view(waiting_run)
            waits.append(time.perf_counter() - started)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    started, cpu = time.perf_counter(), time.process_time()
    store.delete(*ids)
    clicked = time.perf_counter() - started
    portions = []
    with store._database.connect() as connection:
        deleted = text("SELECT count(*) FROM runs WHERE status = 'deleted'")
        while connection.execute(deleted).scalar_one():
            portion = time.perf_counter()
            store.tidy()
            portions.append(time.perf_counter() - portion)
            time.sleep(0.05)  # the dispatcher waits for TIDY_INTERVAL
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    done.set()
    writer.join()
    return {
        "deleted runs": len(ids),
        "until they have disappeared, s": clicked,
        "until their data is removed, s": seconds,
        "the same, CPU s": cpu_seconds,
        "portions": len(portions),
        "longest portion, s": max(portions),
        "longest wait of another writer, s": max(waits),
        "writes meanwhile": len(waits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50_000, metavar="N", help="number of runs (default: 50,000)")
    parser.add_argument("--events", type=int, default=200, metavar="N", help="events per run (default: 200)")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where to put the database (default: temporary)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also save the results as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        os.environ.update(DATA_DIR=folder, TRAINING_WORKERS="0")
        os.environ.pop("DATABASE_URL", None)
        store = Store()
        started = time.perf_counter()
        fill(store, options.runs, options.events)
        file = Path(folder, "runs.sqlite")
        results: dict[str, object] = {
            "generated": {
                "runs": options.runs,
                "events": options.runs * options.events,
                "seconds": time.perf_counter() - started,
                "MB": file.stat().st_size / 1e6,
            }
        }

        def report(name: str, values: dict[str, float]) -> None:
            results[name] = values
            print(f"{name}: " + ", ".join(f"{key} {value:,.2f}" for key, value in values.items()), flush=True)

        report("generated", results["generated"])  # type: ignore[arg-type]
        report("idle dispatcher", idle_dispatcher(store))
        store.set_limits(Limits(max_starts_per_minute=10_000))
        for student in range(30):
            store.create(MemorizeConfig("hello"), by=Visitor(f"owner {student}", classroom="C1"))
        report("queue with 30 waiting", measure(store.queue))
        numbers = iter(range(1_000))
        report("claim", measure(lambda: store.claim(f"worker {next(numbers)}", limit=1)))
        report("heartbeats with 20 running", measure(store.heartbeats))
        report("mean_duration", measure(store.mean_duration))
        for run in store.list_runs(None, unfinished=True):
            store.stop(run.id)
        report("Runs page, one class", runs_page("C1"))
        report("Runs page, all classes", runs_page(""))
        report("Runs page, all classes, search without a match", runs_page("", "no such text"))
        report("Runs page, all classes, search with many matches", runs_page("", "mnist-5k"))
        report("deletion", deletion(store))
        report("file", {"MB": file.stat().st_size / 1e6})
        store.close()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
