"""How often a page redraws a run, and what it says of the queue."""

from types import SimpleNamespace

import pytest

from core.runs import Status
from pages.ui import run_panel


@pytest.mark.parametrize(
    ("status", "train_seconds", "expected"),
    [
        (Status.WAITING, 0.0, 2.0),
        (Status.RUNNING, run_panel.FAST_REFRESH_SECONDS - 1, 2.0),
        (Status.RUNNING, run_panel.FAST_REFRESH_SECONDS + 1, 2.0 * run_panel.SLOW_REFRESH_FACTOR),
        (Status.PAUSED, run_panel.FAST_REFRESH_SECONDS + 1, 2.0 * run_panel.SLOW_REFRESH_FACTOR),
        (Status.FINISHED, 0.0, None),
        (Status.FAILED, run_panel.FAST_REFRESH_SECONDS + 1, None),
    ],
)
def test_redraws_become_rarer_during_a_run_and_stop_at_its_end(status, train_seconds, expected):
    assert run_panel.refresh_interval(SimpleNamespace(status=status, train_seconds=train_seconds), 2.0) == expected


def test_without_a_run_nothing_is_redrawn():
    assert run_panel.refresh_interval(None, 2.0) is None


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ((3, 17.0), "position 3 in the queue, about 20 seconds"),
        ((1, 2.0), "position 1 in the queue, about 10 seconds"),
        ((9, 400.0), "position 9 in the queue, about 7 minutes"),
        ((2, 0.0), "position 2 in the queue"),
    ],
)
def test_a_waiting_run_shows_its_position_in_the_queue(monkeypatch, position, text):
    place = SimpleNamespace(position=position[0], eta_seconds=position[1])
    dispatcher = SimpleNamespace(queue_position=lambda run_id: place)
    monkeypatch.setattr(run_panel, "dispatcher", lambda: dispatcher)
    assert run_panel.queue_label(SimpleNamespace(id="a", status=Status.WAITING)) == text
    assert run_panel.queue_label(SimpleNamespace(id="a", status=Status.RUNNING)) == ""
