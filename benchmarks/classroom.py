"""A lesson: many students at once, over real websocket sessions in Streamlit's own protocol.

    python -m benchmarks.classroom [--students 30] [--minutes 5] [--json FILE]

Starts a server with an empty data folder. Every student opens pages, starts runs, moves sliders, changes pages and
refreshes, with pauses for thought between. Prints how long pages take, how old events are when they are shown, what
became of the runs, and how much memory it took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from core.runs.identity import new_token
from core.runs.models import Run, Status
from core.runs.store import Store
from tests.runs.servers import free_port

PROJECT = Path(__file__).parents[1]
SENTENCES = ["how long can a cell remember?", "was it a car or a cat i saw?", "the same seed gives the same curve"]
PATIENCE = 60.0  # seconds after which a page that has not come counts as an error


@dataclass
class Findings:
    """What all students saw. Times in seconds."""

    reruns: list[float] = field(default_factory=list)
    redraws: list[float] = field(default_factory=list)  # of the part of a page that shows a run
    first_points: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    started: set[str] = field(default_factory=set)
    refused: int = 0


@dataclass
class Kept:
    """When each epoch of each run was first seen in the store, by asking it ten times a second."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def watch(self, store: Store) -> None:
        while True:
            runs = await asyncio.to_thread(store.list_runs, None, None, True)
            now = time.monotonic()
            for run in runs:
                epochs = int(run.metrics.get("epochs", 0))
                seen = self.times[run.id]
                seen.extend([now] * (epochs - len(seen)))
            await asyncio.sleep(0.1)


class Student:
    """One browser tab: a session, the widgets that it shows, and the values that were set."""

    def __init__(self, url: str, findings: Findings, kept: Kept, seed: int):
        self.url, self.findings, self.kept = url.replace("http", "ws") + "/_stcore/stream", findings, kept
        self.random = random.Random(seed)
        self.cookie = f"learner={new_token()}"
        self.query, self.pages = "", {}
        self.forget_page()

    def forget_page(self) -> None:
        self.widgets: dict[str, tuple[str, object]] = {}  # label -> kind and element
        self.values: dict[str, WidgetState] = {}
        self.page, self.fragments, self.shown = "", {}, 0
        self.waiting: asyncio.Future | None = None
        self.clicked = 0.0

    async def lesson(self, seconds: float) -> None:
        """Learn until the time is over; every visit is a session of its own, as after a refresh."""
        end = time.monotonic() + seconds
        await asyncio.sleep(self.random.uniform(0, 10))  # nobody comes at the same moment
        while time.monotonic() < end:
            try:
                await self.visit(min(end, time.monotonic() + self.random.uniform(30, 90)))
            except (OSError, websockets.WebSocketException, TimeoutError) as error:
                self.findings.errors[type(error).__name__] += 1

    async def first_visit(self) -> None:
        """Have a server that was just started load all that it needs, as a teacher does before the lesson."""
        async with self.connect() as self.socket:
            listener = asyncio.create_task(self.listen())
            for page in ("home", "memorize", "classify", "autograd", "runs"):
                self.page = self.pages.get(page, "")
                await self.rerun(patience=300)
            listener.cancel()

    def connect(self):
        headers = {"Cookie": self.cookie}
        return websockets.connect(self.url, subprotocols=["streamlit"], additional_headers=headers, max_size=None)

    async def visit(self, end: float) -> None:
        self.forget_page()
        async with self.connect() as self.socket:
            listener = asyncio.create_task(self.listen())
            redrawer = asyncio.create_task(self.redraw())
            try:
                await self.rerun()
                await self.change_page("memorize")
                while time.monotonic() < end:
                    await self.random.choices(
                        [self.train, self.move_slider, self.change_page, self.look], weights=[3, 4, 2, 6]
                    )[0]()
            finally:
                for task in (listener, redrawer):
                    if task.done():
                        task.result()  # raises what went wrong there
                    task.cancel()

    # What a student does

    async def train(self) -> None:
        if "Sentence to memorise" in self.widgets:
            self.set("Sentence to memorise", string_value=self.random.choice(SENTENCES))
            await self.rerun()
        if button := self.button("Train", "Train again"):
            self.clicked, self.shown = time.monotonic(), 0
            await self.rerun(trigger=button.id)
            await self.look()

    async def move_slider(self) -> None:
        options = [label for label in ("Learning rate", "Hidden size") if label in self.widgets]
        if options:
            label = self.random.choice(options)
            slider = self.widgets[label][1]
            self.set(label, string_array_value=self.random.choice(list(slider.options)))
            await self.rerun()
        await asyncio.sleep(self.random.uniform(0.5, 3))

    async def change_page(self, page: str = "") -> None:
        page = page or self.random.choice(["memorize", "memorize", "classify", "autograd", "home", "runs"])
        self.page, self.query = self.pages.get(page, self.page), ""
        self.widgets, self.values, self.fragments = {}, {}, {}
        await self.rerun()
        await asyncio.sleep(self.random.uniform(1, 4))

    async def look(self) -> None:
        await asyncio.sleep(self.random.uniform(2, 10))

    # The protocol

    def button(self, *labels: str):
        for label in labels:
            kind, element = self.widgets.get(label, ("", None))
            if kind == "button" and not element.disabled:
                return element
        return None

    def set(self, label: str, **value: object) -> None:
        element = self.widgets[label][1]
        state = WidgetState(id=element.id)
        if "string_array_value" in value:
            state.string_array_value.data.append(value["string_array_value"])
        else:
            state.string_value = value["string_value"]
        self.values[element.id] = state

    async def rerun(self, trigger: str = "", patience: float = PATIENCE) -> None:
        """Send what a browser sends after a change, and wait until the page has come."""
        began = time.monotonic()
        self.waiting = asyncio.get_running_loop().create_future()
        await self.send("", trigger)
        try:
            await asyncio.wait_for(self.waiting, patience)
        finally:
            self.waiting = None
        self.findings.reruns.append(time.monotonic() - began)

    async def send(self, fragment: str, trigger: str = "") -> None:
        state = ClientState(query_string=self.query, page_script_hash=self.page, fragment_id=fragment)
        state.is_auto_rerun = bool(fragment)
        state.widget_states.widgets.extend(self.values.values())
        if trigger:
            state.widget_states.widgets.append(WidgetState(id=trigger, trigger_value=True))
        await self.socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def redraw(self) -> None:
        """What a browser does by itself: ask for the parts of the page that redraw themselves."""
        due: dict[str, float] = {}
        while True:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            for fragment, interval in list(self.fragments.items()):
                if now >= due.setdefault(fragment, now + interval) and self.waiting is None:
                    due[fragment] = now + interval
                    self.asked = now
                    await self.send(fragment)

    async def listen(self) -> None:
        async for data in self.socket:
            message = ForwardMsg.FromString(data)
            match message.WhichOneof("type"):
                case "new_session":
                    self.page, self.fragments = message.new_session.page_script_hash, {}
                case "navigation":
                    self.pages = {
                        page.url_pathname or "home": page.page_script_hash for page in message.navigation.app_pages
                    }
                case "auto_rerun":
                    self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
                case "stop_auto_rerun":
                    for fragment in message.stop_auto_rerun.fragment_ids:
                        self.fragments.pop(fragment, None)
                case "page_info_changed":
                    self.query = message.page_info_changed.query_string
                    self.findings.started.update(parse_qs(self.query).get("run", []))
                case "delta":
                    self.take(message.delta)
                case "script_finished":
                    self.finished(message.script_finished)

    def take(self, delta) -> None:
        if delta.WhichOneof("type") != "new_element":
            return
        element = delta.new_element
        kind = element.WhichOneof("type")
        inner = getattr(element, kind)
        if kind in ("button", "slider", "text_area", "text_input"):
            self.widgets[inner.label] = (kind, inner)
        elif kind == "exception":
            self.findings.errors[f"exception: {inner.message[:80]}"] += 1
        elif kind == "alert" and "have started" in inner.body:
            self.findings.refused += 1
        elif kind == "progress":
            self.see(inner.text)

    def see(self, text: str) -> None:
        """The page says how far the run is: how old is what it shows for the first time?"""
        found = re.search(r"epoch (\d+) of", text)
        run_id = next(iter(parse_qs(self.query).get("run", [])), "")
        if not found or "Training" not in text:
            return
        now, epochs = time.monotonic(), int(found[1])
        if self.clicked:
            self.findings.first_points.append(now - self.clicked)
            self.clicked = 0.0
        else:
            self.findings.ages += [now - kept for kept in self.kept.times[run_id][self.shown : epochs]]
        self.shown = max(self.shown, epochs)

    def finished(self, status: int) -> None:
        if status in (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR) and self.waiting:
            if not self.waiting.done():
                self.waiting.set_result(None)
        elif status == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self.findings.redraws.append(time.monotonic() - getattr(self, "asked", time.monotonic()))


async def memory(server: psutil.Process, samples: list[tuple[float, float]]) -> None:
    """Every five seconds: megabytes of the server, and of all that it started."""
    while True:
        children = sum(_rss(child) for child in server.children(recursive=True))
        samples.append((_rss(server), children))
        await asyncio.sleep(5)


def _rss(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else None


async def lesson(url: str, server: psutil.Process, store: Store, students: int, seconds: float) -> dict:
    await Student(url, Findings(), Kept(), seed=-1).first_visit()
    findings, kept, samples = Findings(), Kept(), []
    began = time.monotonic()
    watchers = [asyncio.create_task(kept.watch(store)), asyncio.create_task(memory(server, samples))]
    await asyncio.gather(*(Student(url, findings, kept, seed).lesson(seconds) for seed in range(students)))
    for watcher in watchers:
        watcher.cancel()
    runs: list[Run | None] = [store.run(run_id) for run_id in findings.started]
    events = sum(len(store.events(run.id)) for run in runs if run)
    # too high a learning rate is what a student may try: such a run has ended as it should
    failed = Counter(run.message for run in runs if run and run.status is Status.FAILED)
    lost = sum(count for message, count in failed.items() if "the loss became" not in message)
    return {
        "students": students,
        "seconds": round(time.monotonic() - began),
        "page reruns": len(findings.reruns),
        "rerun p50": quantile(findings.reruns, 0.5),
        "rerun p95": quantile(findings.reruns, 0.95),
        "redraw p50": quantile(findings.redraws, 0.5),
        "redraw p95": quantile(findings.redraws, 0.95),
        "first point p50 (waiting in the queue included)": quantile(findings.first_points, 0.5),
        "first point p95 (waiting in the queue included)": quantile(findings.first_points, 0.95),
        "event age p50": quantile(findings.ages, 0.5),
        "event age p95": quantile(findings.ages, 0.95),
        "runs started": len(runs),
        "runs by status": dict(Counter(run.status.value if run else "lost" for run in runs)),
        "runs failed because": dict(failed),
        "runs lost": runs.count(None) + lost,
        "starts refused": findings.refused,
        "errors": dict(findings.errors),
        "events a second": round(events / seconds, 1),
        "server MB after each minute": [round(samples[i][0]) for i in range(12, len(samples), 12)],
        "server MB at the end": round(statistics.fmean(sample[0] for sample in samples[-3:])),
        "workers MB at the end": round(samples[-1][1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        with Path(folder, "log").open("w") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"],
                cwd=PROJECT,
                env={**os.environ, "DATA_DIR": folder},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                    break
                except OSError:
                    time.sleep(0.5)
            store = Store(f"sqlite:///{folder}/runs.sqlite")
            results = asyncio.run(
                lesson(url, psutil.Process(server.pid), store, options.students, 60 * options.minutes)
            )
            store.close()
        finally:
            server.terminate()
            server.wait(60)
        said = Path(folder, "log").read_text()
        results["errors in the server's log"] = said.count("Traceback")
        if results["errors in the server's log"]:
            print(said[-8_000:], file=sys.stderr)
    for name, value in results.items():
        print(f"{name:50} {f'{value:.2f}' if isinstance(value, float) else value}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
