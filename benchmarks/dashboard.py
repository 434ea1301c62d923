"""The dashboard in Chromium: time from a click to a curve, and the cost of keeping a page open."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from benchmarks.measure import Result
from benchmarks.server import dashboard
from core.runs import Store
from pages.ui.charts import BLUE

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LONG_RUN = "/memorize?memorize_epochs=1000&hidden_size=256&num_layers=4"
LONG_SENTENCE = "a sentence that is long enough to be watched for a while; " * 12
CHART = ".stVegaLiteChart canvas"
# Runs in the page, so that Playwright's own delays are not measured: milliseconds from a click to the first pixels of
# the curve in the chart, which shows its axes before.
STOPWATCH = f"""colour => {{ window.firstPoint = new Promise(done => {{
    const drawn = chart => {{
        const pixels = chart.getContext("2d").getImageData(0, 0, chart.width, chart.height).data;
        for (let i = 0; i < pixels.length; i += 4)
            if (colour.every((value, channel) => Math.abs(pixels[i + channel] - value) < 3)) return true;
        return false;
    }};
    document.addEventListener("click", () => {{
        const clicked = performance.now();
        const check = () => {{
            const chart = document.querySelector("{CHART}");
            if (chart?.width && drawn(chart)) done(performance.now() - clicked);
            else setTimeout(check, 10);
        }};
        check();
    }}, {{ capture: true, once: true }});
}}); }}"""


def run(quick: bool) -> Iterator[Result]:
    if not CHROMIUM:
        print("Skipped the dashboard: Chromium was not found. Install it, or set CHROMIUM to its path.")
        return
    yield first_click()
    with (
        TemporaryDirectory() as folder,
        dashboard(Path(folder), Path(folder, "log")) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        clicks = [click_to_curve(browser, server.url) for _ in range(3 if quick else 8)][1:]  # the first warms up
        yield Result(
            "Dashboard",
            "from a click on Train to the curve",
            {"median": statistics.median(clicks), "maximum": max(clicks)},
            "s",
            compared=False,
        )
        yield from open_page(browser, server.url, Store(server.database_url), rounds=1 if quick else 6)
        browser.close()


def first_click() -> Result:
    """Measure the seconds from a new server's start to the first curve, if the first visitor clicks at once.

    With nothing compiled, the cache of machine code is an empty folder, as before the installation compiles.
    """
    seconds: dict[str, float] = {}
    for name in ("compiled", "nothing compiled"):
        with TemporaryDirectory() as folder, sync_playwright() as playwright:
            environment = {"NUMBA_CACHE_DIR": f"{folder}/compiled"} if name == "nothing compiled" else {}
            started = time.perf_counter()
            with dashboard(Path(folder), Path(folder, "log"), environment) as server:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page()
                page.set_default_timeout(120_000)
                page.goto(f"{server.url}/memorize")
                page.get_by_role("button", name="Train", exact=True).wait_for()
                seconds[f"{name}: page"] = time.perf_counter() - started
                page.evaluate(STOPWATCH, list(bytes.fromhex(BLUE.removeprefix("#"))))
                page.get_by_role("button", name="Train", exact=True).click()
                page.evaluate("() => window.firstPoint")
                seconds[f"{name}: curve"] = time.perf_counter() - started
                browser.close()
    return Result(
        "Dashboard", "from the server's start to the page, and to the first curve", seconds, "s", compared=False
    )


def open_memorize(browser: Browser, address: str, sentence: str) -> Page:
    """Open the Memorize page as a new visitor, with this sentence and at full speed, so that only Train is missing."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.get_by_label("Sentence to memorise").fill(sentence)
    page.get_by_label("Sentence to memorise").press("Control+Enter")
    page.get_by_text("Press Train").first.wait_for()
    page.get_by_role("radio", name="Full speed", exact=True).click()
    page.wait_for_timeout(2_000)
    return page


def click_to_curve(browser: Browser, url: str) -> float:
    """Return the seconds from a click on Train to a visible curve."""
    page = open_memorize(browser, f"{url}/memorize", "how long can a cell remember?")
    page.evaluate(STOPWATCH, list(bytes.fromhex(BLUE.removeprefix("#"))))
    page.get_by_role("button", name="Train", exact=True).click()
    seconds = page.evaluate("() => window.firstPoint") / 1e3
    page.get_by_text("Finished").first.wait_for()
    page.context.close()
    return seconds


@dataclass
class Redraw:
    """One request of the page and the server's answer.

    Attributes:
        requested: when the page sent it, in seconds.
        received: when the last part of the answer arrived, in seconds.
        size: bytes of the answer.
    """

    requested: float
    received: float = 0.0
    size: int = 0


def open_page(browser: Browser, url: str, store: Store, rounds: int) -> Iterator[Result]:
    """Measure a long run with its page open and closed in turn: epochs per second, and time and size of a redraw."""
    page = open_memorize(browser, f"{url}{LONG_RUN}", LONG_SENTENCE)
    redraws: list[Redraw] = []

    def on_received(data: str | bytes) -> None:
        if redraws:
            redraws[-1].received, redraws[-1].size = time.perf_counter(), redraws[-1].size + len(data)

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda _: redraws.append(Redraw(time.perf_counter())))
        socket.on("framereceived", on_received)

    page.on("websocket", listen)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**run=**")
    address, run_id = page.url, page.url.partition("run=")[2].partition("&")[0]
    speeds: dict[str, list[float]] = {"page open": [], "page closed": []}
    measured: list[Redraw] = []
    for _ in range(rounds):
        page.goto(address)
        page.locator(CHART).first.wait_for(state="attached")
        page.wait_for_timeout(5_000)  # loading the page should not count as having it open
        redraws.clear()
        speeds["page open"].append(epochs_per_second(store, run_id, page))
        measured += [redraw for redraw in redraws[:-1] if redraw.size]
        page.goto("about:blank")
        page.wait_for_timeout(1_000)
        speeds["page closed"].append(epochs_per_second(store, run_id, page))
    yield Result("Dashboard", "training speed", medians_of(speeds), "epochs/s")
    times = {"redraw": [1e3 * (redraw.received - redraw.requested) for redraw in measured]}
    yield Result("Dashboard", "duration of a redraw", medians_of(times), details={"redraws": len(measured)})
    sizes = {"redraw": [redraw.size / 1e3 for redraw in measured]}
    yield Result("Dashboard", "size of a redraw", medians_of(sizes), "kB", details={"maximum": max(sizes["redraw"])})


def medians_of(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(some) for name, some in values.items()}


def epochs_per_second(store: Store, run_id: str, page: Page, seconds: float = 10.0) -> float:
    """Return the run's speed over the next seconds, from its own count of epochs and training time."""

    def progress() -> tuple[float, float]:
        run = store.run(run_id)
        if run is None:
            raise LookupError(f"The run {run_id} no longer exists.")
        return run.metrics["epochs"], run.train_seconds

    epochs, elapsed = progress()
    page.wait_for_timeout(1e3 * seconds)
    epochs_later, elapsed_later = progress()
    return (epochs_later - epochs) / (elapsed_later - elapsed)
