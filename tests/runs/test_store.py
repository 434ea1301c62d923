import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs.store import Status, Store, row

CONFIG = MemorizeConfig("hello")


def epoch(number):
    return MemorizeEpoch(number, loss=1 / (number + 1), lr=0.01, reconstruction="h", char_accuracy=0.2)


def write(store, run, numbers):
    return store.exchange(run, [row(run, n, epoch(n)) for n in numbers], Status.RUNNING, train_seconds=1.5)


def test_a_new_run_waits_with_its_config(store):
    run = store.run(store.create(CONFIG))
    assert (run.status, run.kind, run.config) == (Status.WAITING, "memorize", CONFIG)
    assert (run.started, run.finished, run.lr, run.paused, run.stopping) == (None, None, None, False, False)
    assert not run.status.ended


def test_ids_cannot_be_guessed_and_unknown_ones_are_none(store):
    ids = {store.create(CONFIG) for _ in range(50)}
    assert len(ids) == 50
    assert min(map(len, ids)) >= 16
    assert store.run("' OR 1=1 --") is None
    assert store.events("nobody's") == []


def test_events_come_in_order_after_the_last_one_seen(store):
    run = store.begin(store.create(CONFIG))
    write(store, run, range(5))
    write(store, run, range(5, 8))
    assert store.events(run.id) == [(n, epoch(n)) for n in range(8)]
    assert store.events(run.id, after=5) == [(6, epoch(6)), (7, epoch(7))]
    assert store.events(run.id, after=1, limit=2) == [(2, epoch(2)), (3, epoch(3))]
    assert store.events(run.id, after=7) == []
    assert store.run(run.id).train_seconds == 1.5


def test_recent_runs_come_newest_first(store):
    ids = [store.create(config) for config in (CONFIG, ClassifyConfig(), CONFIG)]
    store.stop(ids[2])
    assert [run.id for run in store.recent()] == ids[::-1]
    assert [run.id for run in store.recent(limit=1)] == ids[2:]
    assert [run.id for run in store.recent(kind="classify")] == [ids[1]]
    assert [run.id for run in store.recent(unfinished=True)] == [ids[1], ids[0]]


def test_wishes_reach_the_worker(store):
    run = store.begin(store.create(CONFIG))
    assert write(store, run, [0]) == (None, False, False)
    store.set_lr(run.id, 0.5)
    store.pause(run.id)
    assert write(store, run, []) == (0.5, True, False)
    store.resume(run.id)
    store.stop(run.id)
    assert write(store, run, []) == (0.5, False, True)


@pytest.mark.parametrize("lr", [0, -1, float("nan"), float("inf")])
def test_a_learning_rate_must_be_positive(store, lr):
    run_id = store.create(CONFIG)
    with pytest.raises(ValueError, match="must be a positive number"):
        store.set_lr(run_id, lr)


def test_a_waiting_run_that_is_stopped_never_begins(store):
    run_id = store.create(CONFIG)
    store.stop(run_id)
    assert store.run(run_id).status is Status.STOPPED
    assert store.run(run_id).finished is not None
    assert store.begin(run_id) is None
    assert store.run(run_id).attempt == 0


def test_a_running_run_is_only_asked_to_stop(store):
    run = store.begin(store.create(CONFIG))
    store.stop(run.id)
    assert store.run(run.id).status is Status.RUNNING


def test_what_has_ended_stays_as_it_is(store):
    run = store.begin(store.create(CONFIG))
    write(store, run, range(3))
    store.end(run, Status.FINISHED)
    ended = store.run(run.id)
    store.fail(run.id, "too late")
    store.stop(run.id)
    store.end(run, Status.STOPPED)
    assert write(store, run, [3]).stopping
    assert store.begin(run.id) is None
    assert store.run(run.id) == ended
    assert len(store.events(run.id)) == 3


def test_a_second_attempt_begins_anew_and_the_first_can_do_no_harm(store):
    first = store.begin(store.create(CONFIG))
    write(store, first, range(5))
    second = store.begin(first.id)
    assert (first.attempt, second.attempt) == (1, 2)
    assert store.events(first.id) == []
    assert write(store, first, [5]).stopping
    store.end(first, Status.STOPPED)
    assert not write(store, second, [0]).stopping
    assert store.run(first.id).status is Status.RUNNING
    assert store.events(first.id) == [(0, epoch(0))]


def test_a_message_may_hold_anything(store):
    run_id = store.create(CONFIG)
    store.fail(run_id, "a\0b \ud800 <b>'; DROP TABLE runs; --")
    assert store.run(run_id).message == "ab ? <b>'; DROP TABLE runs; --"


def test_a_run_that_this_program_no_longer_understands_says_so_and_hides_no_other(store, tmp_path):
    strange, fine = store.create(CONFIG), store.create(CONFIG)
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        file.execute("UPDATE runs SET config_json = '{\"words\": 3}' WHERE id = ?", [strange])
    assert [run.id for run in store.recent()] == [fine, strange]
    with pytest.raises(ValueError, match="unknown fields \\['words'\\]"):
        _ = store.run(strange).config


def test_a_store_of_a_newer_version_is_refused_and_left_alone(url, store, tmp_path):
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        file.execute("UPDATE schema SET version = 99")
    with pytest.raises(RuntimeError, match=r"newer version of this program \(schema 99"):
        Store(url)
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        assert file.execute("SELECT version FROM schema").fetchall() == [(99,)]


def test_the_store_lies_in_data_dir_unless_an_url_names_another(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "some data"))
    Store().close()
    assert (tmp_path / "some data" / "runs.sqlite").exists()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite")
    Store().close()
    assert (tmp_path / "other.sqlite").exists()


def open_and_close(url):
    Store(url).close()


def write_a_whole_run(url, run_id):
    store = Store(url)
    run = store.begin(run_id)
    for n in range(200):
        write(store, run, [2 * n, 2 * n + 1])
    store.end(run, Status.FINISHED)


def test_two_processes_write_while_another_reads(url):
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        # at first all open a store that is not there yet
        for opening in [pool.submit(open_and_close, url) for _ in range(3)]:
            opening.result()
        store = Store(url)
        ids = [store.create(CONFIG) for _ in range(2)]
        writers = [pool.submit(write_a_whole_run, url, run_id) for run_id in ids]
        seen = {run_id: [] for run_id in ids}
        while not all(writer.done() for writer in writers):
            for run_id in ids:
                seen[run_id] += store.events(run_id, after=len(seen[run_id]) - 1)
                store.set_lr(run_id, 0.1)
        for writer in writers:
            writer.result()
    for run_id in ids:
        seen[run_id] += store.events(run_id, after=len(seen[run_id]) - 1)
        assert seen[run_id] == [(n, epoch(n)) for n in range(400)]
        assert store.run(run_id).status is Status.FINISHED
