"""Training runs: submitted by pages, trained by Dask's workers, kept in the store, steered while they go on."""

from core.runs.access import RunAccess
from core.runs.dispatcher import Dispatcher, get_dispatcher
from core.runs.identity import PermissionDenied, Visitor
from core.runs.job_types import JOB_TYPES
from core.runs.limits import Limits
from core.runs.models import Run, Status
from core.runs.store import Store, StoreUnavailable
from core.runs.worker import use_one_thread

__all__ = [
    "JOB_TYPES",
    "Dispatcher",
    "Limits",
    "PermissionDenied",
    "Run",
    "RunAccess",
    "Status",
    "Store",
    "StoreUnavailable",
    "Visitor",
    "get_dispatcher",
    "use_one_thread",
]
