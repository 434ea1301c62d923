"""A visitor's desk: the engine as one visitor may use it. All may look at runs; what changes them is checked here."""

from __future__ import annotations

from typing import Any

from core.runs.dispatcher import Dispatcher
from core.runs.identity import PermissionDenied, Visitor, clean_nickname
from core.runs.limits import Limits
from core.runs.models import Run
from core.runs.store import Store
from core.text import clean_text
from core.training import Checkpoint

MAX_TITLE, MAX_NOTE = 80, 2_000  # characters


class RunAccess:
    """The engine's methods for one visitor. Those that change a run raise PermissionDenied for somebody else's."""

    def __init__(self, engine: Dispatcher, visitor: Visitor):
        self.engine, self.visitor = engine, visitor

    @property
    def store(self) -> Store:
        """To look at runs."""
        return self.engine.store

    def can_edit(self, run: Run) -> bool:
        """Whether the run is the visitor's own, or the visitor a teacher."""
        return self.visitor.teacher or (run.owner != "" and run.owner == self.visitor.id)

    def submit(self, config: Any, parent: str | None = None, weights: Checkpoint | None = None) -> str:
        """Have a run trained; its id. Raises ValueError where the rules forbid it, or the parent has no weights."""
        return self.engine.submit(config, parent, self.visitor, weights)

    def pause(self, run_id: str) -> None:
        self.engine.pause(self._mine(run_id))

    def resume(self, run_id: str) -> None:
        self.engine.resume(self._mine(run_id))

    def stop(self, run_id: str) -> None:
        self.engine.stop(self._mine(run_id))

    def steer(self, run_id: str, **changes: Any) -> None:
        """See Dispatcher.steer. Raises ValueError where a setting cannot be changed, or not so."""
        self.engine.steer(self._mine(run_id), **changes)

    def advance(self, run_id: str, unit: str) -> None:
        self.engine.advance(self._mine(run_id), unit)

    def set_pace(self, run_id: str, seconds: float) -> None:
        self.engine.set_pace(self._mine(run_id), seconds)

    def record_view(self, run: Run) -> None:
        """The visitor looks at the run. One that was paused because nobody did goes on when its owner is back."""
        if not run.status.is_terminal:
            self.store.record_view(run.id)
        if run.auto_paused and self.can_edit(run):
            self.engine.resume(run.id)

    def set_title(self, run_id: str, title: str) -> None:
        """Raises ValueError where the title is too long."""
        self.store.update_text(self._mine(run_id), title=clean_text(title, MAX_TITLE, "A name").replace("\n", " "))

    def set_note(self, run_id: str, note: str) -> None:
        """Raises ValueError where the note is too long."""
        self.store.update_text(self._mine(run_id), note=clean_text(note, MAX_NOTE, "A note"))

    def delete(self, run_id: str) -> None:
        self.store.delete(self._mine(run_id))

    def set_nickname(self, nickname: str) -> None:
        """Raises ValueError where it is no nickname."""
        self.store.set_nickname(self.visitor.id, clean_nickname(nickname))

    # For a teacher

    def set_limits(self, rules: Limits) -> None:
        self._check_teacher()
        self.store.set_limits(rules)

    def stop_all(self, classroom: str | None = None) -> None:
        """Stop all runs, or all of a class."""
        self._check_teacher()
        for run in self.store.list_runs(limit=None, unfinished=True, classroom=classroom):
            self.engine.stop(run.id)

    def delete_finished(self, classroom: str | None = None) -> None:
        """Delete all runs that have ended, or all of a class that have."""
        self._check_teacher()
        runs = self.store.list_runs(limit=None, classroom=classroom)
        self.store.delete(*(run.id for run in runs if run.status.is_terminal))

    def _mine(self, run_id: str) -> str:
        run = self.store.run(run_id)
        if run is not None and not self.can_edit(run):
            raise PermissionDenied("This run is somebody else's: you can watch it, but only its owner can change it.")
        return run.id if run else ""

    def _check_teacher(self) -> None:
        if not self.visitor.teacher:
            raise PermissionDenied("Only a teacher can do that.")
