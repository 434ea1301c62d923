"""Failures on one machine: no run is lost or half-written, the error is reported, and training continues."""

import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy import event

from core.memorize import MemorizeConfig
from core.runs.database import StoreUnavailable
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor
from core.runs.limits import Limits
from core.runs.models import Status
from core.runs.store import Store
from tests.runs import claim_run, sync, wait_for
from tests.runs.servers import PROJECT

LONG = MemorizeConfig("to be or not to be", hidden_size=16, epochs=1500)
SHORT = MemorizeConfig("to be", hidden_size=8, num_layers=1, epochs=30)

SERVER = """
import sys, time
from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
dispatcher = Dispatcher(sys.argv[1], workers=1)
run_id = dispatcher.submit(MemorizeConfig("to be", hidden_size=8, num_layers=1, epochs=5000))
dispatcher.store.set_pace(run_id, 0.02)
print(run_id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def dispatcher(url):
    dispatcher = Dispatcher(url, workers=0)
    yield dispatcher
    for run in dispatcher.store.list_runs(unfinished=True):
        dispatcher.store.stop(run.id)
    wait_for(lambda: not dispatcher.store.list_runs(unfinished=True))
    dispatcher.close()


def test_a_restarted_server_continues_the_run_of_the_killed_one(url):
    first = subprocess.Popen([sys.executable, "-c", SERVER, url], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    run_id = first.stdout.readline().strip()
    store = Store(url)
    wait_for(lambda: len(store.events(run_id)) > 20)
    children = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    first.stdout.close()
    psutil.wait_procs(children, timeout=60)
    left = len(store.events(run_id))
    assert not store.run(run_id).status.is_terminal
    second = Dispatcher(url, workers=0)
    second.notify()
    wait_for(lambda: store.run(run_id).attempt == 2 and len(store.events(run_id)) > left)
    assert store.run(run_id).worker_crashes == 0, "the run did not cause that"
    second.store.stop(run_id)
    wait_for(lambda: store.run(run_id).status.is_terminal)
    second.close()
    epochs = [epoch.epoch for _, epoch in store.events(run_id)]
    assert epochs == list(range(len(epochs)))
    store.close()


def test_with_zero_workers_runs_train_inside_the_server(dispatcher):
    run_id = dispatcher.submit(SHORT)
    wait_for(lambda: dispatcher.store.run(run_id).status.is_terminal)
    assert dispatcher.store.run(run_id).status is Status.FINISHED
    assert (dispatcher._cluster, dispatcher._client) == (None, None)


def test_ended_runs_are_settled_and_deleted_ones_removed_in_the_background(dispatcher):
    store = dispatcher.store
    run_id = dispatcher.submit(SHORT)
    wait_for(lambda: store.run(run_id).size)
    assert store.run(run_id).status is Status.FINISHED
    assert store.checkpoint(run_id).arrays.keys() == store.checkpoint(run_id).weights().arrays.keys()
    store.delete(run_id)
    wait_for(lambda: not store.events(run_id))


def test_a_run_without_heartbeat_is_requeued(dispatcher, monkeypatch):
    monkeypatch.setattr("core.runs.dispatcher.HEARTBEAT_TIMEOUT", 1.0)
    lost = claim_run(dispatcher.store, dispatcher.store.create(SHORT), worker="cluster/of a lost machine")
    dispatcher.notify()
    wait_for(lambda: dispatcher.store.run(lost.id).status is Status.FINISHED)
    run = dispatcher.store.run(lost.id)
    assert run.attempt == 2
    assert sync(dispatcher.store, lost) is None, "the first worker must stop if it is alive"


def test_a_run_that_nobody_views_is_paused_and_can_be_resumed(dispatcher, monkeypatch):
    dispatcher.store.set_limits(Limits(idle_pause_minutes=0.005))
    run_id = dispatcher.submit(LONG, by=Visitor("ann"))
    wait_for(lambda: dispatcher.store.run(run_id).auto_paused and dispatcher.store.run(run_id).claimed_by == "")
    run = dispatcher.store.run(run_id)
    assert run.status is Status.PAUSED
    other = dispatcher.submit(SHORT, by=Visitor("bob"))
    wait_for(lambda: dispatcher.store.run(other).status is Status.FINISHED)
    dispatcher.store.set_limits(Limits())
    before = len(dispatcher.store.events(run_id))
    dispatcher.resume(run_id)
    wait_for(lambda: len(dispatcher.store.events(run_id)) > before)


def test_a_run_is_stopped_at_the_teachers_time_limit(dispatcher):
    dispatcher.store.set_limits(Limits(max_minutes=0.001))
    run_id = dispatcher.submit(LONG)
    wait_for(lambda: dispatcher.store.run(run_id).status.is_terminal)
    run = dispatcher.store.run(run_id)
    assert run.status is Status.STOPPED
    assert run.message == "Stopped after 0.001 minutes of training, the time limit for one run."
    assert dispatcher.store.checkpoint(run_id)


def test_runs_finish_when_the_clock_is_set_back(dispatcher, monkeypatch):
    runs = []
    for ahead in (0, 86_400, -86_400):
        clock = SimpleNamespace(time=lambda ahead=ahead: time.time() + ahead)
        monkeypatch.setattr("core.runs.store.time", clock)
        runs.append(dispatcher.submit(SHORT, by=Visitor("ann")))
        wait_for(lambda: dispatcher.store.run(runs[-1]).status.is_terminal)
    for run_id in runs:
        assert dispatcher.store.run(run_id).status is Status.FINISHED
        assert len(dispatcher.store.events(run_id)) == 30
        assert dispatcher.queue().position(run_id) is None


def test_changes_from_two_tabs_both_take_effect(dispatcher):
    run_id = dispatcher.submit(LONG)
    wait_for(lambda: dispatcher.store.events(run_id))
    for lr in (0.02, 0.03):
        dispatcher.store.steer(run_id, lr=lr)
        dispatcher.store.pause(run_id)
        dispatcher.resume(run_id)
    dispatcher.store.set_pace(run_id, 0.0)
    wait_for(lambda: dispatcher.store.events(run_id)[-1][1].lr == 0.03)
    assert dispatcher.store.run(run_id).changes == {"lr": 0.03}


# Disks that cannot be written


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for half a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Fill the disk and return the file that takes the space."""
    file = folder / "full"
    with file.open("wb", buffering=0) as output:
        try:
            while output.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return file


def test_a_full_disk_is_reported_and_the_run_continues_once_there_is_space(small_disk):
    url = f"sqlite:///{small_disk}/runs.sqlite"
    dispatcher = Dispatcher(url, workers=0)
    run_id = dispatcher.submit(SHORT)
    dispatcher.store.set_pace(run_id, 0.05)
    wait_for(lambda: len(dispatcher.store.events(run_id)) > 2)
    full = fill(small_disk)

    def refused():
        try:
            dispatcher.submit(MemorizeConfig("x" * 2_000))
        except StoreUnavailable as error:
            return str(error)

    assert "the disk is full" in wait_for(refused)
    kept = dispatcher.store.events(run_id)
    assert [epoch.epoch for _, epoch in kept] == list(range(len(kept)))
    full.unlink()
    wait_for(lambda: dispatcher.store.run(run_id).status is Status.FINISHED)
    assert [epoch.epoch for _, epoch in dispatcher.store.events(run_id)] == list(range(30))
    dispatcher.close()
    dispatcher.store.close()


def test_a_read_only_database_can_be_read_and_reports_failed_writes(store):
    run_id = store.create(SHORT)
    event.listen(store._database, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    store._database.dispose()
    for write in (lambda: store.create(SHORT), lambda: store.pause(run_id), lambda: store.claim("task")):
        with pytest.raises(StoreUnavailable, match="unavailable: it is read-only"):
            write()
    assert store.run(run_id).status is Status.WAITING


def test_opening_a_read_only_database_reports_it(store, tmp_path):
    store.create(SHORT)
    with pytest.raises(StoreUnavailable, match="The run database is unavailable"):
        Store(f"sqlite:///file:{tmp_path}/runs.sqlite?mode=ro&uri=true")
