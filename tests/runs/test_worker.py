"""A worker without Dask: it saves what its runs yield and does what their owners want."""

import threading
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from core import memorize
from core.classify import ClassifyConfig, Epoch, Step, datasets
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.plane import PlaneConfig, PlaneEpoch, PlaneStep, from_text
from core.runs import active_run, sync, worker
from core.runs.database import StoreUnavailable
from core.runs.identity import Visitor
from core.runs.job_types import JOB_TYPES, MemoryNeed, is_worth_storing, job_type_of
from core.runs.limits import Limits
from core.runs.models import Status
from core.runs.serialization import to_json
from core.runs.store import DesiredState, SyncResult
from core.runs.worker import Worker, total_bytes
from core.training import Change, Checkpoint, Control
from tests.runs import ended, wait_for

LONG = MemorizeConfig("abcabc", hidden_size=8, num_layers=1, epochs=5_000, backend="torch")  # the slower one
SHORT = MemorizeConfig("abcabc", hidden_size=8, num_layers=1, epochs=30)
DIGITS = ClassifyConfig(hidden=(8,), dropout=0.2, epochs=2)
PLANE = PlaneConfig(epochs=1_500, edits=((0, 1, "weight", 0, 2.0), (1, 0, "off", 0, 1)))


@pytest.fixture
def train(store, start_worker):
    """train(config) starts a run in a worker; train(run_id) has it claimed; both return its id."""
    workers = []

    def train(what, **arguments):
        run_id = what if isinstance(what, str) else store.create(what, **arguments)
        if workers:
            workers[0].wake()
        else:
            workers.append(start_worker())
        return run_id

    return train


def kinds(store, run_id):
    return [type(event) for _, event in store.events(run_id)]


def wait_until_paused(store, run_id):
    wait_for(lambda: store.run(run_id).status is Status.PAUSED)


def json_events(store, run_id):
    return [to_json(event) for _, event in store.events(run_id)]


def alone(config):
    """Return what is stored of a run, as JSON, by iterating its training loop directly."""
    events = JOB_TYPES[job_type_of(config)].start(config, Control(), None)
    return [to_json(event) for event in events if not isinstance(event, Checkpoint) and is_worth_storing(event)]


def test_a_run_trains_to_its_end_and_its_weights_are_saved(store, train):
    run = ended(store, train(SHORT))
    assert run.status is Status.FINISHED
    assert run.train_seconds > 0
    assert [seq for seq, _ in store.events(run.id)] == list(range(30))
    kept, seq = store.checkpoint_and_seq(run.id)
    assert (kept.metadata["epoch"], seq) == (30, 29)


@pytest.mark.slow
@pytest.mark.parametrize("config", [LONG, ClassifyConfig(epochs=500)])
def test_a_paused_run_advances_one_step_or_one_epoch_at_a_time(store, train, config):
    run_id = store.create(config)
    store.pause(run_id)
    train(run_id)
    wait_until_paused(store, run_id)
    assert store.events(run_id) == []
    assert store.checkpoint_and_seq(run_id)[1] == -1, "its initial weights can be viewed"
    step = Step if isinstance(config, ClassifyConfig) else MemorizeEpoch
    for steps in (1, 2):
        store.advance(run_id, "step")
        wait_for(lambda steps=steps: store.checkpoint_and_seq(run_id)[1] == steps - 1)
        assert kinds(store, run_id) == [step] * steps
    store.advance(run_id, "epoch")
    if step is MemorizeEpoch:
        wait_for(lambda: store.checkpoint_and_seq(run_id)[1] == 2)
        assert kinds(store, run_id) == [step] * 3
    else:
        wait_for(lambda: kinds(store, run_id)[-1] is Epoch)
        wait_until_paused(store, run_id)
        assert kinds(store, run_id) == [step] * 36 + [Epoch]  # 3,600 images, 100 per batch


def test_a_stopped_run_keeps_the_weights_of_its_last_step(store, train):
    run_id = train(LONG)
    wait_for(lambda: len(store.events(run_id)) > 3)
    store.stop(run_id)
    assert ended(store, run_id).status is Status.STOPPED
    kept, seq = store.checkpoint_and_seq(run_id)
    last = store.events(run_id)[-1]
    assert (kept.metadata["epoch"], seq) == (last[1].epoch + 1, last[0])


def test_a_run_that_a_teacher_stops_while_it_trains_says_so(store, train):
    run_id = train(LONG)
    wait_for(lambda: store.events(run_id))
    store.stop(run_id, "Stopped by the teacher.")
    run = ended(store, run_id)
    assert (run.status, run.message) == (Status.STOPPED, "Stopped by the teacher.")


def test_a_run_that_is_deleted_while_it_trains_is_forgotten_and_its_data_removed(store, start_worker):
    the_worker = start_worker()
    run_id = store.create(LONG)
    wait_for(lambda: the_worker.wake() or store.events(run_id))
    store.delete(run_id)
    assert store.run(run_id) is None
    wait_for(lambda: run_id not in the_worker._runs)
    store.tidy()
    assert (store.events(run_id), store.checkpoint_and_seq(run_id)) == ([], (None, -1))


def test_the_limits_of_a_run_are_those_of_its_class(store, train):
    store.set_limits(Limits(max_minutes=0.001), "7B")
    limited = train(LONG, by=Visitor("ann", classroom="7B"))
    free = train(SHORT, by=Visitor("bob", classroom="8A"))
    assert ended(store, free).status is Status.FINISHED
    run = ended(store, limited)
    assert (run.status, run.message) == (
        Status.STOPPED,
        "Stopped after 0.001 minutes of training, the time limit for one run.",
    )


@pytest.mark.slow
def test_a_run_that_nobody_views_is_paused_and_given_back_as_its_class_wants(store, start_worker):
    store.set_limits(Limits(idle_pause_minutes=1e-9), "7B")
    watched, unwatched = (store.create(LONG, by=Visitor(room, classroom=room)) for room in ("8A", "7B"))
    the_worker = start_worker()
    wait_for(lambda: unwatched not in the_worker._runs and store.run(unwatched).status is Status.PAUSED)
    run = store.run(unwatched)
    assert (run.auto_paused, run.pause_requested, run.claimed_by, run.worker_crashes) == (True, True, "", 0)
    wait_for(lambda: store.events(watched))
    assert store.run(watched).status is Status.RUNNING


@pytest.mark.slow
def test_a_change_takes_effect_and_is_saved_as_an_event(store, train):
    run_id = train(LONG)
    wait_for(lambda: store.events(run_id))
    store.steer(run_id, lr=0.5)
    change, *_ = wait_for(lambda: [event for _, event in store.events(run_id) if isinstance(event, Change)])
    assert (change.name, change.value) == ("lr", 0.5)
    store.stop(run_id)
    epochs = [event for _, event in store.events(run_id) if isinstance(event, MemorizeEpoch)]
    assert {event.lr for event in epochs if event.epoch >= change.at} == {0.5}


def test_checkpoints_are_saved_during_training(store, train, monkeypatch):
    monkeypatch.setattr(sync, "CHECKPOINT_INTERVAL", 0.0)
    run_id = train(LONG)
    first = wait_for(lambda: store.checkpoint_and_seq(run_id)[1] + 1)
    wait_for(lambda: store.checkpoint_and_seq(run_id)[1] > first)


def test_weights_that_do_not_fit_fail_with_a_message(store, train):
    parent = ended(store, train(SHORT)).id
    child = ended(store, train(MemorizeConfig("other letters", hidden_size=9, num_layers=1), parent=parent))
    assert child.status is Status.FAILED
    assert "belong to another network" in child.message


# Slow motion


@pytest.mark.slow
def test_slow_motion_can_be_switched_off_while_a_run_waits_for_its_next_step(store, train):
    run_id = store.create(LONG)
    store.set_pace(run_id, 10)
    train(run_id)
    wait_for(lambda: store.events(run_id))
    assert len(store.events(run_id)) == 1
    store.set_pace(run_id, 0)
    wait_for(lambda: len(store.events(run_id)) > 20)


@pytest.mark.slow
def test_a_run_in_slow_motion_or_paused_has_no_turn(store, start_worker, monkeypatch):
    monkeypatch.setattr(worker, "PATIENCE", 1e6)
    ids = [store.create(LONG) for _ in range(4)]
    for run_id in ids:
        store._update_active(run_id, min_step_seconds=1e6)
    store.pause(ids[0])
    the_worker = start_worker()
    wait_for(lambda: all(store.events(run_id) for run_id in ids[1:]))
    wait_until_paused(store, ids[0])
    turns = [the_worker._runs[run_id].last_turn for run_id in ids]
    other = store.create(SHORT)
    the_worker.wake()
    assert ended(store, other).status is Status.FINISHED
    assert [the_worker._runs[run_id].last_turn for run_id in ids] == turns


def slow_run(monkeypatch, limits=None, seconds_per_step=0.25):
    """Return a run in slow motion with its clock, which the steps and the test move."""
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=100.0)
    monkeypatch.setattr(active_run, "time", clock)

    def start(config, control, checkpoint):
        for number in range(5_000):
            clock.now += seconds_per_step
            yield MemorizeEpoch(number, 0.5, 0.01, "", 0.0)
            if control.checkpoint_requested:
                control.checkpoint_requested = False
                yield Checkpoint({}, {})

    job_type = SimpleNamespace(
        start=start, units={"step": MemorizeEpoch, "epoch": MemorizeEpoch}, metrics=lambda event: {}
    )
    monkeypatch.setattr(active_run, "JOB_TYPES", {"memorize": job_type})
    return clock, limits or Limits()


def claimed(store, config, limits):
    [run] = store.claim("worker")
    active = active_run.ActiveRun(run, limits, lambda: None)
    active.load(store)
    return active


def test_a_step_takes_as_long_as_the_slow_motion_says_however_long_it_computes(store, monkeypatch):
    clock, limits = slow_run(monkeypatch)
    store.set_pace(store.create(LONG), 1.0)
    run, began = claimed(store, LONG, limits), []
    for _ in range(10):
        assert run.ready_at() <= clock.now
        began.append(clock.now)
        run.take_turn(0.05)
        clock.now = max(clock.now, run.ready_at())
    assert [later - earlier for earlier, later in pairwise(began)] == [1.0] * 9
    assert (run.sync.train_seconds, run.sync.slow_seconds) == (2.5, 9 * 0.75)


@pytest.mark.parametrize(("seconds", "is_stored"), [(0.0, False), (0.01, False), (1.0, True)])
def test_single_steps_in_the_plane_are_stored_only_while_somebody_can_follow_them(
    store, monkeypatch, seconds, is_stored
):
    """At the default pace, all students of a class would store hundreds of steps per second each."""
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=100.0)
    monkeypatch.setattr(active_run, "time", clock)
    config = PlaneConfig(epochs=2)
    store.set_pace(store.create(config), seconds)
    run = claimed(store, config, Limits())
    for _ in range(10):
        run.take_turn(0.05)
        clock.now = max(clock.now, run.ready_at())
    assert any(row["kind"] == "PlaneStep" for row in run.sync.take().rows) is is_stored


def test_the_state_before_training_is_not_an_epoch():
    first, *_ = (event for event in JOB_TYPES["plane"].start(PlaneConfig(), Control(), None) if event)
    assert not JOB_TYPES["plane"].completes(PlaneEpoch, first)
    assert JOB_TYPES["plane"].completes(PlaneEpoch, replace(first, epoch=1))


def test_slow_motion_counts_towards_the_time_limit_and_waiting_for_others_does_not(store, monkeypatch):
    clock, limits = slow_run(monkeypatch, Limits(max_minutes=1.0))
    store.set_pace(store.create(LONG), 10.0)
    run = claimed(store, LONG, limits)
    while not run.sync.has_ended:
        run.take_turn(0.05)
        clock.now += 30.0  # twenty seconds longer than it had to wait
    update = run.sync.take()
    assert (update.status, len(update.rows)) == (Status.STOPPED, 7)
    assert update.message == (
        "Stopped after 1 minutes of training (slow motion: 1.0 minutes), the time limit for one run."
    )


@pytest.mark.parametrize(("count", "cost"), [(1, 0.01), (1, 1.0), (12, 0.3)])
def test_checkpoints_take_at_most_their_share_of_the_time(store, monkeypatch, count, cost):
    """On a fake clock: a step takes 0.25 seconds, a sync `cost` seconds per checkpoint that it saves."""
    clock, limits = slow_run(monkeypatch, Limits(idle_pause_minutes=0))
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(sync, "time", clock)
    for number in range(count):
        store.create(LONG, by=Visitor(str(number)))
    the_worker = Worker(lambda: store, "no server", 0)
    for run in store.claim("worker"):
        active = the_worker._runs[run.id] = active_run.ActiveRun(run, limits, lambda: None)
        active.load(store)
    desired = {run_id: DesiredState({}, False, False, 0.0) for run_id in the_worker._runs}
    saved: list[str] = []  # ids

    def save(name, updates, retrying):
        new = [update.run.id for update in updates if update.checkpoint]
        saved.extend(new)
        clock.now += cost * len(new)
        return SyncResult(desired, None)

    def train_until(moment):
        while clock.now < moment:
            for active in the_worker._runs.values():
                active.take_turn(0.05)
            the_worker._sync(SimpleNamespace(sync=save))

    interval = max(sync.CHECKPOINT_INTERVAL, count * cost / sync.MAX_CHECKPOINT_SHARE)
    train_until(clock.now + 2 * interval)  # the first checkpoints tell what one costs
    began, saved[:] = clock.now, []
    train_until(began + 10 * interval)
    assert cost * (len(saved) - count) <= sync.MAX_CHECKPOINT_SHARE * (clock.now - began)
    assert all(saved.count(run_id) >= 5 for run_id in desired), "no run goes without"


# Many runs at once


def many(store, count):
    """Add as many runs of different kinds and owners."""
    configs = [
        MemorizeConfig("to be or not to be", hidden_size=12, epochs=60),
        MemorizeConfig("abcabc", hidden_size=8, epochs=40, cell="GRU"),
        MemorizeConfig("abcabc", hidden_size=8, epochs=20, backend="torch"),
        ClassifyConfig(hidden=(8,), epochs=1, augment=("shift",)),
        PlaneConfig(epochs=20),
    ]
    return [store.create(configs[i % 5], by=Visitor(str(i))) for i in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("config", [DIGITS, MemorizeConfig("abc abd", hidden_size=16, epochs=200), PLANE])
def test_a_run_yields_the_same_events_alone_and_beside_29_others_and_when_it_is_resumed(
    store, start_worker, config, monkeypatch
):
    monkeypatch.setattr(worker, "TURN", 1e-6)  # one event per turn
    first = start_worker()
    undisturbed = store.create(config, by=Visitor("ann"))
    moved = store.create(config, by=Visitor("bob"))
    others = many(store, 29)
    first.wake()
    wait_for(lambda: len(store.events(moved)) > 3)
    with first._changed:
        first._runs[moved].must_leave = True
    second = start_worker()
    wait_for(lambda: second.wake() or store.run(moved).attempt == 2)
    expected = alone(config)
    for run_id in (undisturbed, moved, *others):
        assert ended(store, run_id).status is Status.FINISHED
    assert json_events(store, undisturbed) == expected
    assert json_events(store, moved) == expected


@pytest.mark.slow
def test_edits_of_a_paused_network_are_events_and_the_run_goes_on_from_them(store, train):
    run_id = store.create(replace(PLANE, epochs=5, edits=()))
    store.pause(run_id)
    train(run_id)
    store.advance(run_id, "step")
    wait_for(lambda: kinds(store, run_id) == [PlaneEpoch, PlaneStep])
    wait_until_paused(store, run_id)
    typed = ((0, 1, "weight", 0, 2.0),)
    store.steer(run_id, edits=typed)
    store.steer(run_id, edits=(*typed, (1, 0, "off", 0, 1)))
    with pytest.raises(ValueError, match="The unit of an edit must be"):
        store.steer(run_id, edits=((0, 9, "weight", 0, 2.0),))
    assert store.run(run_id).changes == {"edits": [[0, 1, "weight", 0, 2.0], [1, 0, "off", 0, 1]]}
    store.advance(run_id, "step")
    wait_for(lambda: len(store.events(run_id)) == 4)
    change, step = [event for _, event in store.events(run_id)][2:]
    assert change == Change(1, "edits", (*typed, (1, 0, "off", 0, 1)))
    assert from_text(step.weights)[1] == pytest.approx(2, abs=0.1)
    assert len(step.batch) == PLANE.batch_size
    store.resume(run_id)
    run = ended(store, run_id)
    assert (run.status, run.metrics["epochs"]) == (Status.FINISHED, 5)
    assert run.metrics.keys() >= {"loss", "accuracy", "test_accuracy", "parameters"}


@pytest.mark.slow
def test_a_run_whose_worker_was_lost_continues_from_its_checkpoint_with_the_same_events(store, start_worker):
    run_id = store.create(DIGITS)
    store.pause(run_id)
    first = start_worker()
    store.advance(run_id, "epoch")
    wait_for(lambda: len(store.events(run_id)) == 37)  # 36 steps and an Epoch event
    store.advance(run_id, "step")
    wait_for(lambda: len(store.events(run_id)) == 38)
    wait_until_paused(store, run_id)
    assert store.checkpoint_and_seq(run_id)[1] >= 0
    store.requeue(first.name)  # for the first worker, as if it had been silent for too long
    store.resume(run_id)
    start_worker()
    run = ended(store, run_id)
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert json_events(store, run_id) == alone(DIGITS)
    wait_for(lambda: not first._runs)


@pytest.mark.slow
def test_two_runs_with_the_same_new_patch_features_train_in_one_worker(store, train, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    config = ClassifyConfig(hidden=(8,), features="patches", patches=20, train_size=200, batch_size=50, epochs=1)
    one, other = (store.create(config, by=Visitor(owner)) for owner in ("ann", "bob"))
    train(one)
    for run_id in (one, other):
        assert ended(store, run_id).status is Status.FINISHED, store.run(run_id).message
    first, second = ([json for json in json_events(store, run_id) if "fraction" not in json] for run_id in (one, other))
    assert first == second


@pytest.mark.slow
def test_every_run_advances_beside_long_ones(store, train):
    long = [train(LONG, by=Visitor(f"long {i}")) for i in range(2)]
    wait_for(lambda: all(store.events(run_id) for run_id in long))
    short = [train(SHORT, by=Visitor(str(i))) for i in range(8)]
    for run_id in short:
        assert ended(store, run_id).status is Status.FINISHED
    assert all(store.run(run_id).status is Status.RUNNING for run_id in long)
    before = [len(store.events(run_id)) for run_id in long]
    wait_for(lambda: all(len(store.events(run_id)) > count for run_id, count in zip(long, before, strict=True)))


class FakeRun:
    """A run that is always ready and whose turns take so many seconds of a fake clock."""

    def __init__(self, clock, key, seconds):
        self.clock, self.key, self.seconds = clock, key, seconds
        self.last_turn, self.used, self.must_leave = 0.0, 0.0, False

    def update(self):
        pass

    def ready_at(self, others_wait):
        return 0.0


def take_turns(the_worker, clock, count):
    """Give turns as the training thread does; return whose they were."""
    turns = []
    for _ in range(count):
        run, _ = the_worker._next_run(clock.now)
        turns.append(run)
        the_worker._begin_turn(run)
        run.last_turn = clock.now
        clock.now += run.seconds
        run.used += run.seconds
        the_worker._end_turn(run, run.seconds)
    return turns


def test_owners_get_equal_shares_of_time_whatever_their_runs_and_steps(store):
    the_worker, clock = Worker(lambda: store, "no server", 0), SimpleNamespace(now=1.0)
    runs = [FakeRun(clock, "ann", 0.05) for _ in range(10)] + [FakeRun(clock, "bob", 0.05), FakeRun(clock, "cam", 0.7)]
    the_worker._runs = dict(enumerate(runs))
    take_turns(the_worker, clock, 3_000)
    shares = [sum(run.used for run in runs if run.key == key) / (clock.now - 1) for key in ("ann", "bob", "cam")]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.01)
    own = [run.used for run in runs[:10]]
    assert max(own) - min(own) < 0.06, "runs of one owner take turns"


def test_a_new_run_gets_its_first_turn_at_once_and_no_more_than_its_share_afterwards(store):
    the_worker, clock = Worker(lambda: store, "no server", 0), SimpleNamespace(now=1.0)
    runs = [FakeRun(clock, str(i), 0.05) for i in range(20)]
    the_worker._runs = dict(enumerate(runs))
    take_turns(the_worker, clock, 1_000)
    new = FakeRun(clock, "new", 0.05)
    the_worker._runs["new"] = new
    turns = take_turns(the_worker, clock, 210)
    assert turns[0] is new
    assert 9 <= turns.count(new) <= 11


def test_the_first_event_is_saved_at_once(store, start_worker, monkeypatch):
    monkeypatch.setattr(worker, "SYNC_INTERVAL", 600)
    run_id = store.create(LONG)
    start_worker()
    wait_for(lambda: store.events(run_id), timeout=60)


# Failures of one run, and of the store


def test_a_run_that_fails_takes_no_other_with_it(store, train, monkeypatch):
    class Unexpected(Exception):
        pass

    def start(config, *arguments):
        yield from memorize.fit(config, *arguments) if config.seed else ()
        raise Unexpected("a bug")

    monkeypatch.setitem(JOB_TYPES, "memorize", replace(JOB_TYPES["memorize"], start=start))
    good = store.create(DIGITS)
    diverging = train(MemorizeConfig("abcabc", hidden_size=8, lr=10.0, epochs=5_000, seed=1))
    faulty = train(LONG)
    assert ended(store, faulty).status is Status.FAILED
    assert store.run(faulty).message == "Training failed with an unexpected error (Unexpected: a bug)."
    assert ended(store, good).status is Status.FINISHED
    store.stop(diverging)
    assert ended(store, diverging).status in (Status.STOPPED, Status.FAILED)


def test_a_run_that_cannot_be_saved_fails_and_takes_no_other_with_it(store, train, monkeypatch):
    save, good, bad = store.sync, store.create(SHORT), store.create(LONG)

    def fail(worker, updates, retrying=False):
        if any(update.run.id == bad and update.rows for update in updates):
            raise ZeroDivisionError("cannot be saved")
        return save(worker, updates, retrying)

    monkeypatch.setattr(store, "sync", fail)
    train(good)
    assert ended(store, bad).message == (
        "This run could not be saved (ZeroDivisionError). Start it again, or tell your teacher."
    )
    assert ended(store, good).status is Status.FINISHED


@pytest.mark.slow
def test_a_worker_survives_a_store_that_is_unavailable_and_loses_no_event(store, train, monkeypatch):
    save, failures = store.sync, []

    def fail_sometimes(*arguments):
        if len(failures) < 5:
            failures.append(save(*arguments) if len(failures) % 2 else None)  # committed, but the answer is lost
            raise StoreUnavailable("lost")
        return save(*arguments)

    monkeypatch.setattr(store, "sync", fail_sometimes)
    run = ended(store, train(SHORT))
    assert (run.status, run.attempt, len(failures)) == (Status.FINISHED, 1, 5)
    assert [event.epoch for _, event in store.events(run.id)] == list(range(30))


@pytest.mark.slow
def test_a_worker_that_cannot_save_for_too_long_forgets_its_runs(store, start_worker, monkeypatch):
    run_id = store.create(LONG)
    the_worker = start_worker()
    wait_for(lambda: store.events(run_id))
    monkeypatch.setattr(worker, "STORE_TIMEOUT", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(store, "sync", lambda *_: (_ for _ in ()).throw(StoreUnavailable("lost")))
        wait_for(lambda: not the_worker._runs)
    assert store.run(run_id).status is Status.RUNNING, "a dispatcher requeues it"


def test_a_run_whose_dataset_is_being_downloaded_stops_nobody_and_can_be_stopped(store, train, monkeypatch):
    load, arrived = datasets.load, threading.Event()

    def slow_load(name):
        if name == "cifar10":
            arrived.wait()
        return load(name)

    monkeypatch.setattr(datasets, "load", slow_load)
    try:
        downloading = train(ClassifyConfig(dataset="cifar10"), by=Visitor("ann"))
        wait_for(lambda: store.run(downloading).status is Status.RUNNING)
        assert ended(store, train(SHORT, by=Visitor("bob"))).status is Status.FINISHED
        store.stop(downloading)
        assert ended(store, downloading).status is Status.STOPPED
    finally:
        arrived.set()


# Memory


def test_runs_share_their_dataset_and_only_one_at_a_time_has_a_turn():
    needs = [MemoryNeed(10, 5, "digits", 100), MemoryNeed(20, 7, "digits", 100), MemoryNeed(30, 1)]
    assert total_bytes(needs) == 10 + 20 + 30 + 100 + 7


@pytest.mark.slow
def test_runs_wait_while_the_memory_is_full_and_a_paused_run_makes_room(store, start_worker, monkeypatch):
    monkeypatch.setattr(worker, "PATIENCE", 0.1)
    need = JOB_TYPES["memorize"].memory(LONG)
    the_worker = start_worker(memory=3 * need.own + need.turn)
    ids = [store.create(LONG, by=Visitor(str(i))) for i in range(5)]
    the_worker.wake()
    wait_for(lambda: all(store.events(run_id) for run_id in ids[:3]))
    assert [store.run(run_id).status for run_id in ids[3:]] == [Status.WAITING] * 2
    store.pause(ids[0])
    wait_for(lambda: store.events(ids[3]))
    run = store.run(ids[0])
    assert (run.status, run.claimed_by) == (Status.PAUSED, "")
    store.stop(ids[1])
    wait_for(lambda: store.events(ids[4]))


def test_a_run_that_is_larger_than_the_memory_trains_alone(store, start_worker):
    run_id = store.create(SHORT)
    start_worker(memory=1)
    assert ended(store, run_id).status is Status.FINISHED


@pytest.mark.parametrize(
    "config",
    [
        MemorizeConfig("to be or not to be", hidden_size=64),
        MemorizeConfig("to be or not to be", hidden_size=32, num_layers=3),
        ClassifyConfig(),
        ClassifyConfig(hidden=()),
        PlaneConfig(hidden=(32, 32)),
    ],
)
def test_the_estimated_memory_covers_weights_and_checkpoint(config):
    job_type = JOB_TYPES[job_type_of(config)]
    *_, end = job_type.start(replace(config, epochs=1), None, None)
    checkpoint = sum(array.nbytes for array in end.arrays.values())
    assert 2 * checkpoint <= job_type.memory(config).own <= 10 * checkpoint + 2**24


# Closing


def test_a_closed_worker_gives_its_runs_back_with_everything_they_learned(store, start_worker):
    ids = [store.create(LONG), store.create(LONG)]
    store.pause(ids[1])
    the_worker = start_worker()
    wait_for(lambda: store.events(ids[0]))
    wait_until_paused(store, ids[1])
    the_worker.close()
    assert [store.run(run_id).status for run_id in ids] == [Status.WAITING, Status.PAUSED]
    for run_id in ids:
        run = store.run(run_id)
        assert (run.claimed_by, run.worker_crashes) == ("", 0)
        assert store.checkpoint_and_seq(run_id)[1] == len(store.events(run_id)) - 1


@pytest.mark.slow
def test_a_worker_with_more_than_its_share_gives_runs_to_another(store, start_worker, monkeypatch):
    monkeypatch.setattr(worker, "BALANCE_INTERVAL", 0.1)
    monkeypatch.setattr(worker, "PATIENCE", 600)
    first = start_worker()
    long = replace(LONG, sentence="abcabc" * 50)
    ids = [store.create(long, by=Visitor(str(i))) for i in range(4)]
    first.wake()
    wait_for(lambda: all(store.events(run_id) for run_id in ids))
    second = start_worker()
    wait_for(lambda: second.wake(2) or first.wake(2) or len(second._runs) == 2)
    wait_for(lambda: store.surplus(first.name, 2) == store.surplus(second.name, 2) == 0 and len(first._runs) == 2)
    assert sorted(store.run(run_id).attempt for run_id in ids) == [1, 1, 2, 2], "no run was given back and forth"
