"""The store on SQLite."""

import sqlite3
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs.access import RunAccess
from core.runs.identity import Visitor
from core.runs.models import Status
from core.runs.store import IMPORTED, Store, event_row
from core.training import Checkpoint
from tests.runs import claim_run, sync

CONFIG = MemorizeConfig("hello")


def epoch(number):
    return MemorizeEpoch(number, loss=1 / (number + 1), lr=0.01, reconstruction="h", char_accuracy=0.2)


def write(store, run, numbers):
    return sync(store, run, rows=[event_row(run.id, n, epoch(n)) for n in numbers], train_seconds=1.5)


def test_a_new_run_waits_with_its_config(store):
    run = store.run(store.create(CONFIG))
    assert (run.status, run.kind, run.config) == (Status.WAITING, "memorize", CONFIG)
    assert (run.started_at, run.finished_at, run.changes) == (None, None, {})
    assert (run.pause_requested, run.stop_requested) == (False, False)
    assert not run.status.is_terminal


def test_ids_cannot_be_guessed_and_unknown_ones_are_none(store):
    ids = {store.create(CONFIG) for _ in range(50)}
    assert len(ids) == 50
    assert min(map(len, ids)) >= 16
    assert store.run("' OR 1=1 --") is None
    assert store.events("nobody's") == []


def test_events_come_in_order_after_the_last_one_seen(store):
    run = claim_run(store, store.create(CONFIG))
    write(store, run, range(5))
    write(store, run, range(5, 8))
    assert store.events(run.id) == [(n, epoch(n)) for n in range(8)]
    assert store.events(run.id, after=5) == [(6, epoch(6)), (7, epoch(7))]
    assert store.events(run.id, after=1, limit=2) == [(2, epoch(2)), (3, epoch(3))]
    assert store.events(run.id, after=7) == []
    assert store.run(run.id).train_seconds == 1.5


def test_runs_are_listed_newest_first(store):
    ids = [store.create(config) for config in (CONFIG, ClassifyConfig(), CONFIG)]
    store.stop(ids[2])
    assert [run.id for run in store.list_runs()] == ids[::-1]
    assert [run.id for run in store.list_runs(limit=1)] == ids[2:]
    assert [run.id for run in store.list_runs(kind="classify")] == [ids[1]]
    assert [run.id for run in store.list_runs(unfinished=True)] == [ids[1], ids[0]]


def test_the_desired_state_reaches_the_worker(store):
    run = claim_run(store, store.create(CONFIG))
    assert write(store, run, [0])[:4] == ({}, False, False, 0.0)
    store.steer(run.id, lr=0.5)
    store.pause(run.id)
    store.set_pace(run.id, 0.3)
    assert write(store, run, [])[:4] == ({"lr": 0.5}, True, False, 0.3)
    store.resume(run.id)
    store.stop(run.id)
    assert write(store, run, [])[:4] == ({"lr": 0.5}, False, True, 0.3)


def test_a_paused_run_advances_once_per_requested_unit(store):
    run = claim_run(store, store.create(CONFIG))
    store.advance(run.id, "step")
    assert write(store, run, []).advance == (), "it is not paused"
    store.pause(run.id)
    for unit in ("step", "epoch", "step"):
        store.advance(run.id, unit)
    assert write(store, run, []).advance == ("step", "step", "epoch")
    assert write(store, run, []).advance == ()
    with pytest.raises(ValueError, match="one 'step' or one 'epoch', but not by one 'week'"):
        store.advance(run.id, "week")


def test_changes_accumulate_and_the_config_stays_as_submitted(store):
    run_id = store.create(ClassifyConfig())
    store.steer(run_id, lr=0.2)
    store.steer(run_id, momentum=0.5, schedule="constant")
    store.steer(run_id, lr=0.3)
    run = store.run(run_id)
    assert run.changes == {"lr": 0.3, "momentum": 0.5, "schedule": "constant"}
    assert run.config == ClassifyConfig()


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (CONFIG, {"lr": -1.0}, "The learning rate must be a number from 1e-06 to 10, but it is -1"),
        (CONFIG, {"lr": float("nan")}, "but it is nan"),
        (CONFIG, {"lr": "fast"}, "but it is 'fast'"),
        (CONFIG, {"sentence": "other"}, "lr can be changed during training, but not sentence"),
        (CONFIG, {"id; DROP TABLE runs": 1}, "but not id; DROP TABLE runs"),
        (ClassifyConfig(), {"momentum": 1.5}, "The momentum must be a number from 0 to 0.999"),
        (ClassifyConfig(), {"hidden": (3,), "seed": 3}, "but not hidden and seed"),
    ],
)
def test_an_invalid_change_is_rejected_and_changes_nothing(store, config, changes, message):
    run_id = store.create(config)
    store.steer(run_id, lr=0.5)
    with pytest.raises(ValueError, match=message):
        store.steer(run_id, **changes)
    assert store.run(run_id).changes == {"lr": 0.5}


@pytest.mark.parametrize("seconds", [-1, 11, float("nan"), "slow"])
def test_an_invalid_pace_is_rejected(store, seconds):
    with pytest.raises(ValueError, match="The number of seconds per step must be a number from 0 to 10"):
        store.set_pace(store.create(CONFIG), seconds)


def test_changes_to_ended_and_unknown_runs_have_no_effect(store):
    run_id = store.create(CONFIG)
    store.stop(run_id)
    before = store.run(run_id)
    for some in (run_id, "nobody's"):
        store.steer(some, lr=0.5)
        store.set_pace(some, 1)
        store.advance(some, "step")
    assert store.run(run_id) == before


def test_a_waiting_run_that_is_stopped_never_starts(store):
    run_id = store.create(CONFIG)
    store.stop(run_id)
    assert store.run(run_id).status is Status.STOPPED
    assert store.run(run_id).finished_at is not None
    assert claim_run(store, run_id) is None
    assert store.run(run_id).attempt == 0


def test_a_running_run_is_only_asked_to_stop(store):
    run = claim_run(store, store.create(CONFIG))
    store.stop(run.id)
    assert store.run(run.id).status is Status.RUNNING


@pytest.mark.parametrize("worker", ["gives it back", "dies"])
def test_a_paused_run_that_is_stopped_ends_whatever_its_worker_does_at_that_moment(store, worker):
    run = claim_run(store, store.create(CONFIG))
    store.pause(run.id)
    store.stop(run.id, "Stopped by the teacher.")
    if worker == "dies":
        store.requeue(run.claimed_by)
    else:
        sync(store, run, status=Status.WAITING)
    ended = store.run(run.id)
    assert (ended.status, ended.message, ended.claimed_by) == (Status.STOPPED, "Stopped by the teacher.", "")
    assert ended.finished_at is not None


def test_a_deleted_run_cannot_be_claimed(store):
    run_id = store.create(CONFIG)
    store.delete(run_id)
    assert store.claim("worker") == []
    assert claim_run(store, run_id) is None


def test_ended_runs_do_not_change(store):
    run = claim_run(store, store.create(CONFIG))
    write(store, run, range(3))
    store.finish(run, Status.FINISHED)
    ended = store.run(run.id)
    store.finish(run, Status.FAILED, "too late")
    store.stop(run.id)
    store.finish(run, Status.STOPPED)
    assert write(store, run, [3]) is None
    assert claim_run(store, run.id) is None
    assert store.run(run.id) == ended
    assert len(store.events(run.id)) == 3


def checkpoint(number):
    return Checkpoint({"model.weight": np.full(3, number), "optimizer.means": np.ones(3)}, {"step": number})


def save(store, run, seq):
    return sync(store, run, train_seconds=1.5, checkpoint=(checkpoint(seq).to_bytes(), seq))


def test_only_the_latest_checkpoint_is_kept(store):
    run = claim_run(store, store.create(CONFIG))
    assert store.checkpoint(run.id) is None
    assert store.checkpoint_and_seq(run.id) == (None, -1)
    write(store, run, range(5))
    save(store, run, 2)
    save(store, run, 4)
    kept, seq = store.checkpoint_and_seq(run.id)
    assert (kept.to_bytes(), seq) == (checkpoint(4).to_bytes(), 4)


@pytest.mark.parametrize("how", ["finished", "finished in a sync", "stopped without a worker"])
def test_an_ended_run_keeps_only_its_weights(store, how):
    run = claim_run(store, store.create(CONFIG))
    whole = Checkpoint(
        {"model.weight": np.ones(3), "optimizer.means": np.ones(10_000), "order": np.arange(10_000)}, {"epoch": 7}
    )
    write(store, run, range(3))
    sync(store, run, checkpoint=(whole.to_bytes(), 2))
    if how == "finished":
        store.finish(run, Status.FINISHED)
    elif how == "finished in a sync":
        sync(store, run, status=Status.FINISHED)
        store.tidy()
    else:
        store.pause(run.id)
        sync(store, run, status=Status.WAITING)
        assert store.checkpoint(run.id).arrays.keys() == whole.arrays.keys(), "a paused run needs everything"
        store.tidy()
        assert store.checkpoint(run.id).arrays.keys() == whole.arrays.keys()
        store.stop(run.id)
        store.tidy()
    kept, seq = store.checkpoint_and_seq(run.id)
    assert (list(kept.arrays), kept.metadata, seq) == (["model.weight"], {"epoch": 7}, 2)
    assert store.run(run.id).size < 2_000
    assert store.run(store.create(CONFIG, parent=run.id)), "another run can continue from its weights"


def test_a_second_attempt_continues_after_the_checkpoint_and_locks_the_first_out(store):
    first = claim_run(store, store.create(CONFIG))
    write(store, first, range(5))
    save(store, first, 2)
    second = claim_run(store, first.id)
    assert (first.attempt, second.attempt) == (1, 2)
    assert (second.started_at, second.train_seconds) == (first.started_at, 1.5)
    assert store.events(first.id) == [(n, epoch(n)) for n in range(3)]
    assert write(store, first, [5]) is None
    assert save(store, first, 5) is None
    store.finish(first, Status.STOPPED)
    assert write(store, second, [3]) is not None
    assert store.run(first.id).status is Status.RUNNING
    assert store.events(first.id) == [(n, epoch(n)) for n in range(4)]
    assert store.checkpoint_and_seq(first.id)[1] == 2


def test_a_second_attempt_without_checkpoint_starts_from_scratch(store):
    run = claim_run(store, store.create(CONFIG))
    write(store, run, range(5))
    assert claim_run(store, run.id).attempt == 2
    assert store.events(run.id) == []


def test_a_run_can_start_from_the_weights_of_another(store):
    parent = claim_run(store, store.create(CONFIG))
    save(store, parent, 7)
    child = store.run(store.create(CONFIG, parent=parent.id))
    assert child.parent == parent.id
    kept, seq = store.checkpoint_and_seq(child.id)
    assert (kept.to_bytes(), seq) == (checkpoint(7).weights().to_bytes(), -1)


@pytest.mark.parametrize("why", ["unknown", "nothing learned", "another kind"])
def test_a_run_without_suitable_weights_cannot_be_a_parent(store, why):
    parent = store.create(ClassifyConfig() if why == "another kind" else CONFIG)
    if why == "another kind":
        save(store, claim_run(store, parent), 0)
    before = len(store.list_runs())
    with pytest.raises(ValueError, match="has no saved weights yet"):
        store.create(CONFIG, parent="nobody's" if why == "unknown" else parent)
    assert len(store.list_runs()) == before


def test_a_message_may_hold_anything(store):
    run = claim_run(store, store.create(CONFIG))
    store.finish(run, Status.FAILED, "a\0b \ud800 <b>'; DROP TABLE runs; --")
    assert store.run(run.id).message == "ab ? <b>'; DROP TABLE runs; --"


def test_a_run_with_an_unreadable_config_raises_and_does_not_affect_others(store, tmp_path):
    strange, fine = store.create(CONFIG), store.create(CONFIG)
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        file.execute("UPDATE runs SET config_json = '{\"words\": 3}' WHERE id = ?", [strange])
    assert [run.id for run in store.list_runs()] == [fine, strange]
    with pytest.raises(ValueError, match="unknown fields \\['words'\\]"):
        _ = store.run(strange).config


def test_a_database_of_a_newer_version_is_rejected_and_left_unchanged(url, store, tmp_path):
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        file.execute("UPDATE schema SET version = 99")
    with pytest.raises(RuntimeError, match=r"newer version of this program \(schema 99"):
        Store(url)
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        assert file.execute("SELECT version FROM schema").fetchall() == [(99,)]


def test_the_database_is_in_data_dir_unless_database_url_is_set(monkeypatch, tmp_path):
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
    run = claim_run(store, run_id)
    for n in range(200):
        write(store, run, [2 * n, 2 * n + 1])
    store.finish(run, Status.FINISHED)


@pytest.mark.slow
def test_two_processes_write_while_another_reads(url):
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        # at first all open a database that does not exist yet
        for opening in [pool.submit(open_and_close, url) for _ in range(3)]:
            opening.result()
        store = Store(url)
        ids = [store.create(CONFIG) for _ in range(2)]
        writers = [pool.submit(write_a_whole_run, url, run_id) for run_id in ids]
        seen = {run_id: [] for run_id in ids}
        while not all(writer.done() for writer in writers):
            for run_id in ids:
                seen[run_id] += store.events(run_id, after=len(seen[run_id]) - 1)
                store.steer(run_id, lr=0.1)
        for writer in writers:
            writer.result()
    for run_id in ids:
        seen[run_id] += store.events(run_id, after=len(seen[run_id]) - 1)
        assert seen[run_id] == [(n, epoch(n)) for n in range(400)]
        assert store.run(run_id).status is Status.FINISHED


def test_a_run_can_start_from_uploaded_weights(store):
    run = store.run(store.create(CONFIG, weights=checkpoint(3)))
    assert run.parent == IMPORTED
    kept, seq = store.checkpoint_and_seq(run.id)
    assert (kept.to_bytes(), seq) == (checkpoint(3).weights().to_bytes(), -1)


def test_find_matching_returns_the_newest_unchanged_run_from_its_own_initial_weights(store):
    me, somebody, other = Visitor("me"), Visitor("somebody"), replace(CONFIG, seed=1)
    assert store.find_matching([CONFIG, other], "me") == [None, None]
    mine, theirs = store.create(CONFIG, by=me), store.create(other, by=somebody)
    assert [run and run.id for run in store.find_matching([other, CONFIG], "me")] == [None, mine]
    store.finish(claim_run(store, theirs), Status.FINISHED)
    assert [run.id for run in store.find_matching([other, CONFIG], "me")] == [theirs, mine]

    steered, stopped, paused = (store.create(CONFIG, by=me) for _ in range(3))
    store.steer(steered, lr=0.5)
    store.stop(stopped)
    store.pause(paused)
    parent = claim_run(store, store.create(replace(CONFIG, seed=2)))
    save(store, parent, 7)
    store.create(CONFIG, parent=parent.id, by=me)
    store.create(CONFIG, weights=checkpoint(3), by=me)
    assert [run.id for run in store.find_matching([CONFIG], "me")] == [mine]
    newest = store.create(CONFIG, by=me)
    assert [run.id for run in store.find_matching([CONFIG], "me")] == [newest]


@pytest.mark.parametrize("forged", ["", "' OR 1=1 --", "a\0b", "\ud800", "../../etc", "ü" * 10_000])
def test_forged_ids_match_no_run(store, forged):
    run_id = store.create(CONFIG)
    assert store.run(forged) is None
    access = RunAccess(SimpleNamespace(store=store), Visitor("ann"))
    for change in (access.delete, lambda forged: access.set_title(forged, "x")):
        change(forged)
    assert store.run(run_id).title == ""


@pytest.mark.parametrize(("unit", "requested"), [("step", (1, 0)), ("epoch", (0, 1)), ("", (0, 0))])
def test_a_run_is_created_with_its_pace_and_with_what_it_trains_before_it_pauses(store, unit, requested):
    run = store.run(store.create(MemorizeConfig("ab"), min_step_seconds=0.5, unit=unit))
    assert (run.pause_requested, run.min_step_seconds) == (bool(unit), 0.5)
    assert (run.steps_requested, run.epochs_requested) == requested


@pytest.mark.parametrize("wrong", [{"unit": "hour"}, {"min_step_seconds": 11}, {"min_step_seconds": -1}])
def test_a_run_is_not_created_with_a_pace_or_unit_that_does_not_exist(store, wrong):
    with pytest.raises(ValueError, match=r"hour|seconds per step"):
        store.create(MemorizeConfig("ab"), **wrong)
    assert store.count_runs() == 0


def test_a_run_is_not_created_with_weights_that_do_not_fit_it(store):
    weights = Checkpoint(
        {
            "model.layers.modules.0.weight": np.zeros((784, 5), np.float32),
            "model.layers.modules.0.bias": np.zeros(5, np.float32),
            "model.layers.modules.3.weight": np.zeros((5, 10), np.float32),
            "model.layers.modules.3.bias": np.zeros(10, np.float32),
        },
        {},
    )
    parent = store.create(ClassifyConfig(hidden=(5,)), weights=weights)
    for start in ({"parent": parent}, {"weights": weights}):
        assert store.run(store.create(ClassifyConfig(hidden=(5,)), **start))
        with pytest.raises(ValueError, match="784 → 5 → 10 units per layer; this one has 784 → 64 → 10"):
            store.create(ClassifyConfig(hidden=(64,)), **start)
    assert len(store.list_runs()) == 3
