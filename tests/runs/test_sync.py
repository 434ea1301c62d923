"""RunSync: everything handed over is saved once and in order, and desired states come back."""

import numpy as np
import pytest

from core.classify import Step
from core.memorize import MemorizeConfig, MemorizeEpoch
from core.plane import PlaneConfig, PlaneEpoch, PlaneResult, PlaneStep, to_text
from core.runs.job_types import JOB_TYPES, is_worth_storing
from core.runs.models import Status
from core.runs.sync import MAX_DETAILED_EVENTS, RunSync
from core.training import FULL_RESOLUTION, Checkpoint
from tests.runs import claim_run


def epoch(number):
    return MemorizeEpoch(number, loss=0.5, lr=0.01, reconstruction="h", char_accuracy=0.2)


@pytest.fixture
def run(store):
    return claim_run(store, store.create(MemorizeConfig("hello")), "worker")


@pytest.fixture
def sync(run):
    return RunSync(run, 0, notify=lambda: None)


def save(store, sync, retrying=False):
    """Save what was handed over, as a worker does."""
    update = sync.take()
    desired = store.sync("worker", [update], retrying).desired
    sync.confirm(update, desired.get(update.run.id))
    return update


def test_events_and_checkpoints_are_saved_in_order(store, run, sync):
    for number in range(1_000):
        sync.add_event(epoch(number))
    sync.add_checkpoint(Checkpoint({"model.weight": np.ones(3)}, {"epoch": 1_000}))
    sync.add_event(epoch(1_000))
    sync.train_seconds, sync.slow_seconds = 7.0, 2.0
    save(store, sync)
    assert store.events(run.id) == [(number, epoch(number)) for number in range(1_001)]
    checkpoint, seq = store.checkpoint_and_seq(run.id)
    assert (checkpoint.metadata, seq) == ({"epoch": 1_000}, 999)
    metrics = {"epochs": 1_001, "loss": 0.5, "accuracy": 0.2, "parameters": 3, "slow_seconds": 2.0}
    assert (store.run(run.id).metrics, store.run(run.id).train_seconds) == (metrics, 7.0)
    assert save(store, sync).rows == [], "nothing is saved twice"


def test_what_is_handed_over_during_a_sync_is_saved_by_the_next_one(store, run, sync):
    sync.add_event(epoch(0))
    sync.add_checkpoint(Checkpoint({"model.weight": np.ones(3)}, {"epoch": 1}))
    update = sync.take()
    sync.add_event(epoch(1))
    sync.add_checkpoint(Checkpoint({"model.weight": np.ones(3)}, {"epoch": 2}))
    sync.set_paused(True)
    sync.confirm(update, store.sync("worker", [update]).desired[run.id])
    assert (store.run(run.id).status, len(store.events(run.id))) == (Status.RUNNING, 1)
    save(store, sync)
    assert (store.run(run.id).status, len(store.events(run.id))) == (Status.PAUSED, 2)
    assert store.checkpoint(run.id).metadata == {"epoch": 2}


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_sync_that_fails_is_repeated_without_loss_or_duplicates(store, run, sync, is_saved):
    sync.add_event(epoch(0))
    save(store, sync)
    sync.add_event(epoch(1))
    if is_saved:  # the transaction was committed, but the answer was lost
        store.sync("worker", [sync.take()])
    sync.add_event(epoch(2))
    save(store, sync, retrying=True)
    assert store.events(run.id) == [(number, epoch(number)) for number in range(3)]


def test_desired_states_arrive_in_order(store, run, sync):
    store.pause(run.id)
    store.advance(run.id, "step")
    save(store, sync)
    store.resume(run.id)
    store.steer(run.id, lr=0.5)
    save(store, sync)
    one, other = sync.desired_states()
    assert (one.pause_requested, one.advance, one.changes) == (True, ("step",), {})
    assert (other.pause_requested, other.advance, other.changes) == (False, (), {"lr": 0.5})
    assert list(sync.desired_states()) == []


def test_a_run_that_was_lost_or_has_ended_is_over(store, run, sync):
    other = RunSync(claim_run(store, store.create(MemorizeConfig("hello")), "worker"), 0, notify=lambda: None)
    claim_run(store, run.id, "another worker")
    sync.add_event(epoch(0))
    other.end(Status.FAILED, "why")
    for each in (sync, other):
        save(store, each)
        assert each.is_over
    assert store.events(run.id) == []
    assert store.run(run.id).status is Status.RUNNING
    ended = store.run(other.run.id)
    assert (ended.status, ended.message, ended.claimed_by) == (Status.FAILED, "why", "")


def step(number):
    return Step(number, 0, 0.5, 0.1)


@pytest.mark.slow
def test_a_long_run_keeps_a_few_thousand_steps_in_the_same_relative_resolution():
    kept = [number for number in range(2_000_000) if is_worth_storing(step(number))]
    assert kept[:FULL_RESOLUTION] == list(range(FULL_RESOLUTION))
    assert len(kept) < 3_000
    for length in (1_000, 30_000, 2_000_000):
        assert sum(length / 2 <= number < length for number in kept) >= FULL_RESOLUTION / 4
        assert max(number for number in kept if number < length) > 0.99 * length


def test_epochs_in_the_plane_are_thinned_by_their_number_but_the_last_one_is_kept():
    def plane_epoch(number, is_last=False, weights=""):
        return PlaneEpoch(number, 7 * number, 0.5, 0.5, 1.0, 1.0, weights, is_last)

    kept = [number for number in range(5_000) if is_worth_storing(plane_epoch(number))]
    assert kept[:FULL_RESOLUTION] == list(range(FULL_RESOLUTION))
    assert len(kept) < 1_300
    assert is_worth_storing(plane_epoch(4_999, is_last=True))
    wide = PlaneConfig(hidden=(32,) * 4)
    weights = to_text(np.zeros(wide.parameter_count))
    kept = [number for number in range(5_000) if is_worth_storing(plane_epoch(number, weights=weights))]
    assert kept[: FULL_RESOLUTION // 4] == list(range(FULL_RESOLUTION // 4))
    assert len(kept) * len(weights) < 10_000_000
    assert not is_worth_storing(plane_epoch(4_999))
    assert not is_worth_storing(PlaneStep(0, 0, 0.5, 0.1)), "only for someone who follows step by step"


def test_metrics_of_a_run_in_the_plane_contain_only_numbers():
    metrics = JOB_TYPES["plane"].metrics
    assert metrics(PlaneEpoch(3, 21, 0.5, None, None, None, "")) == {"epochs": 3, "loss": 0.5}
    assert metrics(PlaneEpoch(3, 21, 0.5, 0.6, 1.0, 0.9, "")) == {"epochs": 3, "loss": 0.6, "accuracy": 0.9}
    assert metrics(PlaneResult(0, None, None)) == metrics(PlaneStep(0, 0, 0.5, 0.1)) == {}
    assert metrics(PlaneResult(500, 0.1, 0.9)) == {"test_accuracy": 0.9}


def test_who_follows_step_by_step_sees_every_step_but_not_without_end(run, sync):
    sync.start_after(100)
    first = 10 * FULL_RESOLUTION + 1
    sync.add_event(step(first))
    sync.add_event(step(first + 1), in_detail=True)
    assert [row["seq"] for row in sync.take().rows] == [101]
    sync.start_after(MAX_DETAILED_EVENTS)
    sync.add_event(step(first + 2), in_detail=True)
    sync.add_event(epoch(1))
    assert [row["kind"] for row in sync.take().rows] == ["Step", "MemorizeEpoch"]
