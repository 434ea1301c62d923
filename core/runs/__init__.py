"""Runs: submitted by pages, stored in a database, trained by Dask workers, and changed while they train.

models             the database's tables of runs
class_models       the database's tables of classes, for core.classroom
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
dispatcher         Dispatcher: wakes workers when runs are queued, and requeues lost runs
queue_estimate     Queue: the waiting runs, and how long each will wait
worker             Worker: trains many runs in turns, and exchanges with the store
active_run         ActiveRun: one run in a worker, and what its owner wants of it
sync               RunSync: what the two threads of a worker hand each other for one run
dask_plugin        starts a Worker in every Dask worker
local_cluster      the Dask workers of this machine, as a process of its own
processes          names of processes, to recognise that one has exited
reporting          table rows, CSV export, leaderboards
"""

from core.runs.access import RunAccess
from core.runs.database import StoreUnavailable
from core.runs.dispatcher import Dispatcher, get_dispatcher
from core.runs.identity import PermissionDenied, Visitor
from core.runs.job_types import JOB_TYPES
from core.runs.limits import Limits
from core.runs.models import Run, Status
from core.runs.queue_estimate import Queue
from core.runs.store import Store
from core.runs.worker import use_one_thread

__all__ = [
    "JOB_TYPES",
    "Dispatcher",
    "Limits",
    "PermissionDenied",
    "Queue",
    "Run",
    "RunAccess",
    "Status",
    "Store",
    "StoreUnavailable",
    "Visitor",
    "get_dispatcher",
    "use_one_thread",
]
