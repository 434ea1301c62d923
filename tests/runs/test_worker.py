"""The worker without Dask: it saves what a run yields and does what the run's owner wants."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.classify import ClassifyConfig, Epoch, Step
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs import sync, worker
from core.runs.models import Status
from core.runs.serialization import to_json
from core.runs.worker import train_run
from core.training import Change
from tests.runs import claim_run, wait_for

LONG = MemorizeConfig("abcabc", hidden_size=8, num_layers=1, epochs=5_000, backend="torch")  # the slower one
SHORT = MemorizeConfig("abcabc", hidden_size=8, num_layers=1, epochs=30)


@pytest.fixture
def start(store):
    """start(run_id) trains the run in a thread. Runs that are active at the end are stopped."""
    with ThreadPoolExecutor() as pool:
        yield lambda run_id: pool.submit(train_run, store, claim_run(store, run_id))
        for run in store.list_runs(unfinished=True):
            store.stop(run.id)


def kinds(store, run_id):
    return [type(event) for _, event in store.events(run_id)]


def wait_until_paused(store, run_id):
    wait_for(lambda: store.run(run_id).status is Status.PAUSED)


def test_a_run_trains_to_its_end_and_its_weights_are_saved(store, start):
    run_id = store.create(SHORT)
    start(run_id).result()
    run = store.run(run_id)
    assert run.status is Status.FINISHED
    assert run.train_seconds > 0
    assert [seq for seq, _ in store.events(run_id)] == list(range(30))
    kept, seq = store.checkpoint_and_seq(run_id)
    assert (kept.metadata["epoch"], seq) == (30, 29)


@pytest.mark.parametrize("config", [LONG, ClassifyConfig(epochs=500)])
def test_a_paused_run_advances_one_step_or_one_epoch_at_a_time(store, start, config):
    run_id = store.create(config)
    store.pause(run_id)
    start(run_id)
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


def test_a_stopped_run_keeps_the_weights_of_its_last_step(store, start):
    run_id = store.create(LONG)
    training = start(run_id)
    wait_for(lambda: len(store.events(run_id)) > 3)
    store.stop(run_id)
    training.result()
    assert store.run(run_id).status is Status.STOPPED
    kept, seq = store.checkpoint_and_seq(run_id)
    last = store.events(run_id)[-1]
    assert (kept.metadata["epoch"], seq) == (last[1].epoch + 1, last[0])


def test_a_change_takes_effect_and_is_saved_as_an_event(store, start):
    run_id = store.create(LONG)
    start(run_id)
    wait_for(lambda: store.events(run_id))
    store.steer(run_id, lr=0.5)
    change, *_ = wait_for(lambda: [event for _, event in store.events(run_id) if isinstance(event, Change)])
    assert (change.name, change.value) == ("lr", 0.5)
    store.stop(run_id)
    after = [
        event for _, event in store.events(run_id) if isinstance(event, MemorizeEpoch) and event.epoch >= change.at
    ]
    assert {event.lr for event in after} == {0.5}


def test_slow_motion_delays_every_step_and_can_be_switched_off(store, start, monkeypatch):
    delays = []
    monkeypatch.setattr(
        worker.Driver, "_throttle", lambda driver, started: delays.append(driver._desired.min_step_seconds)
    )
    run_id = store.create(SHORT)
    store.set_pace(run_id, 0.5)
    start(run_id).result()
    assert delays == [0.5] * 30
    monkeypatch.undo()
    run_id = store.create(LONG)
    store.set_pace(run_id, 10)
    start(run_id)
    wait_for(lambda: store.events(run_id))
    assert len(store.events(run_id)) == 1
    store.set_pace(run_id, 0)
    wait_for(lambda: len(store.events(run_id)) > 20)


def test_checkpoints_are_saved_during_training(store, start, monkeypatch):
    monkeypatch.setattr(sync, "CHECKPOINT_INTERVAL", 0.0)
    run_id = store.create(LONG)
    start(run_id)
    first = wait_for(lambda: store.checkpoint_and_seq(run_id)[1] + 1)
    wait_for(lambda: store.checkpoint_and_seq(run_id)[1] > first)


def test_a_run_whose_worker_died_continues_from_its_checkpoint_with_the_same_events(store, start):
    config = ClassifyConfig(hidden=(8,), dropout=0.2, epochs=2)
    whole = store.create(config)
    start(whole).result()
    broken = store.create(config)
    store.pause(broken)
    first = start(broken)
    store.advance(broken, "epoch")
    wait_for(lambda: len(store.events(broken)) == 37)  # 36 steps and an Epoch event
    store.advance(broken, "step")
    wait_for(lambda: len(store.events(broken)) == 38)
    wait_until_paused(store, broken)
    kept = store.checkpoint_and_seq(broken)[1]
    store.resume(broken)
    second = start(broken)  # claims it: for the first worker as if it had died
    first.result()
    second.result()
    assert kept >= 0
    run = store.run(broken)
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert [to_json(event) for _, event in store.events(broken)] == [to_json(event) for _, event in store.events(whole)]


def test_weights_that_do_not_fit_fail_with_a_message(store, start):
    parent = store.create(SHORT)
    start(parent).result()
    child = store.create(MemorizeConfig("other letters", hidden_size=9, num_layers=1), parent=parent)
    start(child).result()
    assert store.run(child).status is Status.FAILED
    assert "belong to another network" in store.run(child).message
