"""The queue: at most one active run per owner, owners in turn, within the teacher's limits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig
from core.plane import PlaneConfig
from core.runs.identity import Visitor
from core.runs.limits import Limits
from core.runs.models import Status
from core.runs.scheduling import QueuedRun, fair_order
from core.runs.store import MAX_WORKER_CRASHES, RunUpdate
from tests.runs import claim_run, sync

CONFIG = MemorizeConfig("hello")
ANN, BOB, CAM, TEACHER = Visitor("ann"), Visitor("bob"), Visitor("cam"), Visitor("tea", teacher=True)


def order(waiting, active=None, last_started=None):
    return [run.run_id for run, _ in fair_order(waiting, active or {}, last_started or {})]


def claim(store, worker, *arguments, **options):
    return [run.id for run in store.claim(worker, *arguments, **options)]


def test_owners_with_one_run_each_are_first_come_first_served():
    assert order([QueuedRun("2", "bob", 2), QueuedRun("1", "ann", 1), QueuedRun("3", "cam", 3)]) == ["1", "2", "3"]


def test_an_owner_with_many_runs_takes_turns_with_the_others():
    waiting = [QueuedRun(f"a{i}", "ann", i) for i in range(3)] + [QueuedRun("b", "bob", 10), QueuedRun("c", "cam", 11)]
    assert order(waiting) == ["a0", "b", "c", "a1", "a2"]
    assert order(waiting, active={"ann": 1}) == ["b", "c", "a0", "a1", "a2"]
    assert order(waiting, last_started={"ann": 20.0}) == ["b", "c", "a0", "a1", "a2"]


def test_new_browsers_do_not_come_before_a_student_who_is_waiting():
    waiting = [QueuedRun("second", "ann", 6.0), *(QueuedRun(f"new {i}", f"new {i}", 7.0 + i) for i in range(1_000))]
    assert order(waiting, last_started={"ann": 5.0})[0] == "second"
    assert order(waiting, active={"ann": 1}, last_started={"ann": 5.0})[-1] == "second", "she is training now"


def test_runs_without_an_owner_wait_their_turn():
    assert order([QueuedRun("1", "ann", 1), QueuedRun("2", "", 2), QueuedRun("3", "", 3)]) == ["1", "2", "3"]
    assert order([QueuedRun("1", "", 1), QueuedRun("2", "ann", 2)]) == ["1", "2"]


runs = st.lists(
    st.builds(QueuedRun, st.uuids().map(str), st.sampled_from(["", "ann", "bob", "cam"]), st.integers(0, 9)),
    unique_by=lambda run: run.run_id,
)


@given(runs, st.dictionaries(st.sampled_from(["ann", "bob"]), st.integers(1, 2)))
def test_all_runs_are_in_the_order_and_no_owner_gets_two_workers(waiting, active):
    ordered = fair_order(waiting, active, {})
    assert sorted(run for run, _ in ordered) == sorted(waiting)
    starting = [run.owner for run, startable in ordered if startable and run.owner]
    assert len(starting) == len(set(starting))
    assert not set(starting) & set(active)
    assert [run for run, startable in ordered[: len(starting)] if not startable] == []
    for owner in ("ann", "bob", "cam"):
        own = [run.queued_at for run, _ in ordered if run.owner == owner]
        assert own == sorted(own)


def test_a_student_trains_one_run_at_a_time_even_if_workers_are_free(store):
    first, second = (store.create(CONFIG, by=ANN) for _ in range(2))
    other = store.create(CONFIG, by=BOB)
    assert store.queue() == [first, other, second]
    assert claim(store, "worker 1") == [first, other]
    assert claim(store, "worker 2") == []
    assert store.startable_count() == 0
    store.finish(store.run(first), Status.FINISHED)
    assert store.startable_count() == 1
    assert claim(store, "worker 2") == [second]


def test_concurrent_claims_get_runs_of_different_owners(store):
    ids = [store.create(CONFIG, by=Visitor(owner)) for owner in ("ann", "ann", "bob", "bob", "cam", "dan")]
    with ThreadPoolExecutor(8) as pool:
        claimed = [run for runs in pool.map(lambda i: store.claim(f"worker {i}", workers=8), range(8)) for run in runs]
    assert len({run.id for run in claimed}) == len(claimed) == 4
    assert {run.owner for run in claimed} == {"ann", "bob", "cam", "dan"}
    assert set(ids) > {run.id for run in claimed}
    assert len({run.claimed_by for run in claimed}) == 4, "each worker takes its share only"


def test_a_worker_claims_no_more_than_its_share(store):
    ids = [store.create(CONFIG, by=Visitor(str(i))) for i in range(5)]
    assert claim(store, "worker 1", workers=2) == ids[:3]
    assert claim(store, "worker 1", workers=2) == []
    assert claim(store, "worker 2", workers=2) == ids[3:]
    for run_id in ids[:3]:
        store.finish(store.run(run_id), Status.FINISHED)
    assert (store.surplus("worker 1", 2), store.surplus("worker 2", 2)) == (0, 1)
    store.set_pace(ids[4], 1.0)
    assert store.surplus("worker 2", 2) == 0, "slow motion is no work"


def test_a_worker_claims_what_fits_and_nothing_overtakes_a_run_that_does_not(store):
    small, large, _ = (
        store.create(config, by=Visitor(str(i)))
        for i, config in enumerate([CONFIG, MemorizeConfig("hello", hidden_size=512), CONFIG])
    )

    def is_small(run):
        return run.config.hidden_size < 512

    assert claim(store, "worker 1", is_small) == [small]
    assert claim(store, "worker 1", is_small) == []
    assert claim(store, "worker 2")[0] == large


def test_a_run_that_keeps_killing_workers_fails_with_a_message(store):
    run_id = store.create(CONFIG)
    for number in range(MAX_WORKER_CRASHES + 1):
        assert claim(store, f"worker {number}") == [run_id]
        store.requeue(f"worker {number}")
    assert claim(store, "worker") == []
    run = store.run(run_id)
    assert run.status is Status.FAILED
    assert "its worker died 4 times" in run.message


def test_a_run_is_innocent_of_a_dead_worker_if_it_was_paused_or_has_progressed_since(store):
    paused, progressed, stuck = (claim_run(store, store.create(CONFIG), "worker 1") for _ in range(3))
    sync(store, paused, status=Status.PAUSED)
    store.requeue("worker 1")
    crashes = {run.id: store.run(run.id).worker_crashes for run in (paused, progressed, stuck)}
    assert list(crashes.values()) == [0, 1, 1]
    progressed = claim_run(store, progressed.id, "worker 2")
    sync(store, progressed, checkpoint=(b"", 5), has_progressed=True)
    assert store.run(progressed.id).worker_crashes == 0


def test_a_worker_has_only_one_run_at_a_time_that_may_kill_it(store):
    """Runs that were beside a run that kills its worker must not die with it again and again."""
    ids = [store.create(CONFIG) for _ in range(3)]
    for number in range(2):
        for run_id in ids:
            claim_run(store, run_id, f"worker {number}")
        store.requeue(f"worker {number}")
    new = store.create(CONFIG)
    assert claim(store, "worker") == [ids[0], new]
    sync(store, store.run(ids[0]), checkpoint=(b"", 5), has_progressed=True)
    assert claim(store, "worker") == [ids[1]]


def test_a_paused_run_that_is_given_back_waits_for_its_owner(store):
    run = claim_run(store, store.create(CONFIG, by=ANN), "worker 1")
    store.pause(run.id)
    assert store.sync("worker 1", [RunUpdate(run, status=Status.PAUSED)]).first_waiting is None
    other = store.create(CONFIG, by=BOB)
    assert store.sync("worker 1", [RunUpdate(run, status=Status.PAUSED)]).first_waiting == other
    sync(store, run, status=Status.WAITING)
    assert store.run(run.id).status is Status.PAUSED
    assert claim(store, "worker 1") == [other]
    assert store.queue() == []
    store.resume(run.id)
    assert (store.run(run.id).status, store.queue()) == (Status.WAITING, [run.id])
    assert claim(store, "worker 2") == [run.id]


def test_a_single_step_of_a_paused_run_queues_it_too(store):
    run = claim_run(store, store.create(CONFIG), "worker 1")
    store.pause(run.id)
    sync(store, run, status=Status.WAITING)
    store.advance(run.id, "step")
    [again] = store.claim("worker 2")
    assert (again.id, again.pause_requested) == (run.id, True)
    assert sync(store, again).advance == ("step",)


def test_a_step_requested_while_the_run_is_given_back_is_not_lost(store):
    run = claim_run(store, store.create(CONFIG), "worker 1")
    store.pause(run.id)
    store.advance(run.id, "step")
    sync(store, run, status=Status.WAITING)
    assert store.run(run.id).status is Status.WAITING
    [again] = store.claim("worker 2")
    assert sync(store, again).advance == ("step",)


def test_a_run_without_worker_stops_at_once(store):
    run = claim_run(store, store.create(CONFIG))
    store.pause(run.id)
    sync(store, run, status=Status.WAITING)
    store.stop(run.id)
    assert store.run(run.id).status is Status.STOPPED


# The teacher's limits


@pytest.mark.parametrize(
    ("limits", "config", "message"),
    [
        (Limits(max_characters=4), CONFIG, "number of characters may be at most 4 in this class, but it is 5"),
        (Limits(max_hidden_size=32), CONFIG, "hidden size may be at most 32"),
        (Limits(max_memorize_epochs=100), CONFIG, "number of epochs may be at most 100 in this class, but it is 300"),
        (Limits(max_classify_epochs=10), ClassifyConfig(), "number of epochs may be at most 10"),
        (Limits(max_layer_width=200), ClassifyConfig(), "size of a hidden layer may be at most 200"),
        (Limits(max_layer_width=3), PlaneConfig(), "size of a hidden layer may be at most 3"),
        (Limits(accepting_runs=False), CONFIG, "teacher has paused new runs"),
    ],
)
def test_limits_apply_to_students_and_not_to_teachers(store, limits, config, message):
    store.set_limits(limits)
    with pytest.raises(ValueError, match=message):
        store.create(config, by=ANN)
    assert store.list_runs() == []
    assert store.create(config, by=TEACHER)
    store.set_limits(Limits())
    assert store.create(config, by=ANN)


@pytest.mark.slow
def test_starts_per_minute_are_limited_per_browser(store):
    store.set_limits(Limits(max_starts_per_minute=20))

    def start(_):
        try:
            return store.create(CONFIG, by=ANN)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(start, range(1_000)))
    refused = [answer for answer in answers if answer == "You have started 20 runs within a minute. Wait a little."]
    assert len(refused) == 980
    assert len(store.list_runs(limit=None)) == 20
    assert store.create(CONFIG, by=BOB)


def test_queued_runs_are_limited_per_browser(store):
    store.set_limits(Limits(max_queued_runs=3))
    for _ in range(3):
        store.create(CONFIG, by=ANN)
    with pytest.raises(ValueError, match="3 of your runs are already waiting"):
        store.create(CONFIG, by=ANN)
    store.claim("worker", limit=1)
    assert store.create(CONFIG, by=ANN)


def test_the_limits_of_one_class_do_not_affect_another(store):
    store.set_limits(Limits(accepting_runs=False), "7B")
    with pytest.raises(ValueError, match="paused new runs"):
        store.create(CONFIG, by=replace(ANN, classroom="7B"))
    assert store.create(CONFIG, by=replace(ANN, classroom="8A"))
    assert store.create(CONFIG, by=ANN)
    assert (store.limits("7B"), store.limits("8A"), store.limits()) == (
        Limits(accepting_runs=False),
        Limits(),
        Limits(),
    )


def test_a_class_without_limits_of_its_own_has_those_of_visitors_without_a_class_code(store):
    store.set_limits(Limits(max_characters=9))
    store.set_limits(Limits(max_characters=500), "7B")
    assert [store.limits(name).max_characters for name in ("", "8A", "7B")] == [9, 9, 500]


def test_starts_per_minute_are_limited_per_class(store):
    store.set_limits(Limits(max_class_starts_per_minute=4), "7B")
    students = [Visitor(f"student {number}", classroom="7B") for number in range(5)]
    for student in students[:4]:
        store.create(CONFIG, by=student)
    with pytest.raises(ValueError, match=r"Your class has started 4 runs within a minute\. Wait a little\."):
        store.create(CONFIG, by=students[4])
    assert store.create(CONFIG, by=replace(students[4], classroom="8A"))
    assert store.create(CONFIG, by=replace(students[4], teacher=True))


def test_starts_per_minute_are_limited_per_address(store, monkeypatch):
    monkeypatch.setattr("core.runs.store.MAX_STARTS_PER_ADDRESS", 3)
    cookies = [Visitor(f"cookie {number}", classroom=f"class {number}", address="192.0.2.1") for number in range(4)]
    for cookie in cookies[:3]:
        store.create(CONFIG, by=cookie)
    with pytest.raises(ValueError, match="3 runs have been started from your network within a minute"):
        store.create(CONFIG, by=cookies[3])
    assert store.create(CONFIG, by=replace(cookies[3], address="192.0.2.2"))
    assert store.create(CONFIG, by=replace(cookies[3], address="")), "its address is unknown"


@pytest.mark.slow
def test_a_whole_class_may_press_train_every_ten_seconds(store):
    students = [Visitor(f"student {number}", classroom="7B", address="192.0.2.1") for number in range(30)]
    for _ in range(6):
        for student in students:
            store.stop(store.create(CONFIG, by=student))
    assert store.count_runs(classroom="7B") == 180


def test_all_waiting_runs_together_are_limited(store, monkeypatch):
    monkeypatch.setattr("core.runs.store.MAX_WAITING_RUNS", 3)
    waiting = [store.create(CONFIG, by=Visitor(f"cookie {number}")) for number in range(3)]
    with pytest.raises(ValueError, match="3 runs are already waiting on this server"):
        store.create(CONFIG, by=ANN)
    store.stop(waiting[0])
    assert store.create(CONFIG, by=ANN)


@pytest.mark.parametrize("field", ["max_minutes", "max_characters", "max_starts_per_minute"])
def test_limits_must_be_numbers_within_range(field):
    for wrong in (-1, float("nan"), "many"):
        with pytest.raises(ValueError, match="must be a"):
            replace(Limits(), **{field: wrong})
