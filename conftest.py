"""Marks tests as `browser` or `slow` by where they are, so that `make check` can leave them out.

Fixtures are in tests/conftest.py. A slow test in another file can be marked with @pytest.mark.slow.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "tests"
BROWSER = TESTS / "browser"
# Files and folders that start servers or databases, draw whole pages, or train for many seconds.
SLOW = [
    BROWSER,
    TESTS / "pages",
    TESTS / "classify" / "test_presets.py",
    TESTS / "runs" / "test_dispatcher.py",
    TESTS / "runs" / "test_failures.py",
    TESTS / "runs" / "test_local_cluster.py",
    TESTS / "runs" / "test_postgres.py",
    TESTS / "runs" / "test_store.py",
    TESTS / "test_terminal.py",
]


def pytest_configure() -> None:
    """Refuse a list that no longer matches the tests: a renamed file would silently count as fast."""
    if missing := [str(path) for path in SLOW if not path.exists()]:
        raise pytest.UsageError(f"conftest.py lists {', '.join(missing)}, which does not exist. Update SLOW.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the markers."""
    for item in items:
        places = {item.path, *item.path.parents}
        if BROWSER in places:
            item.add_marker(pytest.mark.browser)
        if places.intersection(SLOW):
            item.add_marker(pytest.mark.slow)
