"""Replays: every state of a run that was steered and resumed is recomputed bit for bit."""

import math
from dataclasses import replace
from functools import partial
from itertools import islice

import pytest

from core import classify, memorize
from core.classify import ClassifyConfig
from core.classify import replay as classify_replay
from core.memorize import MemorizeConfig
from core.memorize import replay as memorize_replay
from core.training import Change, Checkpoint, Control

MEMORIZE = MemorizeConfig("abc abd", hidden_size=6, num_layers=2, epochs=40)
CLASSIFY = ClassifyConfig(
    hidden=(6, 5), dropout=0.3, batch_size=30, epochs=4, optimizer="adam", lr=0.01, augment=("shift", "elastic")
)
STEERING = {  # all changed settings, by step
    "memorize": {5: {"lr": 0.05}, 23: {"lr": 0.02}, 31: {}},
    "classify": {
        0: {"lr": 0.02},
        3: {"lr": 0.02, "batch_size": 50, "dropout": 0.1},
        7: {"batch_size": 50, "dropout": 0.5, "schedule": "constant"},
    },
}


def position(state: Checkpoint) -> int:
    """Return how many steps were made before a state."""
    return state.metadata["epoch"] if "epoch" in state.metadata else state.metadata["progress"]["step"]


def train(fit, steering: dict, resumed_at: int, start: Checkpoint | None = None) -> tuple[list, dict[int, Checkpoint]]:
    """Train with changes, and resume from a stored checkpoint once. Returns the changes and the state at every step."""
    made, states, wanted = [], {}, {}
    for stop in (resumed_at, None):
        control = Control(wanted, checkpoint_requested=True)
        for event in fit(control=control, checkpoint=start):
            if isinstance(event, Change):
                made.append(event)
            elif isinstance(event, Checkpoint):
                states[position(event)] = event
                if position(event) == stop:
                    start = Checkpoint.from_bytes(event.to_bytes())
                    break
                wanted = control.changes = steering.get(position(event), wanted)
            else:
                control.checkpoint_requested = True
    return made, states


@pytest.fixture(params=["memorize", "classify"])
def kind(request):
    return request.param


@pytest.fixture
def fit(kind, make_dataset):
    """The training loop of a small run."""
    if kind == "memorize":
        return partial(memorize.fit, MEMORIZE)
    return partial(classify.fit, CLASSIFY, make_dataset(train=133))


@pytest.fixture
def module(kind):
    """The module with replay and state_at."""
    return {"memorize": memorize_replay, "classify": classify_replay}[kind]


@pytest.fixture
def inputs(kind, make_dataset) -> tuple:
    """The first arguments of replay and state_at."""
    return (MEMORIZE,) if kind == "memorize" else (CLASSIFY, make_dataset(train=133))


@pytest.mark.slow
def test_every_state_of_a_run_that_was_steered_and_resumed_is_recomputed(kind, fit, module, inputs):
    made, states = train(fit, STEERING[kind], resumed_at=9)
    assert len({change.at for change in made}) == 3
    assert list(states) == list(range(len(states)))
    assert len({state.to_bytes() for state in states.values()}) == len(states) > 10
    for step, state in states.items():
        assert module.state_at(*inputs, made, step).to_bytes() == state.to_bytes(), step


def test_a_replay_continues_from_any_earlier_state(kind, fit, module, inputs):
    made, states = train(fit, STEERING[kind], resumed_at=6)
    for start in (0, 3, 4, 8, 10):
        stored = Checkpoint.from_bytes(states[start].to_bytes())
        assert module.state_at(*inputs, made, 10, stored).to_bytes() == states[10].to_bytes()


def test_a_replay_yields_states_on_the_way_from_which_another_can_continue(kind, fit, module, inputs):
    made, states = train(fit, STEERING[kind], resumed_at=6)
    replayed = list(module.replay(*inputs, made, 10, every=4, seconds=math.inf))
    assert [position(state) for state in replayed] == [4, 8, 10]
    assert [state.to_bytes() for state in replayed] == [states[step].to_bytes() for step in (4, 8, 10)]
    *_, given_up = islice(module.replay(*inputs, made, 10, every=4, seconds=math.inf), 1)
    rest = list(module.replay(*inputs, made, 10, given_up, every=4, seconds=math.inf))
    assert [state.to_bytes() for state in rest] == [states[step].to_bytes() for step in (8, 10)]


def test_a_replay_with_slow_steps_yields_a_state_after_each(fit, module, inputs):
    replayed = list(module.replay(*inputs, [], 6, every=100, seconds=0))
    assert [position(state) for state in replayed] == [1, 2, 3, 4, 5, 6]


def test_a_run_that_began_with_other_weights_is_replayed_from_these(kind, fit, module, inputs):
    *_, parent = fit()
    made, states = train(fit, STEERING[kind], resumed_at=6, start=parent.weights())
    for step in (0, 1, 10):
        assert module.state_at(*inputs, made, step, parent.weights()).to_bytes() == states[step].to_bytes()
        assert module.state_at(*inputs, made, step).to_bytes() != states[step].to_bytes()


def test_a_replay_needs_a_step_that_the_run_has(module, inputs):
    state = module.state_at(*inputs, [], 3)
    with pytest.raises(ValueError, match="A replay only goes forward: it cannot begin after 3 and end after 2"):
        module.state_at(*inputs, [], 2, state)
    for step in (-1, 41):
        with pytest.raises(ValueError, match=r"must be from 0 to 40|only goes forward|ends after 16"):
            module.state_at(*inputs, [], step)


@pytest.mark.parametrize("cell", ["MyLSTM", "nn.LSTM", "GRU", "RNN"])
def test_a_run_that_stopped_when_it_had_learned_is_replayed(cell):
    config = MemorizeConfig("hello", cell=cell, hidden_size=12, lr=0.05, epochs=300, stop_when_learned=True)
    *events, end = memorize.fit(config)
    assert events[-1].epoch + 1 == position(end) < 300
    state = memorize_replay.state_at(config, [], position(end))
    assert {name: array.tolist() for name, array in state.arrays.items()} == {
        name: array.tolist() for name, array in end.arrays.items()
    }
    assert memorize_replay.state_at(config, [], position(end), end).to_bytes() == end.to_bytes()


@pytest.mark.parametrize("epoch", [1, 7])
def test_the_network_of_an_epoch_is_evaluated_as_it_was_then(make_dataset, epoch):
    """The loss of an epoch is computed with the weights before it."""
    *events, _ = memorize.fit(MEMORIZE)
    state = memorize_replay.state_at(MEMORIZE, [], epoch)
    start = replace(MEMORIZE, epochs=1)
    assert next(memorize.fit(start, checkpoint=state.weights())).loss == events[epoch].loss


def test_the_estimated_seconds_count_every_image_with_the_batch_size_of_its_step():
    def seconds(steps: range, **settings) -> float:
        changes = [Change(2, "lr", 0.1), Change(3, "batch_size", 60), Change(6, "batch_size", 30)]
        config = replace(CLASSIFY, augment=(), hidden=(64,), **settings)
        return classify_replay.replay_seconds(config, (28, 28), 10, changes, steps)

    one = seconds(range(1))
    assert one > 0
    assert seconds(range(2, 3)) == seconds(range(6, 7)) == one
    assert seconds(range(3, 4)) == seconds(range(5, 6)) > one
    assert seconds(range(10)) == pytest.approx(7 * one + 3 * seconds(range(4, 5)))
    assert seconds(range(5, 5)) == 0
    assert seconds(range(1), batch_size=20) < one
    assert classify_replay.replay_seconds(CLASSIFY, (28, 28), 10, [], range(1)) > classify_replay.replay_seconds(
        replace(CLASSIFY, augment=()), (28, 28), 10, [], range(1)
    )
