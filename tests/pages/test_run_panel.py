"""What a page says of the queue."""

from types import SimpleNamespace

import pytest

from core.runs import Status
from pages.ui import run_panel


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ((3, 17.0), "for a free worker, position 3 in the queue, about 20 seconds"),
        ((1, 2.0), "for a free worker, position 1 in the queue, about 10 seconds"),
        ((9, 400.0), "for a free worker, position 9 in the queue, about 7 minutes"),
        ((2, 0.0), "for a free worker, position 2 in the queue"),
    ],
)
def test_a_waiting_run_shows_its_position_in_the_queue(monkeypatch, position, text):
    place = SimpleNamespace(position=position[0], eta_seconds=position[1])
    queue = SimpleNamespace(position=lambda run_id: place, has_other_active=lambda run: False)
    monkeypatch.setattr(run_panel, "queue", lambda: queue)
    assert run_panel.queue_label(SimpleNamespace(id="a", owner="", status=Status.WAITING)) == text
    assert run_panel.queue_label(SimpleNamespace(id="a", owner="", status=Status.RUNNING)) == ""


@pytest.mark.parametrize(("visitor", "whose"), [("ann", "your"), ("bob", "their")])
def test_a_run_that_waits_for_another_of_its_owner_says_so(monkeypatch, visitor, whose):
    place = SimpleNamespace(position=1, eta_seconds=5.0)
    queue = SimpleNamespace(position=lambda run_id: place, has_other_active=lambda run: run.owner == "ann")
    monkeypatch.setattr(run_panel, "queue", lambda: queue)
    monkeypatch.setattr(run_panel, "visitor", lambda: SimpleNamespace(id=visitor))
    waiting = SimpleNamespace(id="a", owner="ann", status=Status.WAITING)
    assert run_panel.queue_label(waiting) == f"until {whose} other run has ended"
