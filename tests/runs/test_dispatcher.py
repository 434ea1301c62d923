"""The dispatcher with real Dask workers."""

import os
import re
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import psutil
import pytest

from core.memorize import MemorizeConfig
from core.runs.dask_plugin import wake_worker
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor
from core.runs.models import Status
from tests.runs import wait_for
from tests.runs.servers import PROJECT

LONG = MemorizeConfig("to be or not to be", hidden_size=16, epochs=200, backend="torch")  # the slower one
ENDLESS = MemorizeConfig("to be or not to be", hidden_size=16, epochs=5_000, backend="torch")


@pytest.fixture
def dispatcher(url):
    """A dispatcher whose two workers are both ready, so that no run moves from one to the other."""
    dispatcher = Dispatcher(url, workers=2)
    client = dispatcher._connect()
    wait_for(lambda: list(client.run(wake_worker, 2).values()) == [True, True])
    yield dispatcher
    for run in dispatcher.store.list_runs(limit=None, unfinished=True):
        dispatcher.store.stop(run.id)
    dispatcher.close()


def process_of(dispatcher, run_id) -> psutil.Process:
    """Return the process that trains this run."""
    worker = dispatcher.store.run(run_id).claimed_by.split("/")[1]
    return psutil.Process(int(re.search(r":(\d+)@", worker)[1]))


def test_a_run_whose_worker_is_killed_continues_with_the_same_curve(dispatcher):
    whole = dispatcher.submit(LONG)
    killed = dispatcher.submit(LONG)
    wait_for(lambda: len(dispatcher.store.events(killed)) > 20)
    dispatcher.store.pause(killed)
    wait_for(lambda: dispatcher.store.checkpoint_and_seq(killed)[1] > 0)
    kept = dispatcher.store.checkpoint_and_seq(killed)[1]
    dispatcher.resume(killed)
    wait_for(lambda: len(dispatcher.store.events(killed)) > kept + 20)
    process_of(dispatcher, killed).kill()
    wait_for(lambda: dispatcher.store.run(killed).status.is_terminal and dispatcher.store.run(whole).status.is_terminal)
    run = dispatcher.store.run(killed)
    assert (run.status, run.attempt) == (Status.FINISHED, 2)
    assert dispatcher.store.events(killed) == dispatcher.store.events(whole)


def test_ten_runs_of_a_killed_worker_continue_from_their_checkpoints(dispatcher):
    store = dispatcher.store
    ids = [dispatcher.submit(ENDLESS, by=Visitor(str(i))) for i in range(20)]
    wait_for(lambda: all(store.checkpoint_and_seq(run_id)[1] > 0 for run_id in ids))
    victim = process_of(dispatcher, ids[0])
    lost = [run_id for run_id in ids if process_of(dispatcher, run_id) == victim]
    assert len(lost) == 10
    victim.kill()
    kept = {run_id: store.checkpoint_and_seq(run_id)[1] for run_id in lost}
    wait_for(lambda: all(store.run(run_id).attempt == 2 for run_id in lost))
    wait_for(lambda: all(len(store.events(run_id)) > kept[run_id] + 1 for run_id in lost))
    assert all(store.run(run_id).attempt == 1 for run_id in ids if run_id not in lost)
    for run_id in lost:
        assert [event.epoch for _, event in store.events(run_id)][: kept[run_id] + 1] == list(range(kept[run_id] + 1))


def abort_connection(dask_worker) -> None:
    """Break a worker's connection to the scheduler, as a network does."""
    dask_worker.batched_stream.comm.abort()


def test_a_broken_connection_to_the_scheduler_costs_nothing(dispatcher):
    store = dispatcher.store
    whole, moved = (dispatcher.submit(LONG, by=Visitor(owner)) for owner in ("ann", "bob"))
    wait_for(lambda: store.events(moved))
    pid = process_of(dispatcher, moved).pid
    pids = dispatcher._client.run(os.getpid)
    [address] = [address for address, other in pids.items() if other == pid]
    dispatcher._client.run(abort_connection, workers=[address], on_error="ignore")
    wait_for(lambda: all(store.run(run_id).status.is_terminal for run_id in (whole, moved)))
    for run_id in (whole, moved):
        run = store.run(run_id)
        assert (run.status, run.worker_crashes) == (Status.FINISHED, 0), run.message
        assert run.attempt <= 2
    assert store.events(moved) == store.events(whole)
    wait_for(lambda: len(dispatcher._client.nthreads()) == 2 and address not in dispatcher._client.nthreads())


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """Return the addresses on which a process and its children accept connections."""
    found = set()
    for member in [process, *process.children(recursive=True)]:
        for connection in member.net_connections("all"):
            if connection.status == psutil.CONN_LISTEN or (connection.type == 2 and connection.laddr):  # or UDP
                found.add(connection.laddr)
    return found


SERVER = """
import sys
from core.runs.dispatcher import Dispatcher
dispatcher = Dispatcher(sys.argv[1], workers=int(sys.argv[2]))
dispatcher.warm_up()
print("ready", flush=True)
sys.stdin.readline()
dispatcher.close()
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_every_socket_is_reachable_from_this_machine_only(url, workers):
    command = [sys.executable, "-c", SERVER, url, str(workers)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert server.stdout.readline() == "ready\n"
    addresses = listening(psutil.Process(server.pid))
    server.communicate("\n")
    assert {address[0] for address in addresses if isinstance(address, tuple)} <= {"127.0.0.1"}
    assert (len(addresses) > 0) == (workers > 0), addresses


def test_local_workers_accept_only_their_server(dispatcher):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for address in (dispatcher._cluster_address, *dispatcher._client.nthreads()):
        assert address.startswith("tls://")
        host, port = address.removeprefix("tls://").split(":")
        with (
            pytest.raises((ssl.SSLError, ConnectionResetError)),
            socket.create_connection((host, int(port))) as connection,
            context.wrap_socket(connection) as without_certificate,
        ):
            without_certificate.recv(1)  # Dask would introduce itself


def test_local_workers_do_not_get_the_teacher_s_password(url, monkeypatch):
    monkeypatch.setenv("TEACHER_PASSWORD", "correct horse")
    with closing(Dispatcher(url, workers=1)) as dispatcher:
        assert set(dispatcher._connect().run(os.getenv, "TEACHER_PASSWORD").values()) == {None}


def test_a_cluster_is_shared_by_as_many_workers_as_it_has(url, monkeypatch):
    """The number of local workers, a setting of this server, does not matter on a cluster."""
    woken = []

    def run(act, workers):
        woken.append(workers)
        return dict.fromkeys("abcde", True)

    client = SimpleNamespace(status="running", nthreads=lambda: dict.fromkeys("abcde", 1), run=run)
    dispatcher = Dispatcher(url, workers=1, scheduler_address="tcp://nowhere:1")
    monkeypatch.setattr(dispatcher, "_client", client)
    dispatcher._wake_workers()
    assert (woken, dispatcher.workers) == ([5], 5)
