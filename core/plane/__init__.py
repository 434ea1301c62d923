"""Plane: a small network learns points in a plane: classes with a boundary between them, or the values of a function.

config           settings of a run, and their checks
features         inputs computed from a point: x, y, x², y², x·y, sin x, sin y
formula          formulas of x and y as boundaries and surfaces
datasets         points generated from the seed, and how they are split
pasted           a student's own points, from pasted text or a CSV file
edits            typed weights, units that are switched off, frozen units
network          the network, its activations at any points, and its parameters as text
training         the training loop: `fit(config)` yields events
replay           a run as it was after any step, recomputed
presets          settings to start from
weights_file     weights.npz
notebook         a run as a Jupyter notebook
"""

from core.plane.config import DATASETS, PlaneConfig, allowed_features
from core.plane.datasets import TEST_POINTS, PlaneData, make
from core.plane.edits import Edit, new_edits, switched, with_edit
from core.plane.network import Maps, activations, fitting_weights, from_text, restore, scores_without, split, to_text
from core.plane.training import Event, PlaneEpoch, PlaneResult, PlaneStep, Progress, fit

__all__ = [
    "DATASETS",
    "TEST_POINTS",
    "Edit",
    "Event",
    "Maps",
    "PlaneConfig",
    "PlaneData",
    "PlaneEpoch",
    "PlaneResult",
    "PlaneStep",
    "Progress",
    "activations",
    "allowed_features",
    "fit",
    "fitting_weights",
    "from_text",
    "make",
    "new_edits",
    "restore",
    "scores_without",
    "split",
    "switched",
    "to_text",
    "with_edit",
]
