"""What a page says of the queue."""

from types import SimpleNamespace

import pytest

from core.runs import Status
from pages.ui import run_panel


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
