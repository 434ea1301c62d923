"""Training runs: submitted by pages, trained by Dask's workers, kept in the store, steered while they go on."""

from core.runs.desk import Desk
from core.runs.engine import Engine, get_engine
from core.runs.kinds import KINDS
from core.runs.people import NotAllowed, Visitor
from core.runs.rules import Rules
from core.runs.store import Store, StoreUnavailable
from core.runs.tables import Run, Status
from core.runs.worker import use_one_thread

__all__ = [
    "KINDS",
    "Desk",
    "Engine",
    "NotAllowed",
    "Rules",
    "Run",
    "Status",
    "Store",
    "StoreUnavailable",
    "Visitor",
    "get_engine",
    "use_one_thread",
]
