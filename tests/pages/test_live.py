"""How often a page looks at a run."""

from types import SimpleNamespace

import pytest

from core.runs import Status
from pages.ui import live


@pytest.mark.parametrize(
    ("status", "train_seconds", "expected"),
    [
        (Status.WAITING, 0.0, 2.0),
        (Status.RUNNING, live.YOUNG - 1, 2.0),
        (Status.RUNNING, live.YOUNG + 1, 2.0 * live.LATER),
        (Status.PAUSED, live.YOUNG + 1, 2.0 * live.LATER),
        (Status.FINISHED, 0.0, None),
        (Status.FAILED, live.YOUNG + 1, None),
    ],
)
def test_a_run_is_looked_at_less_often_once_it_is_no_longer_young_and_no_more_when_it_has_ended(
    status, train_seconds, expected
):
    assert live.interval(SimpleNamespace(status=status, train_seconds=train_seconds), 2.0) == expected


def test_where_there_is_no_run_nothing_is_looked_at():
    assert live.interval(None, 2.0) is None
