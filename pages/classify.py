"""Classify: a multilayer perceptron learns to classify images."""

import streamlit as st

from core import classify
from core.autograd.functional import cross_entropy, linear, relu
from core.autograd.nn import CrossEntropyLoss, Linear, Module, ReLU, Sequential
from core.autograd.optim import SGD
from core.autograd.tensor import Tensor
from core.classify import MLP
from core.classify.augment import augment
from core.classify.patch_features import PatchEncoder
from pages.ui import run_panel, streamlit_internals
from pages.ui.classify import confusion, custom_image, diagnostics, export, run_comparison, training
from pages.ui.classify.initial_weights import initial_weights_controls
from pages.ui.classify.settings import preset_and_dataset, settings
from pages.ui.code_view import show_code
from pages.ui.dataset_status import download_with_progress

TABS = {
    "Confusion matrix": confusion.show,
    "Diagnostics": diagnostics.show,
    "Own image": custom_image.show,
    "Compare runs": run_comparison.show,
    "Download": export.show,
}

streamlit_internals.ensure_run_from_app()
st.title("Classify")
st.markdown(
    "A multilayer perceptron learns from labelled images **in batches**, adjusting its weights a little after each "
    "one. Some training images are held out for **validation**; the **test** images are never used for training."
)
left, right = st.columns([1, 2], gap="large")
run = run_panel.current_run("classify")
run_comparison.record_seen(run)
with left:
    preset_and_dataset()
    controls = st.container()  # above the other settings, so that Train is visible without scrolling
    config = settings()
    with controls:
        buttons = st.container()
        parent = initial_weights_controls(run)
        with buttons:
            run_panel.run_controls("classify", config, run, prepare=download_with_progress, parent=parent)
with right:
    st.toggle("Logarithmic loss", key="classify_log_scale", help="Equal distances on the axis mean equal ratios.")
    if run:
        run_panel.live_panel(run, training.draw)
    else:
        st.info("Press **Train**: loss, accuracy and predictions will appear here.", icon=":material/timeline:")
show_code(
    *(MLP, classify.fit, Tensor, linear, relu, cross_entropy, Module, Linear, ReLU, Sequential, CrossEntropyLoss, SGD),
    *(augment, PatchEncoder),
)

for tab, show in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show(run)
