"""How long a waiting run will wait: the estimate against simulated workers that train in turns."""

import random

import pytest

from core.memorize import MemorizeConfig
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor
from core.runs.models import Status
from core.runs.queue_estimate import Load, seconds_until_start
from tests.runs import claim_run, sync

TURN = 0.05


def simulate(active, waiting, workers, places):
    """Train in turns on so many workers, with so many places; return when the last of the waiting runs starts.

    Unlike the estimate, this knows how long every run will take.
    """
    remaining, queue, clock = [load.seconds for load in active], [load.seconds for load in waiting], 0.0
    while True:
        while len(remaining) < places:
            remaining.append(queue.pop(0))
            if not queue:
                return clock
        for index in random.sample(range(len(remaining)), workers):
            remaining[index] -= TURN
        clock += TURN
        remaining = [seconds for seconds in remaining if seconds > 0]


@pytest.mark.parametrize("seed", range(20))
def test_the_estimate_is_true_within_a_factor_of_two(seed):
    random.seed(seed)
    places, workers, mean = random.randint(2, 20), random.randint(1, 4), random.choice([5.0, 30.0])
    # Runs that have not begun are guessed to take the mean; the progress of the others tells how long they will take.
    active = [Load(f"a{i}", random.uniform(1, 3 * mean), memory=1) for i in range(places)]
    waiting = [Load(f"w{i}", random.uniform(0.5 * mean, 1.5 * mean), memory=1) for i in range(random.randint(1, 15))]
    guessed = [Load(load.owner, mean, memory=1) for load in waiting]
    actual = simulate(active, waiting, min(workers, places), places)
    assert actual / 2 <= seconds_until_start(active, guessed, workers) <= 2 * actual


def test_a_second_run_of_a_student_waits_for_the_first_however_many_others_train():
    active = [Load("ann", 10.0), Load("bob", 100.0), Load("cam", 100.0)]
    assert seconds_until_start(active, [Load("ann", 5.0)], workers=1) == pytest.approx(30)
    assert seconds_until_start(active, [Load("ann", 5.0)], workers=3) == pytest.approx(10)


def test_runs_in_slow_motion_take_their_time_and_nobody_elses():
    active = [Load("ann", 60.0, is_slow=True, memory=1), Load("bob", 20.0, memory=1)]
    assert seconds_until_start(active, [Load("cam", 5.0, memory=1)], workers=1) == pytest.approx(20)
    assert seconds_until_start(active, [Load("ann", 5.0, memory=0)], workers=1) == pytest.approx(60)


def test_a_large_run_waits_until_enough_memory_is_free():
    active = [Load("ann", 10.0, memory=1), Load("bob", 20.0, memory=1)]
    assert seconds_until_start(active, [Load("cam", 5.0, memory=1)], workers=2) == pytest.approx(10)
    assert seconds_until_start(active, [Load("cam", 5.0, memory=2)], workers=2) == pytest.approx(20)


def test_the_dispatcher_tells_position_and_time_from_the_progress_of_the_others(url):
    dispatcher = Dispatcher(url, workers=2)
    store, config = dispatcher.store, MemorizeConfig("hello", epochs=100)
    active = [claim_run(store, store.create(config, by=Visitor(str(i)))) for i in range(4)]
    waiting = [store.create(config, by=Visitor(name)) for name in ("ann", "bob")]
    assert dispatcher.queue().position(waiting[1]) == (2, 0.0), "nothing is known yet"
    for run in active:
        sync(store, run, train_seconds=5.0, metrics={"epochs": 25})
    assert dispatcher.queue().position(waiting[0]) == (1, pytest.approx(30))  # 15 seconds each, four on two workers
    sync(store, active[0], status=Status.FINISHED, train_seconds=20.0)
    assert dispatcher.queue().position(active[0].id) is None
    dispatcher.close()
    store.close()


def test_a_run_waits_for_another_of_its_owner_while_that_trains(url):
    dispatcher = Dispatcher(url, workers=1)
    store, config = dispatcher.store, MemorizeConfig("hello")
    first = claim_run(store, store.create(config, by=Visitor("ann")))
    second, other, nameless = (store.run(store.create(config, by=Visitor(name))) for name in ("ann", "bob", ""))
    assert dispatcher.queue().has_other_active(second)
    assert not dispatcher.queue().has_other_active(other)
    assert not dispatcher.queue().has_other_active(nameless)
    sync(store, first, status=Status.PAUSED)
    assert not dispatcher.queue().has_other_active(second)
    dispatcher.close()
    store.close()
