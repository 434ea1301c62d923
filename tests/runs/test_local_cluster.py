"""Two servers that share PostgreSQL, a Dask scheduler and its workers; and what happens when one of these fails."""

import os

import pytest
from dask.system import CPU_COUNT

from core.classify import ClassifyConfig, Result
from core.memorize import MemorizeConfig
from core.runs.database import StoreUnavailable
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor
from core.runs.models import Status
from tests.runs import wait_for
from tests.runs.servers import documented_commands

SENTENCE = MemorizeConfig("was it a car", hidden_size=32, num_layers=1, lr=0.03, epochs=150)
LONG = MemorizeConfig("to be or not to be", hidden_size=8, num_layers=1, epochs=200)


@pytest.fixture
def server(postgres_url, cluster):
    """server() starts one more server on the same database and cluster."""
    dispatchers = []

    def server():
        dispatchers.append(Dispatcher(postgres_url, scheduler_address=cluster.address))
        return dispatchers[-1]

    yield server
    for dispatcher in dispatchers:
        dispatcher.close()


def finished(store, *run_ids):
    """Wait until the runs have ended, and check that they finished."""
    wait_for(lambda: all(store.run(run_id).status.is_terminal for run_id in run_ids), timeout=240)
    runs = [store.run(run_id) for run_id in run_ids]
    assert {run.status for run in runs} == {Status.FINISHED}, [run.message for run in runs]


def test_the_documented_commands_start_one_process_with_one_thread_per_core(server, cluster):
    dispatcher = server()
    wait_for(lambda: len(dispatcher._connect().nthreads()) == CPU_COUNT)
    assert set(dispatcher._connect().nthreads().values()) == {1}
    assert len(set(dispatcher._connect().run(os.getpid).values())) == CPU_COUNT


def test_containers_use_the_documented_commands():
    documented, containers = (documented_commands(file) for file in ("docs/deployment.md", "compose.yaml"))
    assert [a.replace("SCHEDULER", "scheduler") for a in documented["worker"]] == containers["worker"]
    assert documented["scheduler"] == containers["scheduler"]


def test_runs_of_two_servers_finish_on_one_cluster(server):
    one, other = server(), server()
    sentence = one.submit(SENTENCE, by=Visitor("ann"))
    digits = other.submit(ClassifyConfig(epochs=6), by=Visitor("bob"))
    finished(one.store, sentence, digits)
    assert other.store.events(sentence)[-1][1].reconstruction == "was it a car"
    result = one.store.events(digits)[-1][1]
    assert isinstance(result, Result)
    assert result.accuracy > 0.9
    assert one.store.checkpoint(digits).section("model")


def test_runs_continue_after_scheduler_and_workers_were_killed(server, cluster, monkeypatch):
    monkeypatch.setattr("core.runs.dispatcher.RECONNECT_DELAY", 0.5)
    dispatcher = server()
    run_id = dispatcher.submit(LONG)
    dispatcher.store.set_pace(run_id, 0.02)
    wait_for(lambda: len(dispatcher.store.events(run_id)) > 5)
    cluster.kill()
    wait_for(lambda: "workers cannot be reached" in dispatcher.error)
    assert not dispatcher.store.run(run_id).status.is_terminal
    before = len(dispatcher.store.events(run_id))
    dispatcher.store.stop(waiting := dispatcher.submit(SENTENCE))
    assert dispatcher.store.run(waiting).status is Status.STOPPED, "the queue still works"
    cluster.start()
    finished(dispatcher.store, run_id)
    assert before < len(dispatcher.store.events(run_id)) == 200
    assert dispatcher.store.run(run_id).attempt > 1
    assert dispatcher.error == ""


def test_a_run_survives_a_restart_of_the_database(server, postgres):
    dispatcher = server()
    run_id = dispatcher.submit(LONG)
    dispatcher.store.set_pace(run_id, 0.02)
    wait_for(lambda: len(dispatcher.store.events(run_id)) > 5)
    postgres.stop()
    with pytest.raises(StoreUnavailable, match="unavailable: it does not respond"):
        dispatcher.store.run(run_id)
    postgres.start()
    finished(dispatcher.store, run_id)
    assert [seq for seq, _ in dispatcher.store.events(run_id)] == list(range(200))
    assert dispatcher.store.run(run_id).attempt == 1, "its worker waited and lost nothing"


def test_runs_of_a_lost_server_continue_on_another(server):
    one, other = server(), server()
    run_id = one.submit(LONG)
    one.store.set_pace(run_id, 0.02)
    wait_for(lambda: len(one.store.events(run_id)) > 5)
    waiting = [one.store.create(SENTENCE) for _ in range(2)]
    one._closing = True
    one._client.close()
    other.notify()
    finished(other.store, run_id, *waiting)
