"""The dashboard in a real Chromium: how soon a click shows something, and what an open page costs."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from benchmarks.measure import Result
from core.runs import Store

PROJECT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LONG_RUN = "/memorize?memorize_epochs=1000&hidden_size=256&num_layers=4"
LONG_SENTENCE = "a sentence that is long enough to be watched for a while; " * 12
CURVE = ".stVegaLiteChart canvas, .stVegaLiteChart .mark-line path"  # of a run that goes on, and of one that has ended
# in the page itself, so that nothing of the driver is measured: milliseconds from a click to the curve
STOPWATCH = f"""() => {{ window.firstPoint = new Promise(done => {{
    document.addEventListener("click", () => {{
        const clicked = performance.now();
        const drawn = curve => !curve.getContext ||
            (curve.width && curve.getContext("2d").getImageData(0, 0, curve.width, curve.height).data.some(Boolean));
        const look = () => {{
            const curve = document.querySelector("{CURVE}");
            if (curve && drawn(curve)) done(performance.now() - clicked);
            else setTimeout(look, 10);
        }};
        look();
    }}, {{ capture: true, once: true }});
}}); }}"""


def run(quick: bool) -> Iterator[Result]:
    if not CHROMIUM:
        print("There is no Chromium (one can be named in CHROMIUM): the dashboard was not measured.")
        return
    with TemporaryDirectory() as data, server(Path(data)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        clicks = [click_to_first_point(browser, url) for _ in range(3 if quick else 8)][1:]  # the first one warms up
        yield Result(
            "Dashboard",
            "click to first point",
            {"median": statistics.median(clicks), "worst": max(clicks)},
            "s",
            compared=False,
        )
        yield from open_page(browser, url, Store(f"sqlite:///{data}/runs.sqlite"), rounds=1 if quick else 6)
        browser.close()


@contextmanager
def server(data: Path) -> Iterator[str]:
    """A dashboard of its own, with an empty data folder; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    environment = {**os.environ, "DATA_DIR": str(data)}
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL
    )
    url = f"http://localhost:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def visit(browser: Browser, address: str, sentence: str) -> Page:
    """A visitor of their own, with a sentence typed and everything ready for a click on Train."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.get_by_label("Sentence to memorise").fill(sentence)
    page.get_by_label("Sentence to memorise").press("Control+Enter")
    page.get_by_text("Press Train").first.wait_for()
    page.wait_for_timeout(2_000)
    return page


def click_to_first_point(browser: Browser, url: str) -> float:
    """Seconds from the click on Train until there is a curve."""
    page = visit(browser, f"{url}/memorize", "how long can a cell remember?")
    page.evaluate(STOPWATCH)
    page.get_by_role("button", name="Train", exact=True).click()
    seconds = page.evaluate("() => window.firstPoint") / 1e3
    page.get_by_text("Finished").first.wait_for()
    page.context.close()
    return seconds


@dataclass
class Redraw:
    """What the page asked the server for at once, and what came of it. asked, drawn: seconds; sent: bytes."""

    asked: float
    drawn: float = 0.0
    sent: int = 0


def open_page(browser: Browser, url: str, store: Store, rounds: int) -> Iterator[Result]:
    """A long run, looked at and left alone in turn: its epochs a second, and what a redraw takes and sends."""
    page = visit(browser, f"{url}{LONG_RUN}", LONG_SENTENCE)
    redraws: list[Redraw] = []

    def arrived(data: str | bytes) -> None:
        if redraws:
            redraws[-1].drawn, redraws[-1].sent = time.perf_counter(), redraws[-1].sent + len(data)

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda _: redraws.append(Redraw(time.perf_counter())))
        socket.on("framereceived", arrived)

    page.on("websocket", listen)
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(CURVE).first.wait_for(state="attached")
    address, run_id = page.url, page.url.partition("run=")[2].partition("&")[0]
    speeds: dict[str, list[float]] = {"page open": [], "page closed": []}
    watched: list[Redraw] = []
    for _ in range(rounds):
        page.goto(address)
        page.locator(CURVE).first.wait_for(state="attached")
        page.wait_for_timeout(5_000)  # what it costs to load a page is no part of what it costs to have it open
        redraws.clear()
        speeds["page open"].append(epochs_a_second(store, run_id, page))
        watched += [redraw for redraw in redraws[:-1] if redraw.sent]
        page.goto("about:blank")
        page.wait_for_timeout(1_000)
        speeds["page closed"].append(epochs_a_second(store, run_id, page))
    yield Result("Dashboard", "training throughput", medians_of(speeds), "epochs/s")
    took = {"redraw": [1e3 * (redraw.drawn - redraw.asked) for redraw in watched]}
    yield Result("Dashboard", "a redraw, asked to drawn", medians_of(took), facts={"redraws": len(watched)})
    sent = {"redraw": [redraw.sent / 1e3 for redraw in watched]}
    yield Result("Dashboard", "a redraw sends", medians_of(sent), "kB", facts={"most": max(sent["redraw"])})


def medians_of(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(some) for name, some in values.items()}


def epochs_a_second(store: Store, run_id: str, page: Page, seconds: float = 10.0) -> float:
    """By the run's own account, which counts whole epochs and the seconds that they took."""

    def account() -> tuple[float, float]:
        run = store.run(run_id)
        return run.metrics["epochs"], run.train_seconds

    epochs, took = account()
    page.wait_for_timeout(1e3 * seconds)
    epochs_later, took_later = account()
    return (epochs_later - epochs) / (took_later - took)
