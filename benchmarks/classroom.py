"""Load test of a whole class: many students at once, over websocket sessions in Streamlit's own protocol.

    python -m benchmarks.classroom [--students 30] [--minutes 5] [--json FILE]
    python -m benchmarks.classroom --lesson [--students 30] [--minutes 5] [--json FILE]
    python -m benchmarks.classroom --burst [--students 30] [--json FILE]    (see burst.py)

Starts a server with an empty data folder. Each simulated student opens pages, starts runs, moves sliders, changes
pages and refreshes, with pauses in between. Prints how long pages take, how old displayed events are, how the runs
ended, and how much memory the server and its workers use.

With --lesson, the students are members of a class, the teacher's page is open, and a question is asked per minute.
Prints, too, how long an answer takes to the teacher's page, and whether all answers are in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import psutil
import pyarrow as pa
import pyarrow.ipc
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.burst import run_bursts
from benchmarks.lesson import CHOICES, CODE, PASSWORD, Lesson
from benchmarks.server import dashboard
from core.runs import Run, Status, Store
from core.runs.identity import hash_token, new_token

SENTENCES = ["how long can a cell remember?", "was it a car or a cat i saw?", "the same seed gives the same curve"]
PAGES = ("home", "memorize", "classify", "plane", "autograd", "runs", "classroom")
PAGE_TIMEOUT = 60.0  # seconds after which a page that has not arrived counts as an error
FIRST_PAGE_TIMEOUT = 300.0


@dataclass
class Measurements:
    """What all students observed, in seconds.

    Attributes:
        reruns: durations of page reruns, by page.
        redraws: durations of redraws of the part of a page that shows a run.
        first_points: by page, from a click on Train to the first displayed point of its curve, without an earlier run.
        queued_first_points: the same, if a run of an earlier visit was going on.
        event_ages: age of an epoch when it is first displayed, from when it was in the database. Epochs that a run
            already has when its page is opened do not count.
        errors: errors that students saw, counted by message.
        started: ids of the runs that were started.
        refused: starts that the server refused.
    """

    reruns: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    redraws: list[float] = field(default_factory=list)
    first_points: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    queued_first_points: list[float] = field(default_factory=list)
    event_ages: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    started: set[str] = field(default_factory=set)
    refused: int = 0


@dataclass
class EpochTimes:
    """When each epoch of each run first appeared in the database, which is polled ten times per second.

    Attributes:
        times: moments by run.
        busy: owners of the runs that have not ended.
    """

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    busy: set[str] = field(default_factory=set)

    async def poll(self, store: Store) -> None:
        """Poll until cancelled."""
        while True:
            runs = await asyncio.to_thread(store.list_runs, None, None, True)
            now = time.monotonic()
            self.busy = {run.owner for run in runs}
            for run in runs:
                epochs = int(run.metrics.get("epochs", 0))
                seen = self.times[run.id]
                seen.extend([now] * (epochs - len(seen)))
            await asyncio.sleep(0.1)


class Student:
    """One browser tab: its session, the widgets it shows, and the values set so far."""

    def __init__(
        self, url: str, measurements: Measurements, epoch_times: EpochTimes, seed: int, lesson: Lesson | None = None
    ):
        self.url = url.replace("http", "ws") + "/_stcore/stream"
        self.measurements, self.epoch_times = measurements, epoch_times
        self.random = random.Random(seed)
        token = new_token()
        self.cookie, self.owner = f"learner={token}", hash_token(token)
        self.query, self.lesson = "", lesson
        if lesson and seed >= 0:
            lesson.join(token, f"Student {seed}")
        self.pages: dict[str, str] = {}  # name -> Streamlit's hash of the page
        self.clear_page()

    def clear_page(self) -> None:
        """Forget everything about the page shown, as a refresh does."""
        self.widgets: dict[str, tuple[str, Any, str]] = {}  # label -> type, protobuf element and fragment
        self.values: dict[str, WidgetState] = {}
        self.page = ""
        self.epochs_shown: dict[str, int] = {}  # by run
        self.fragments: dict[str, float] = {}  # id -> seconds between redraws
        self.due: dict[str, float] = {}  # id -> when it is redrawn next
        self.waiting: asyncio.Future[None] | None = None
        self.waiting_for = ""  # a fragment, or the whole page
        self.clicked, self.was_busy, self.requested = 0.0, False, 0.0  # clicked: when; 0 once the point is displayed
        self.run = ""  # in the address
        self.earlier_run = ""  # the same, when Train was clicked

    async def simulate(self, seconds: float) -> None:
        """Visit again and again until the time is over; each visit is a new session, as after a refresh."""
        end = time.monotonic() + seconds
        await asyncio.sleep(self.random.uniform(0, 10))  # students do not all arrive at once
        while time.monotonic() < end:
            try:
                await self.visit(min(end, time.monotonic() + self.random.uniform(30, 90)))
            except (OSError, websockets.WebSocketException, TimeoutError) as error:
                self.measurements.errors[type(error).__name__] += 1

    async def prepare(self) -> None:
        """Open every page and train once, as a teacher does before class: a new server then has its workers."""
        async with self.connect() as self.socket:
            listener = asyncio.create_task(self.listen())
            for page in PAGES:
                self.page = self.pages.get(page, "")
                await self.rerun(timeout=FIRST_PAGE_TIMEOUT)
            await self.change_page("memorize")
            await self.train()
            while not self.epochs_shown:
                await asyncio.sleep(0.1)
                await self.rerun(timeout=FIRST_PAGE_TIMEOUT)
            listener.cancel()

    def connect(self) -> websockets.connect:
        return websockets.connect(
            self.url,
            subprotocols=[websockets.Subprotocol("streamlit")],
            additional_headers={"Cookie": self.cookie},
            max_size=None,
        )

    async def visit(self, end: float) -> None:
        self.clear_page()
        async with self.connect() as self.socket:
            listener = asyncio.create_task(self.listen())
            redrawer = asyncio.create_task(self.redraw())
            try:
                await self.rerun()
                await self.change_page("memorize")
                while time.monotonic() < end:
                    await self.do_something()
            finally:
                for task in (listener, redrawer):
                    if task.done():
                        task.result()  # raises the task's exception, if it had one
                    task.cancel()

    async def do_something(self) -> None:
        if self.lesson and "Choose one answer" in self.widgets:
            return await self.answer(self.lesson)
        if button := self.enabled_button("Continue"):
            return await self.rerun(trigger=button.id)
        actions = [self.train, self.move_slider, self.change_page, self.watch]
        await self.random.choices(actions, weights=[3, 4, 2, 6])[0]()

    # What a student does

    async def train(self) -> None:
        if "Sentence to memorise" in self.widgets:
            self.set_text("Sentence to memorise", self.random.choice(SENTENCES))
            await self.rerun()
        if button := self.enabled_button("Train"):
            self.clicked, self.earlier_run = time.monotonic(), self.run
            self.was_busy = self.owner in self.epoch_times.busy
            await self.rerun(trigger=button.id, fragment=self.widgets["Train"][2])
            await self.watch()

    async def answer(self, lesson: Lesson) -> None:
        await asyncio.sleep(self.random.uniform(1, 8))
        button = self.enabled_button("Answer")
        if button and "Choose one answer" in self.widgets:
            _, radio, _ = self.widgets["Choose one answer"]
            self.values[radio.id] = WidgetState(id=radio.id, string_value=self.random.choice(CHOICES))
            lesson.on_sent()
            await self.rerun(trigger=button.id)

    async def move_slider(self) -> None:
        sliders = [label for label in ("Learning rate", "Hidden size") if label in self.widgets]
        if sliders:
            label = self.random.choice(sliders)
            _, slider, _ = self.widgets[label]
            self.set_option(label, self.random.choice(list(slider.options)))
            await self.rerun()
        await asyncio.sleep(self.random.uniform(0.5, 3))

    async def change_page(self, page: str = "") -> None:
        page = page or self.random.choice(["memorize", "memorize", "classify", "plane", "autograd", "home", "runs"])
        self.page, self.query, self.run, self.clicked = self.pages.get(page, self.page), "", "", 0.0
        self.widgets, self.values, self.fragments, self.epochs_shown = {}, {}, {}, {}
        await self.rerun()
        await asyncio.sleep(self.random.uniform(1, 4))

    async def watch(self) -> None:
        await asyncio.sleep(self.random.uniform(2, 10))

    def page_name(self) -> str:
        return next((name for name, hashed in self.pages.items() if hashed == self.page), "")

    # Streamlit's protocol

    def enabled_button(self, label: str) -> Any | None:
        kind, element, _ = self.widgets.get(label, ("", None, ""))
        return element if kind == "button" and not element.disabled else None

    def set_text(self, label: str, text: str) -> None:
        _, element, _ = self.widgets[label]
        self.values[element.id] = WidgetState(id=element.id, string_value=text)

    def set_option(self, label: str, option: str) -> None:
        _, element, _ = self.widgets[label]
        state = WidgetState(id=element.id)
        state.string_array_value.data.append(option)
        self.values[element.id] = state

    async def rerun(self, trigger: str = "", fragment: str = "", timeout: float = PAGE_TIMEOUT) -> None:
        """Send what a browser sends after a change, and wait for the page, or for the fragment with the change."""
        started = time.monotonic()
        self.waiting, self.waiting_for = asyncio.get_running_loop().create_future(), fragment
        await self.send(fragment, trigger)
        try:
            await asyncio.wait_for(self.waiting, timeout)
        finally:
            self.waiting = None
        if not fragment:
            self.measurements.reruns[self.page_name()].append(time.monotonic() - started)

    async def send(self, fragment: str, trigger: str = "") -> None:
        state = ClientState(query_string=self.query, page_script_hash=self.page, fragment_id=fragment)
        state.is_auto_rerun = bool(fragment) and not trigger
        state.widget_states.widgets.extend(self.values.values())
        if trigger:
            state.widget_states.widgets.append(WidgetState(id=trigger, trigger_value=True))
        await self.socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def redraw(self) -> None:
        """Request redraws of fragments at their intervals, as a browser does."""
        while True:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            for fragment, interval in list(self.fragments.items()):
                if now >= self.due[fragment] and self.waiting is None:
                    self.due[fragment] = now + interval
                    self.requested = now
                    await self.send(fragment)

    async def listen(self) -> None:
        async for data in self.socket:
            message = ForwardMsg.FromString(data)
            match message.WhichOneof("type"):
                case "new_session":
                    self.page = message.new_session.page_script_hash
                    if not message.metadata.run.fragment_ids:  # the whole page is drawn
                        self.fragments, self.widgets = {}, {}
                case "navigation":
                    self.pages = {
                        page.url_pathname or "home": page.page_script_hash for page in message.navigation.app_pages
                    }
                case "auto_rerun":
                    fragment, interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
                    if self.fragments.get(fragment) != interval:  # otherwise, a browser lets its timer run on
                        self.fragments[fragment], self.due[fragment] = interval, time.monotonic() + interval
                case "stop_auto_rerun":
                    for fragment in message.stop_auto_rerun.fragment_ids:
                        self.fragments.pop(fragment, None)
                case "page_info_changed":
                    self.query = message.page_info_changed.query_string
                    self.run = parse_qs(self.query).get("run", [""])[0]
                    self.measurements.started.update({self.run} - {""})
                case "delta":
                    self.on_delta(message.delta)
                case "script_finished":
                    self.on_script_finished(message.script_finished)

    def on_delta(self, delta: Any) -> None:
        if delta.WhichOneof("type") != "new_element":
            return
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        if kind in ("button", "slider", "text_area", "text_input", "radio"):
            self.widgets[element.label] = (kind, element, delta.fragment_id)
        elif kind == "exception":
            self.measurements.errors[f"exception: {element.message[:80]}"] += 1
        elif kind == "toast" and "was not counted" in element.body and self.lesson:
            self.lesson.refused += 1
        elif kind == "alert" and "have started" in element.body:
            self.measurements.refused += 1
        elif kind == "vega_lite_chart":
            if any(data.name == "curves" and to_table(data.data.data).num_rows for data in element.datasets):
                self.on_point()
        elif kind == "bidi_component" and element.component_name == "dashboard.timeline":
            self.on_timeline(json.loads(element.json))
        elif kind == "bidi_component" and element.component_name == "dashboard.tiles":
            self.on_tiles(json.loads(element.json))

    def on_tiles(self, shown: dict[str, Any]) -> None:
        """Read the answers on the teacher's page."""
        found = re.search(r"(\d+) of \d+ have answered", shown["summary"])
        if self.lesson and found:
            self.lesson.on_shown(int(found[1]))

    def on_timeline(self, shown: dict[str, Any]) -> None:
        """Measure the age of the epochs that a run's timeline shows for the first time."""
        run_id, epochs = shown["run"], shown["done"]
        if not shown["active"] or not epochs:
            return
        if self.clicked:
            self.on_point()
        elif run_id in self.epochs_shown:
            now, appeared = time.monotonic(), self.epoch_times.times[run_id][self.epochs_shown[run_id] : epochs]
            self.measurements.event_ages += [now - moment for moment in appeared]
        self.epochs_shown[run_id] = max(self.epochs_shown.get(run_id, 0), epochs)

    def on_point(self) -> None:
        """Measure the time since the click on Train, if this is the first point of its run."""
        if self.clicked and self.run not in ("", self.earlier_run):
            first = self.measurements.first_points[self.page_name()]
            (self.measurements.queued_first_points if self.was_busy else first).append(time.monotonic() - self.clicked)
            self.clicked = 0.0

    def on_script_finished(self, status: int) -> None:
        if status in (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR) and self.waiting:
            if not self.waiting.done():
                self.waiting.set_result(None)
        elif status == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            if self.waiting and self.waiting_for and not self.waiting.done():
                self.waiting.set_result(None)
            elif self.requested:
                self.measurements.redraws.append(time.monotonic() - self.requested)


class Teacher(Student):
    """A teacher who has the class's tiles open."""

    async def watch_class(self) -> None:
        """Log in and watch until cancelled."""
        self.query = f"class={CODE}&class_tab=Live"
        async with self.connect() as self.socket:
            background = [asyncio.create_task(self.listen()), asyncio.create_task(self.redraw())]
            await self.rerun()
            self.page = self.pages["classroom"]
            await self.rerun()
            self.set_text("Password", PASSWORD)
            await self.rerun()
            await asyncio.gather(*background)


async def sample_memory(server: psutil.Process, samples: list[tuple[float, float]]) -> None:
    """Append the megabytes of the server and of all its child processes every five seconds."""
    while True:
        children = sum(_resident_megabytes(child) for child in server.children(recursive=True))
        samples.append((_resident_megabytes(server), children))
        await asyncio.sleep(5)


def _resident_megabytes(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def to_table(data: bytes) -> pa.Table:
    """Return the table that a chart received."""
    return pa.ipc.open_stream(data).read_all()


def quantile(values: list[float], fraction: float) -> float | None:
    return sorted(values)[min(int(fraction * len(values)), len(values) - 1)] if values else None


async def run_load_test(
    url: str, server: psutil.Process, store: Store, students: int, seconds: float, lesson: bool = False
) -> dict[str, object]:
    """Simulate the students for so many seconds and return the results."""
    await Student(url, Measurements(), EpochTimes(), seed=-1).prepare()
    measurements, epoch_times = Measurements(), EpochTimes()
    samples: list[tuple[float, float]] = []
    started = time.monotonic()
    background = [asyncio.create_task(epoch_times.poll(store)), asyncio.create_task(sample_memory(server, samples))]
    plan = Lesson(store) if lesson else None
    taking_part = [Student(url, measurements, epoch_times, seed, plan) for seed in range(students)]
    if plan:
        teacher = Teacher(url, Measurements(), epoch_times, -2, plan)
        background += [asyncio.create_task(teacher.watch_class()), asyncio.create_task(plan.ask_questions())]
    before = server.cpu_times()
    await asyncio.gather(*(student.simulate(seconds) for student in taking_part))
    cpu = sum(server.cpu_times()[:2]) - sum(before[:2])
    for task in background:
        task.cancel()
    runs: list[Run | None] = [store.run(run_id) for run_id in measurements.started]
    events = sum(len(store.events(run.id)) for run in runs if run)
    # A run that diverges because a student chose too high a learning rate has ended as it should.
    failed = Counter(run.message for run in runs if run and run.status is Status.FAILED)
    lost = sum(count for message, count in failed.items() if "the loss became" not in message)
    about_lesson: dict[str, object] = {}
    if plan:
        about_lesson = {
            "questions": len(plan.asked),
            "answers sent": plan.total_sent,
            "answers after the reveal, refused": plan.refused,
            "answers lost": plan.total_sent - plan.refused - plan.stored(),
            "answer on the teacher's page, median seconds": quantile(plan.delays, 0.5),
            "answer on the teacher's page, 95th percentile": quantile(plan.delays, 0.95),
            "errors on the teacher's page": dict(teacher.measurements.errors),
        }
    reruns = [seconds for page in measurements.reruns.values() for seconds in page]
    return {
        **about_lesson,
        "server's share of a core": cpu / seconds,
        "students": students,
        "seconds": round(time.monotonic() - started),
        "page reruns": len(reruns),
        "page rerun, median seconds": quantile(reruns, 0.5),
        "page rerun, 95th percentile": quantile(reruns, 0.95),
        **{
            f"page rerun of {page}, 95th percentile": quantile(seconds, 0.95)
            for page, seconds in sorted(measurements.reruns.items())
        },
        "redraw, median seconds": quantile(measurements.redraws, 0.5),
        "redraw, 95th percentile": quantile(measurements.redraws, 0.95),
        **{
            f"click to first point of {page}, {name}": quantile(seconds, fraction)
            for page, seconds in sorted(measurements.first_points.items())
            for name, fraction in (("median seconds", 0.5), ("95th percentile", 0.95))
        },
        "click to first point after an earlier run, median seconds": quantile(measurements.queued_first_points, 0.5),
        "age of displayed data, median seconds": quantile(measurements.event_ages, 0.5),
        "age of displayed data, 95th percentile": quantile(measurements.event_ages, 0.95),
        "runs started": len(runs),
        "runs by status": dict(Counter(run.status.value if run else "lost" for run in runs)),
        "failures by message": dict(failed),
        "runs lost": runs.count(None) + lost,
        "starts refused": measurements.refused,
        "errors": dict(measurements.errors),
        "events per second": round(events / seconds, 1),
        "server MB after each minute": [round(samples[i][0]) for i in range(12, len(samples), 12)],
        "server MB at the end": round(statistics.fmean(sample[0] for sample in samples[-3:])),
        "workers MB at the end": round(samples[-1][1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classroom",
        description="Load test: simulate a class of students who use the dashboard at the same time.",
    )
    parser.add_argument("--students", type=int, default=30, metavar="N", help="simulated students (default: 30)")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="X", help="duration in minutes (default: 5)")
    parser.add_argument("--lesson", action="store_true", help="a class with a teacher, and a question per minute")
    parser.add_argument("--burst", action="store_true", help="let all press Train within a second, without browsers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also save the results as JSON")
    options = parser.parse_args()
    if options.burst:
        results = run_bursts(options.students)
    else:
        results = run_class(options.students, options.minutes, options.lesson)
    for name, value in results.items():
        print(f"{name:58} {f'{value:.2f}' if isinstance(value, float) else value}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def run_class(students: int, minutes: float, lesson: bool) -> dict[str, object]:
    """Start a server with an empty data folder, simulate the class, and return the results."""
    os.environ["TEACHER_PASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with dashboard(Path(folder), log) as server:
            store = Store(server.database_url)
            process = psutil.Process(server.pid)
            results = asyncio.run(run_load_test(server.url, process, store, students, 60 * minutes, lesson))
            store.close()
        output = log.read_text()
    results["errors in the server's log"] = output.count("Traceback")
    if results["errors in the server's log"]:
        print(output[-8_000:], file=sys.stderr)
    return results


if __name__ == "__main__":
    main()
