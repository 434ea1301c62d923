"""Classify: a multilayer perceptron learns to classify images."""

import streamlit as st

import pages.ui.streamlit_internals
from core import classify
from core.autograd.functional import cross_entropy, linear, linear_relu
from core.autograd.nn import CrossEntropyLoss, Linear, Module, ReLU, Sequential
from core.autograd.optim import SGD, Adam
from core.autograd.tensor import Tensor
from core.classify import MLP
from core.classify.augment import augment
from core.classify.patch_features import PatchEncoder
from core.classify.whitening import Whitening
from core.runs import Run
from pages.ui.classify import ablation, confusion, custom_image, diagnostics, export, run_comparison, training
from pages.ui.classify.initial_weights import continue_from
from pages.ui.classify.settings import SETTINGS, settings
from pages.ui.code_view import show_code
from pages.ui.dataset_status import download_with_progress
from pages.ui.kept_settings import keep_settings
from pages.ui.stage import Tab, show_stage

CODE = (
    *(MLP, classify.fit, Tensor, linear, linear_relu, cross_entropy),
    *(Module, Linear, ReLU, Sequential, CrossEntropyLoss, SGD, Adam, augment, Whitening, PatchEncoder),
)

pages.ui.streamlit_internals.ensure_run_from_app()
with st.sidebar, keep_settings(*SETTINGS, "classify_pace", "classify_log_scale"):
    config = settings()


def show_training(run: Run | None) -> None:
    """Show the Training tab, and below it the code that runs."""
    training.show(run, config)
    show_code(*CODE)


def show_comparison(run: Run | None) -> None:
    """Show the Compare runs tab: the runs of this session, and recorded ones."""
    run_comparison.show(run)
    ablation.show()


show_stage(
    "classify",
    config,
    {
        "Training": Tab(show_training),
        "Confusion matrix": Tab(confusion.show, 2.0),
        "Diagnostics": Tab(diagnostics.show, 2.0),
        "Own image": Tab(custom_image.show, 2.0),
        "Compare runs": Tab(show_comparison, 2.0),
        "Download": Tab(export.show, 5.0),
    },
    prepare=download_with_progress,
    parent=lambda run: continue_from(run),
)
