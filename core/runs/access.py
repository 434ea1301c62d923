"""Access control: the run operations available to one visitor.

Anyone may read runs; every change is checked here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.runs.dispatcher import Dispatcher
from core.runs.identity import PermissionDenied, Visitor, clean_nickname
from core.runs.limits import Limits
from core.runs.models import Run
from core.runs.store import Store
from core.text import clean_text
from core.training import Checkpoint

MAX_TITLE, MAX_NOTE = 80, 2_000  # characters
STOPPED_BY_TEACHER = "Stopped by the teacher."


class RunAccess:
    """The run operations of one visitor.

    Methods that take a run id raise PermissionDenied if the run belongs to somebody else.
    """

    def __init__(self, dispatcher: Dispatcher, visitor: Visitor):
        self.dispatcher, self.visitor = dispatcher, visitor

    @property
    def store(self) -> Store:
        """The store, for reading runs."""
        return self.dispatcher.store

    @property
    def is_teacher(self) -> bool:
        """Whether the visitor is a teacher now. A page in another tab may not have noticed that they logged out."""
        return self.visitor.teacher and self.dispatcher.teacher_auth.is_teacher(self.visitor.id)

    def can_edit(self, run: Run) -> bool:
        """Return whether the visitor owns the run or is a teacher."""
        return self._owns(run) or self.is_teacher

    def limits(self) -> Limits:
        """Return the limits on the visitor's new runs: those of their class, or the widest ones for a teacher."""
        return Limits() if self.is_teacher else self.store.limits(self.visitor.classroom)

    def submit(
        self, config: Any, parent: str | None = None, weights: Checkpoint | None = None, **beginning: Any
    ) -> str:
        """Queue a run and return its id. Arguments, also the further ones, and ValueError: see Store.create."""
        by = replace(self.visitor, teacher=self.is_teacher)
        return self.dispatcher.submit(config, parent, by, weights, **beginning)

    def pause(self, run_id: str) -> None:
        """Ask a run to pause after its current step."""
        self.store.pause(self._require_owner(run_id))

    def resume(self, run_id: str) -> None:
        """Let a paused run continue."""
        self.dispatcher.resume(self._require_owner(run_id))

    def stop(self, run_id: str) -> None:
        """End a run after its current step; one without a worker ends at once."""
        run = self.store.run(self._require_owner(run_id))
        if run is not None:
            self.store.stop(run.id, "" if self._owns(run) else STOPPED_BY_TEACHER)

    def steer(self, run_id: str, **changes: Any) -> None:
        """Change settings during training. Raises ValueError if a setting or its new value is not allowed."""
        self.store.steer(self._require_owner(run_id), **changes)

    def advance(self, run_id: str, unit: str) -> None:
        """Let a paused run make one more "step" or "epoch"."""
        self.dispatcher.advance(self._require_owner(run_id), unit)

    def set_pace(self, run_id: str, seconds: float) -> None:
        """Set the minimum duration of a step, from 0 to 10 seconds."""
        self.store.set_pace(self._require_owner(run_id), seconds)

    def record_view(self, run: Run) -> None:
        """Record that the visitor is viewing the run; resume it if it was auto-paused and the visitor owns it."""
        if not run.status.is_terminal:
            self.store.record_view(run.id)
        if run.auto_paused and self.can_edit(run):
            self.dispatcher.resume(run.id)

    def set_title(self, run_id: str, title: str) -> None:
        """Set the run's title. Raises ValueError if it is too long."""
        title = clean_text(title, MAX_TITLE, "A title").replace("\n", " ")
        self.store.update_text(self._require_owner(run_id), title=title)

    def set_note(self, run_id: str, note: str) -> None:
        """Set the note on the run. Raises ValueError if it is too long."""
        self.store.update_text(self._require_owner(run_id), note=clean_text(note, MAX_NOTE, "A note"))

    def delete(self, run_id: str) -> None:
        """Delete a run with its events and its checkpoint."""
        self.store.delete(self._require_owner(run_id))

    def set_nickname(self, nickname: str) -> None:
        """Set the visitor's nickname. Raises ValueError if it is invalid."""
        self.store.set_nickname(self.visitor.id, clean_nickname(nickname))

    # For teachers

    def set_limits(self, limits: Limits, classroom: str = "") -> None:
        """Replace the limits of a class, see Store.set_limits.

        Raises PermissionDenied unless the visitor is a teacher.
        """
        self._require_teacher()
        self.store.set_limits(limits, classroom)

    def stop_all(self, classroom: str | None = None) -> None:
        """Stop all runs, or all of one class. Raises PermissionDenied unless the visitor is a teacher."""
        self._require_teacher()
        for run in self.store.list_runs(limit=None, unfinished=True, classroom=classroom):
            self.store.stop(run.id, STOPPED_BY_TEACHER)

    def delete_finished(self, classroom: str | None = None) -> None:
        """Delete all runs that have ended, or those of one class.

        Raises PermissionDenied unless the visitor is a teacher.
        """
        self._require_teacher()
        self.store.delete_ended(classroom)

    def _require_owner(self, run_id: str) -> str:
        """Return the run's id, or "" if there is no such run. Raises PermissionDenied unless it may be changed."""
        run = self.store.run(run_id)
        if run is not None and not self.can_edit(run):
            raise PermissionDenied(
                "This run belongs to somebody else. You can view it, but only the owner can change it."
            )
        return run.id if run else ""

    def _owns(self, run: Run) -> bool:
        return run.owner != "" and run.owner == self.visitor.id

    def _require_teacher(self) -> None:
        if not self.is_teacher:
            raise PermissionDenied("Only a teacher can do that.")
