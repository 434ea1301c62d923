"""PostgreSQL, a Dask scheduler and two workers as processes of their own, shared by two servers; and their faults."""

import pytest

from core.classify import ClassifyConfig, Result
from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor
from core.runs.models import Status
from core.runs.store import StoreUnavailable
from tests.runs import wait_for

SENTENCE = MemorizeConfig("was it a car", hidden_size=32, num_layers=1, lr=0.03, epochs=150)
LONG = MemorizeConfig("to be or not to be", hidden_size=8, num_layers=1, epochs=200)


@pytest.fixture
def server(postgres_url, cluster):
    """server() is one more server on the same database and cluster."""
    engines = []

    def server():
        engines.append(Dispatcher(postgres_url, scheduler_address=cluster.address))
        return engines[-1]

    yield server
    for engine in engines:
        engine.close()


def finished(store, *run_ids):
    """Wait until the runs have ended, and expect that they finished."""
    wait_for(lambda: all(store.run(run_id).status.is_terminal for run_id in run_ids), timeout=240)
    runs = [store.run(run_id) for run_id in run_ids]
    assert {run.status for run in runs} == {Status.FINISHED}, [run.message for run in runs]


def test_the_main_job_through_two_servers(server):
    one, other = server(), server()
    sentence = one.submit(SENTENCE, by=Visitor("ann"))
    digits = other.submit(ClassifyConfig(epochs=6), by=Visitor("bob"))
    finished(one.store, sentence, digits)
    assert other.store.events(sentence)[-1][1].reconstruction == "was it a car"
    result = one.store.events(digits)[-1][1]
    assert isinstance(result, Result)
    assert result.accuracy > 0.9
    assert one.store.checkpoint(digits).section("model")


def test_the_scheduler_and_all_workers_are_killed_and_start_again(server, cluster, monkeypatch):
    monkeypatch.setattr("core.runs.dispatcher.RECONNECT_DELAY", 0.5)
    engine = server()
    run_id = engine.submit(LONG)
    engine.set_pace(run_id, 0.02)
    wait_for(lambda: len(engine.store.events(run_id)) > 5)
    cluster.kill()
    wait_for(lambda: "workers cannot be reached" in engine.trouble)
    assert not engine.store.run(run_id).status.is_terminal
    before = len(engine.store.events(run_id))
    engine.stop(waiting := engine.submit(SENTENCE))
    assert engine.store.run(waiting).status is Status.STOPPED, "the queue can still be used"
    cluster.start()
    finished(engine.store, run_id)
    assert before < len(engine.store.events(run_id)) == 200
    assert engine.store.run(run_id).attempt > 1
    assert engine.trouble == ""


def test_the_database_is_restarted_in_the_middle_of_a_run(server, postgres):
    engine = server()
    run_id = engine.submit(LONG)
    engine.set_pace(run_id, 0.02)
    wait_for(lambda: len(engine.store.events(run_id)) > 5)
    postgres.stop()
    with pytest.raises(StoreUnavailable, match="cannot be used now: it does not answer"):
        engine.store.run(run_id)
    postgres.start()
    finished(engine.store, run_id)
    assert [seq for seq, _ in engine.store.events(run_id)] == list(range(200))
    assert engine.store.run(run_id).attempt == 1, "its worker waited, and lost nothing"


def test_a_server_that_vanishes_leaves_its_runs_to_the_others(server):
    one, other = server(), server()
    run_id = one.submit(LONG)
    one.set_pace(run_id, 0.02)
    wait_for(lambda: len(one.store.events(run_id)) > 5)
    waiting = [one.store.create(SENTENCE) for _ in range(2)]
    one._closing = True
    one._client.close()
    other.wake()
    finished(other.store, run_id, *waiting)
