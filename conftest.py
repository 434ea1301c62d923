"""Marks tests as `browser` or `slow` by their fixtures and files, so that `make check` can leave them out.

Mark a slow test in any other file with @pytest.mark.slow. Fixtures for tests are in tests/conftest.py.
"""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "tests"
BROWSER = TESTS / "browser"
SLOW_FIXTURES = {"browser", "server", "open_page", "finished", "sentence_run", "image_run", "postgres", "cluster"}
SLOW_FILES = {  # they start servers or databases, draw whole pages, or train for many seconds
    *(TESTS / "runs" / f"test_{name}.py" for name in ("dispatcher", "failures", "local_cluster", "migrations")),
    *(
        TESTS / "pages" / f"test_{name}.py"
        for name in (
            "address",
            "autograd",
            "downloads",
            "lessons",
            "memorize_notebook",
            "presets",
            "process",
            "threads",
        )
    ),
    TESTS / "lessons" / "test_claims.py",
    *(TESTS / "classify" / f"test_{name}.py" for name in ("notebook", "presets")),
    *(TESTS / "memorize" / f"test_{name}.py" for name in ("advice", "recording")),
    *(TESTS / "plane" / f"test_{name}.py" for name in ("notebook", "presets")),
    TESTS / "test_notebook.py",
    TESTS / "test_terminal.py",
}


def pytest_configure() -> None:
    """Refuse a list that no longer matches the files: a renamed one would silently count as fast."""
    if missing := sorted(str(path) for path in SLOW_FILES if not path.exists()):
        raise pytest.UsageError(f"SLOW_FILES in conftest.py lists files that do not exist: {', '.join(missing)}.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the markers."""
    for item in items:
        in_browser = BROWSER in item.path.parents
        if in_browser:
            item.add_marker(pytest.mark.browser)
        if in_browser or item.path in SLOW_FILES or SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def restore_main_module():
    """Undo that AppTest makes the page the main module, which processes started by later tests would import again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
