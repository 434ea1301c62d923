"""Pages without a browser: Streamlit's AppTest, a dispatcher with real workers, and a separate data folder."""

import html
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from core.runs import get_dispatcher
from pages.ui.run_bar import FULL

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
    """Return open_page("memorize", run="..."), which runs that page from app.py with these query parameters.

    Its runs are trained at full speed; pace=None: at the page's default.
    """

    def open_page(name: str, *, pace: str | None = FULL, **query: str) -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
        app.run()
        if name != "home":
            app.switch_page(f"pages/{name}.py")
        for key, value in query.items():
            app.query_params[key] = value
        if pace and name in ("memorize", "classify", "plane"):
            app.session_state[f"{name}_pace"] = pace
        app.run()
        assert not app.exception, app.exception
        return app

    return open_page


def button(app: AppTest, label: str):
    """Return the button with this label."""
    return next(button for button in app.button if button.label == label)


def html_of(app: AppTest) -> str:
    """Return all HTML on the page."""
    return " ".join(element.proto.body for element in app.get("html"))


def timeline(app: AppTest) -> dict[str, Any]:
    """Return what the run bar's timeline shows: run, done, total, shown, active and text."""
    [component] = [each for each in app.get("bidi_component") if each.proto.component_name == "dashboard.timeline"]
    return json.loads(component.proto.json)


def status(app: AppTest) -> str:
    """Return the text of the timeline."""
    return timeline(app)["text"]


def outcome(app: AppTest) -> tuple[str, str]:
    """Return the kind and the text of the line about how the run ended, beside the large figures."""
    [(kind, text)] = re.findall(
        r'<div class="outcome (\w*)" role="status" tabindex="0">(?:<b>.</b>)?(.*?)</div>', html_of(app)
    )
    return kind, html.unescape(text)


def figure(app: AppTest, name: str) -> str:
    """Return the value of a large figure."""
    return html.unescape(re.search(rf'>{name}</span><span class="value">(.*?)</span>', html_of(app))[1])


def chart_data(app: AppTest, number: int) -> dict[str, pd.DataFrame]:
    """Return the data of one of the page's charts by the names that its specification uses."""
    chart = app.get("vega_lite_chart")[number].proto
    return {each.name: pa.ipc.open_stream(each.data.data).read_pandas() for each in chart.datasets}


def run_of(app: AppTest) -> str:
    """Return the id of the run that the page shows."""
    run_id = app.query_params["run"]
    assert isinstance(run_id, str)
    return run_id


def stop_run(app: AppTest) -> None:
    """Stop the page's run, which may have ended by itself."""
    get_dispatcher().store.stop(run_of(app))


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
