"""Runs: submitted by pages, stored in a database, trained by Dask workers, and changed while they train.

models             the database's tables
database           connection to SQLite or PostgreSQL, schema, errors
migrations         how a database of an older version is upgraded
store              Store: runs, their events, checkpoints and desired state
housekeeping       settles ended runs, removes deleted ones, deletes old ones
job_types          what can be run: memorize and classify
serialization      configs and events to JSON and back
identity           visitors and teacher logins
limits             Limits that a teacher sets for a class
rates              counts per minute
scheduling         the fair order of the queue
access             RunAccess: what one visitor may do
dispatcher         Dispatcher: sends queued runs to Dask workers, and requeues lost ones
local_cluster      the Dask workers of this machine, as a process of its own
worker             trains runs in a Dask worker: `run_worker`, `train_run`, `Driver`
sync               StoreSync: a worker's background exchange with the store
reporting          table rows, CSV export, leaderboards
"""

from core.runs.access import RunAccess
from core.runs.database import StoreUnavailable
from core.runs.dispatcher import Dispatcher, get_dispatcher
from core.runs.identity import PermissionDenied, Visitor
from core.runs.job_types import JOB_TYPES
from core.runs.limits import Limits
from core.runs.models import Run, Status
from core.runs.store import Store
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
