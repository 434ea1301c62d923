"""What goes wrong on one machine: no run is lost or half-written, somebody says what happened, training goes on."""

import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from distributed import LocalCluster
from sqlalchemy import event

from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor
from core.runs.limits import Limits
from core.runs.models import Status
from core.runs.store import Store, StoreUnavailable
from tests.runs import wait_for
from tests.runs.servers import PROJECT

LONG = MemorizeConfig("to be or not to be", hidden_size=16, epochs=1500)
SHORT = MemorizeConfig("to be", hidden_size=8, num_layers=1, epochs=30)

SERVER = """
import sys, time
from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
engine = Dispatcher(sys.argv[1], workers=1)
run_id = engine.submit(MemorizeConfig("to be", hidden_size=8, num_layers=1, epochs=5000))
engine.set_pace(run_id, 0.02)
print(run_id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def engine(url):
    engine = Dispatcher(url, workers=0)
    yield engine
    for run in engine.store.list_runs(unfinished=True):
        engine.stop(run.id)
    wait_for(lambda: not engine.store.list_runs(unfinished=True))
    engine.close()


def test_a_server_that_is_killed_and_started_again_goes_on_with_its_run(url):
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
    assert store.run(run_id).status is Status.RUNNING
    second = Dispatcher(url, workers=0)
    second.wake()
    wait_for(lambda: store.run(run_id).attempt == 2 and len(store.events(run_id)) > left)
    assert store.run(run_id).deaths == 0, "that was not the run's fault"
    second.stop(run_id)
    wait_for(lambda: store.run(run_id).status.is_terminal)
    second.close()
    epochs = [epoch.epoch for _, epoch in store.events(run_id)]
    assert epochs == list(range(len(epochs)))
    store.close()


def test_inside_the_server_s_own_process_runs_are_trained_too(engine):
    run_id = engine.submit(SHORT)
    wait_for(lambda: engine.store.run(run_id).status.is_terminal)
    assert engine.store.run(run_id).status is Status.FINISHED
    assert isinstance(engine._cluster, LocalCluster)


def test_a_worker_that_gives_no_sign_of_life_is_taken_for_dead(engine, monkeypatch):
    monkeypatch.setattr("core.runs.dispatcher.HEARTBEAT_TIMEOUT", 1.0)
    lost = engine.store.begin(engine.store.create(SHORT), task="cluster/of a machine that burnt down")
    engine.wake()
    wait_for(lambda: engine.store.run(lost.id).status is Status.FINISHED)
    run = engine.store.run(lost.id)
    assert (run.attempt, run.worker_crashes) == (2, 1)
    assert engine.store.exchange(lost, [], Status.RUNNING, 1.0).stopping, "if it still lives, it is told to stop"


def test_a_run_that_nobody_watches_is_paused_and_goes_on_when_it_is_looked_at(engine, monkeypatch):
    engine.store.set_limits(Limits(idle_pause_minutes=0.005))
    run_id = engine.submit(LONG, by=Visitor("ann"))
    wait_for(lambda: engine.store.run(run_id).parked and engine.store.run(run_id).claim == "")
    run = engine.store.run(run_id)
    assert run.status is Status.PAUSED
    other = engine.submit(SHORT, by=Visitor("bob"))
    wait_for(lambda: engine.store.run(other).status is Status.FINISHED)
    engine.store.set_limits(Limits())
    before = len(engine.store.events(run_id))
    engine.resume(run_id)
    wait_for(lambda: len(engine.store.events(run_id)) > before)


def test_a_run_takes_no_longer_than_the_teacher_allows(engine):
    engine.store.set_limits(Limits(max_minutes=0.001))
    run_id = engine.submit(LONG)
    wait_for(lambda: engine.store.run(run_id).status.is_terminal)
    run = engine.store.run(run_id)
    assert (run.status, run.message[:34]) == (Status.STOPPED, "It was stopped after 0.001 minutes")
    assert engine.store.checkpoint(run_id)


def test_a_clock_that_is_set_back_confuses_nothing(engine, monkeypatch):
    runs = []
    for ahead in (0, 86_400, -86_400):
        clock = SimpleNamespace(time=lambda ahead=ahead: time.time() + ahead)
        monkeypatch.setattr("core.runs.store.time", clock)
        runs.append(engine.submit(SHORT, by=Visitor("ann")))
        wait_for(lambda: engine.store.run(runs[-1]).status.is_terminal)
    for run_id in runs:
        assert engine.store.run(run_id).status is Status.FINISHED
        assert len(engine.store.events(run_id)) == 30
        assert engine.queue_position(run_id) is None


def test_two_tabs_that_steer_one_run_both_take_effect(engine):
    run_id = engine.submit(LONG)
    wait_for(lambda: engine.store.events(run_id))
    for lr in (0.02, 0.03):
        engine.steer(run_id, lr=lr)
        engine.pause(run_id)
        engine.resume(run_id)
    engine.set_pace(run_id, 0.0)
    wait_for(lambda: engine.store.events(run_id)[-1][1].lr == 0.03)
    assert engine.store.run(run_id).changes == {"lr": 0.03}


# Files that cannot be written


@pytest.fixture
def small_disk(tmp_path):
    """A folder of half a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Leave no room; return the file that takes it."""
    file = folder / "full"
    with file.open("wb", buffering=0) as output:
        try:
            while output.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return file


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room_again(small_disk):
    url = f"sqlite:///{small_disk}/runs.sqlite"
    engine = Dispatcher(url, workers=0)
    run_id = engine.submit(SHORT)
    engine.store.set_pace(run_id, 0.05)
    wait_for(lambda: len(engine.store.events(run_id)) > 2)
    full = fill(small_disk)

    def refused():
        try:
            engine.submit(MemorizeConfig("x" * 2_000))
        except StoreUnavailable as error:
            return str(error)

    assert "the disk is full" in wait_for(refused)
    kept = engine.store.events(run_id)
    assert [epoch.epoch for _, epoch in kept] == list(range(len(kept)))
    full.unlink()
    wait_for(lambda: engine.store.run(run_id).status is Status.FINISHED)
    assert [epoch.epoch for _, epoch in engine.store.events(run_id)] == list(range(30))
    engine.close()
    engine.store.close()


def test_a_store_that_may_only_be_read_says_so_and_can_be_read(store):
    run_id = store.create(SHORT)
    event.listen(store._database, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    store._database.dispose()
    for write in (lambda: store.create(SHORT), lambda: store.pause(run_id), lambda: store.claim("task")):
        with pytest.raises(StoreUnavailable, match="cannot be used now: it may only be read here"):
            write()
    assert store.run(run_id).status is Status.WAITING


def test_a_server_on_a_store_that_may_only_be_read_says_so_when_it_starts(store, tmp_path):
    store.create(SHORT)
    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        Store(f"sqlite:///file:{tmp_path}/runs.sqlite?mode=ro&uri=true")
