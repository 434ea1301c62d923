"""Training runs: submitted by pages, trained by Dask's workers, kept in the store, steered while they go on."""

from core.runs.engine import Engine, get_engine
from core.runs.kinds import KINDS
from core.runs.store import Run, Status, Store

__all__ = ["KINDS", "Engine", "Run", "Status", "Store", "get_engine"]
