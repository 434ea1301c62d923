"""The engine with real Dask workers."""

import os

import psutil
import pytest

from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
from core.runs.models import Status
from tests.runs import wait_for

LONG = MemorizeConfig("to be or not to be", hidden_size=16, epochs=200, backend="torch")  # the slower one


@pytest.fixture
def engine(url):
    engine = Dispatcher(url, workers=2)
    yield engine
    for run in engine.store.list_runs(unfinished=True):
        engine.stop(run.id)
    engine.close()


def test_a_run_whose_worker_is_killed_goes_on_with_the_same_curve(engine):
    whole = engine.submit(LONG)
    killed = engine.submit(LONG)
    wait_for(lambda: len(engine.store.events(killed)) > 20)
    engine.pause(killed)
    wait_for(lambda: engine.store.checkpoint_and_seq(killed)[1] > 0)
    kept = engine.store.checkpoint_and_seq(killed)[1]
    engine.resume(killed)
    wait_for(lambda: len(engine.store.events(killed)) > kept + 20)
    worker_of(engine, killed).kill()
    wait_for(lambda: engine.store.run(killed).status.is_terminal and engine.store.run(whole).status.is_terminal)
    run = engine.store.run(killed)
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert engine.store.events(killed) == engine.store.events(whole)


def worker_of(engine, run_id) -> psutil.Process:
    """The process that trains this run."""
    client, task = engine._client, engine.store.run(run_id).claim
    [address] = [address for address, tasks in client.processing().items() if task in tasks]
    [pid] = client.run(os.getpid, workers=[address]).values()
    return psutil.Process(pid)
