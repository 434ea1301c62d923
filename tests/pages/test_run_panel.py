"""How often a page looks at a run."""

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
def test_a_run_is_looked_at_less_often_once_it_is_no_longer_young_and_no_more_when_it_has_ended(
    status, train_seconds, expected
):
    assert run_panel.refresh_interval(SimpleNamespace(status=status, train_seconds=train_seconds), 2.0) == expected


def test_where_there_is_no_run_nothing_is_looked_at():
    assert run_panel.refresh_interval(None, 2.0) is None
