"""A running dashboard and a real Chromium, for tests of what only a browser shows."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from core.classroom import ClassStore
from core.runs import Store

PROJECT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SECONDS_TO_START = 120
PASSWORD = "correct horse battery staple"
CODE = "LESSON"  # of the class that the fixture `teacher` opens
ACTION_TIMEOUT, EXPECT_TIMEOUT = 60_000, 180_000  # ms; generous, because other tests may keep the machine busy
STOP_TIMEOUT = 120  # seconds
expect.set_options(timeout=EXPECT_TIMEOUT)


def pytest_collection_modifyitems(items):
    """Skip browser tests, with the reason, on a machine without Chromium."""
    if CHROMIUM is None:
        reason = "Chromium not found: install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


class Server:
    """A separate dashboard with an empty data folder, which can be killed and restarted."""

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self.data, self.log = f"http://localhost:{self.port}", folder / "data", folder / "log"
        self.start()

    def start(self) -> None:
        options = [f"--server.port={self.port}", "--server.headless=true"]
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", *options],
                cwd=PROJECT,
                env={**os.environ, "DATA_DIR": str(self.data), "TEACHER_PASSWORD": PASSWORD},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        for _ in range(SECONDS_TO_START * 2):
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
                return
            except (urllib.error.URLError, TimeoutError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.5)
        pytest.fail(f"The dashboard did not start:\n{self.log.read_text()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_TIMEOUT)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_TIMEOUT)


def button(page: Page, name: str) -> Locator:
    """Return a button of the page or of its run bar; Streamlit's header has another Stop until a style hides it."""
    return page.locator("[data-testid=stMain], [data-testid=stBottom]").get_by_role("button", name=name, exact=True)


def status(page: Page) -> Locator:
    """Return the text of the run bar, such as "Training · epoch 3 of 300"."""
    return page.get_by_test_id("stBottom").locator(".text")


def outcome(page: Page) -> Locator:
    """Return the line about how the run ended."""
    return page.locator(".outcome")


def choose_pace(page: Page, pace: str) -> None:
    """Choose the pace of the next run, or of the current one."""
    choice = page.get_by_test_id("stBottom").get_by_role("radio", name=pace, exact=True)
    choice.click()
    expect(choice).to_be_checked()


def wait_until_complete(page: Page) -> None:
    """Wait until no script has run for a second: a new page may be drawn twice, the second time with all settings."""
    page.wait_for_function(
        """() => {
            const app = document.querySelector("[data-testid=stApp]");
            if (app?.dataset.testScriptState !== "notRunning") window.completeSince = undefined;
            else window.completeSince ??= Date.now();
            return Date.now() - window.completeSince > 1000;
        }""",
        polling=100,
    )


def record_drawn_texts(page: Page) -> None:
    """Record the texts that charts draw on their canvases. Call it before the page is opened."""
    page.add_init_script(
        """window.drawn = new Set();
        const fillText = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
            window.drawn.add(text);
            return fillText.call(this, text, ...place);
        };"""
    )


def expect_drawn(page: Page, text: str) -> None:
    """Wait until a chart has drawn this text."""
    page.wait_for_function("text => window.drawn.has(text)", arg=text)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return the dashboard that the tests of this session share."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def server_url(server) -> str:
    return server.url


@pytest.fixture(scope="session")
def store(server):
    """Return the server's run database, opened from outside the server."""
    store = Store(f"sqlite:///{server.data}/runs.sqlite")
    yield store
    store.close()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def is_error(message) -> bool:
    """Return whether a console message is an error.

    Streamlit first requests its own endpoints below the page's path, which fails harmlessly; these do not count.
    """
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


@pytest.fixture
def new_page(browser):
    """Return new_page(), which opens a separate browser, like another student's. The test fails on any error in it."""
    errors, contexts = [], []

    def new_page(**options):
        contexts.append(browser.new_context(viewport={"width": 1400, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(ACTION_TIMEOUT)
        page.on("pageerror", lambda error: errors.append(f"page error: {error}"))
        page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert not errors, errors


@pytest.fixture
def page(new_page):
    """Return a page of a new browser."""
    return new_page()


@pytest.fixture
def teacher(new_page, server_url: str, store: Store):
    """Return the page of a teacher who has opened a class."""
    page = new_page()
    page.goto(f"{server_url}/classroom")
    page.get_by_text("For teachers").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password", exact=True).press("Enter")
    expect(button(page, "Open the class")).to_be_visible()
    code = page.get_by_label("Class code", exact=True)
    expect(code).to_have_count(1)  # the field of a student's page is gone
    code.fill(CODE)
    page.get_by_label("Name", exact=True).fill("Physics")
    button(page, "Open the class").click()
    expect(page.get_by_text("Nobody is here yet")).to_be_visible()
    yield page
    ClassStore(store).delete(CODE)
