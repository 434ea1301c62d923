"""Pages without a browser: Streamlit's AppTest, a dispatcher with real workers, and a separate data folder."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """Keep these tests' runs and datasets in a separate folder. The first page creates the dispatcher."""
    folder = tmp_path_factory.mktemp("data")
    before = os.environ.get("DATA_DIR")
    os.environ["DATA_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["DATA_DIR"]
    else:
        os.environ["DATA_DIR"] = before


@pytest.fixture
def navigation_is_known(monkeypatch):
    """Act as a server in which `st.navigation` was called before; AppTest resets that before every run."""
    original = PagesManager.__init__

    def init(self, *arguments, **options):
        original(self, *arguments, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", init)


@pytest.fixture
def open_page(navigation_is_known) -> Callable[..., AppTest]:
    """Return open_page("memorize", run="..."), which runs that page from app.py with these query parameters."""

    def open_page(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
        app.run()
        if name != "home":
            app.switch_page(f"pages/{name}.py")
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception, app.exception
        return app

    return open_page


def button(app: AppTest, label: str):
    """Return the button with this label."""
    return next(button for button in app.button if button.label == label)


def open_code(app: AppTest) -> list[str]:
    """Open every Code view of the page and return all code on the page."""
    for expander in app.expander:
        if expander.label.startswith("Code"):
            app.session_state[expander.key] = True
    app.run()
    return [code.value for code in app.code]


def run_until(app: AppTest, condition: Callable[[], bool], tries: int = 300) -> None:
    """Rerun the page until the condition holds, because AppTest does not rerun fragments on a timer."""
    for _ in range(tries):
        if condition():
            return
        time.sleep(0.2)
        app.run()
        assert not app.exception, app.exception
    pytest.fail("the page never showed the expected state")
