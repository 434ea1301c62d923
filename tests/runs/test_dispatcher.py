"""The dispatcher with real Dask workers."""

import os

import psutil
import pytest

from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
from core.runs.models import Status
from tests.runs import wait_for

LONG = MemorizeConfig("to be or not to be", hidden_size=16, epochs=200, backend="torch")  # the slower one


@pytest.fixture
def dispatcher(url):
    dispatcher = Dispatcher(url, workers=2)
    yield dispatcher
    for run in dispatcher.store.list_runs(unfinished=True):
        dispatcher.store.stop(run.id)
    dispatcher.close()


def test_a_run_whose_worker_is_killed_continues_with_the_same_curve(dispatcher):
    whole = dispatcher.submit(LONG)
    killed = dispatcher.submit(LONG)
    wait_for(lambda: len(dispatcher.store.events(killed)) > 20)
    dispatcher.store.pause(killed)
    wait_for(lambda: dispatcher.store.checkpoint_and_seq(killed)[1] > 0)
    kept = dispatcher.store.checkpoint_and_seq(killed)[1]
    dispatcher.resume(killed)
    wait_for(lambda: len(dispatcher.store.events(killed)) > kept + 20)
    worker_of(dispatcher, killed).kill()
    wait_for(lambda: dispatcher.store.run(killed).status.is_terminal and dispatcher.store.run(whole).status.is_terminal)
    run = dispatcher.store.run(killed)
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert dispatcher.store.events(killed) == dispatcher.store.events(whole)


def worker_of(dispatcher, run_id) -> psutil.Process:
    """Return the process that trains this run."""
    client, task = dispatcher._client, dispatcher.store.run(run_id).claimed_by
    [address] = [address for address, tasks in client.processing().items() if task in tasks]
    [pid] = client.run(os.getpid, workers=[address]).values()
    return psutil.Process(pid)
