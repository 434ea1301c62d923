"""Points: a small network learns points in a plane, and shows how its boundary bends."""

import streamlit as st

import pages.ui.streamlit_internals
from core import plane
from core.autograd.functional import cross_entropy, linear, mse_loss
from core.autograd.nn import CrossEntropyLoss, Linear, Module, MSELoss
from core.autograd.optim import SGD
from core.autograd.tensor import Tensor
from core.plane.datasets import make
from core.plane.features import compute_features
from core.plane.network import PlaneNetwork
from core.runs import Run
from pages.ui.classify import run_comparison
from pages.ui.classify.initial_weights import continue_from
from pages.ui.code_view import show_code
from pages.ui.kept_settings import keep_settings
from pages.ui.plane import export, training
from pages.ui.plane.settings import SETTINGS, settings
from pages.ui.stage import Tab, show_stage

CODE = (
    *(PlaneNetwork, plane.fit, make, compute_features, Tensor, linear, cross_entropy, mse_loss),
    *(Module, Linear, CrossEntropyLoss, MSELoss, SGD),
)

pages.ui.streamlit_internals.ensure_run_from_app()
with st.sidebar, keep_settings(*SETTINGS, "plane_pace", "plane_log_scale"):
    config = settings()


def show_training(run: Run | None) -> None:
    """Show the Training tab, and below it the code that runs."""
    training.show(run, config)
    show_code(*CODE)


def show_comparison(run: Run | None) -> None:
    """Show this session's runs side by side."""
    run_comparison.show(run, "plane")


show_stage(
    "plane",
    config,
    {
        "Training": Tab(show_training),
        "Compare runs": Tab(show_comparison, 2.0),
        "Download": Tab(export.show, 5.0),
    },
    parent=continue_from,
)
