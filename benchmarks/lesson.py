"""A lesson for the load test: members, a question per minute, and when each answer was on the teacher's page."""

from __future__ import annotations

import asyncio
import time

from core.classroom import CHOICE, ClassStore, Question
from core.runs import Store
from core.runs.identity import hash_token

CODE, PASSWORD = "LOAD", "benchmark"
OPEN_SECONDS, REVEALED_SECONDS, FREE_SECONDS = 35.0, 10.0, 15.0  # of the minute of a question
FIRST_QUESTION = 15.0  # seconds after the start
CHOICES = ("It falls", "It rises", "It stays")


class Lesson:
    """A class in the database of the server under test. The teacher's actions are written there, as a page does."""

    def __init__(self, store: Store):
        """Open the class."""
        self.classes = ClassStore(store)
        self.classes.create(CODE, "Load test")
        self.question = ""  # id of the question that is asked
        self.asked: list[str] = []
        self.sent: list[float] = []  # when the answers to the question were sent
        self.shown = 0  # answers to it that the teacher's page has shown
        self.delays: list[float] = []
        self.total_sent = 0
        self.refused = 0  # answers that came after the reveal; the student was told so

    def join(self, token: str, name: str) -> None:
        """Make the browser with this token a member."""
        self.classes.join(CODE, hash_token(token), name)

    async def ask_questions(self) -> None:
        """Ask, reveal and end one question per minute, until cancelled."""
        await asyncio.sleep(FIRST_QUESTION)
        while True:
            self.sent, self.shown = [], 0
            question = Question(CHOICE, f"Question {len(self.asked) + 1}?", CHOICES, truth=0)
            self.question = await asyncio.to_thread(self.classes.ask, CODE, question)
            self.asked.append(self.question)
            await asyncio.sleep(OPEN_SECONDS)
            await asyncio.to_thread(self.classes.reveal, CODE, self.question)
            await asyncio.sleep(REVEALED_SECONDS)
            await asyncio.to_thread(self.classes.close_question, CODE)
            await asyncio.sleep(FREE_SECONDS)

    def on_sent(self) -> None:
        """An answer has been sent."""
        self.sent.append(time.monotonic())
        self.total_sent += 1

    def on_shown(self, count: int) -> None:
        """The teacher's page shows so many answers. The one that was sent first is taken to be shown first."""
        now = time.monotonic()
        self.delays += [now - sent for sent in self.sent[self.shown : count]]
        self.shown = max(self.shown, count)

    def stored(self) -> int:
        """Return how many answers the database contains."""
        return sum(sum(self.classes.vote_counts(question).values()) for question in self.asked)
