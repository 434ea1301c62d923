"""StoreSync: everything handed over is saved once and in order, and desired states come back."""

from itertools import groupby

import numpy as np
import pytest

from core.memorize import MemorizeConfig, MemorizeEpoch
from core.runs.database import StoreUnavailable
from core.runs.models import Status
from core.runs.sync import StoreSync
from core.training import Checkpoint
from tests.runs import claim_run, wait_for


def epoch(number):
    return MemorizeEpoch(number, loss=0.5, lr=0.01, reconstruction="h", char_accuracy=0.2)


@pytest.fixture
def run(store):
    return claim_run(store, store.create(MemorizeConfig("hello")))


def test_everything_handed_over_is_saved_on_exit(store, run):
    with StoreSync(store, run, -1, 0) as sync:
        for number in range(1_000):
            sync.add_event(epoch(number))
        sync.add_checkpoint(Checkpoint({"model.weight": np.ones(3)}, {"epoch": 1_000}))
        sync.add_event(epoch(1_000))
        sync.train_seconds = 7.0
    assert store.events(run.id) == [(number, epoch(number)) for number in range(1_001)]
    checkpoint, seq = store.checkpoint_and_seq(run.id)
    assert (checkpoint.metadata, seq) == ({"epoch": 1_000}, 999)
    assert store.run(run.id).metrics == {"epochs": 1_001, "loss": 0.5, "accuracy": 0.2, "parameters": 3}
    assert store.run(run.id).train_seconds == 7.0


def test_the_store_shows_a_run_as_paused_only_with_all_its_events(store, run, monkeypatch):
    paused_at, save = [], store.sync

    def record(run, rows, status, *arguments, **options):
        desired = save(run, rows, status, *arguments, **options)
        if status is Status.PAUSED:
            paused_at.append(len(store.events(run.id)))
        return desired

    monkeypatch.setattr(store, "sync", record)
    with StoreSync(store, run, -1, 0) as sync:
        for pause in range(1, 21):
            for number in range(50):
                sync.add_event(epoch(50 * (pause - 1) + number))
            sync.set_paused(True)
            wait_for(lambda pause=pause: 50 * pause in paused_at, timeout=10)
            sync.set_paused(False)
    assert {count % 50 for count in paused_at} == {0}


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_sync_that_fails_is_repeated_without_loss_or_duplicates(store, run, monkeypatch, is_saved):
    attempts, save = [], store.sync

    def fail_twice(*arguments, **options):
        attempts.append(options["retrying"])
        if len(attempts) in (2, 3):
            if is_saved:  # the transaction was committed, but the answer was lost
                save(*arguments, **options)
            raise StoreUnavailable("lost")
        return save(*arguments, **options)

    monkeypatch.setattr(store, "sync", fail_twice)
    with StoreSync(store, run, -1, 0) as sync:
        for number in range(10):
            sync.add_event(epoch(number))
            wait_for(lambda number=number: len(attempts) > number)
    assert store.events(run.id) == [(number, epoch(number)) for number in range(10)]
    assert attempts[:5] == [False, False, True, True, False]


def test_desired_states_arrive_in_order(store, run):
    arrived = []

    def arrives(condition):
        arrived.extend(sync.desired_states())
        return any(map(condition, arrived))

    with StoreSync(store, run, -1, 0) as sync:
        store.pause(run.id)
        store.advance(run.id, "step")
        wait_for(lambda: arrives(lambda desired: desired.pause_requested))
        store.resume(run.id)
        store.steer(run.id, lr=0.5)
        wait_for(lambda: arrives(lambda desired: desired.changes == {"lr": 0.5}))
    assert [desired.advance for desired in arrived if desired.advance] == [("step",)]
    states = [paused for paused, _ in groupby(desired.pause_requested for desired in arrived)]
    assert states in ([True, False], [False, True, False])


def test_an_unexpected_error_ends_the_sync_and_is_raised_on_exit(store, run, monkeypatch):
    def fail(*_arguments, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr(store, "sync", fail)
    with pytest.raises(ZeroDivisionError), StoreSync(store, run, -1, 0) as sync:
        wait_for(lambda: sync.has_failed)
