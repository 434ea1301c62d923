"""Classify: a student chooses pictures and watches a multilayer perceptron learn to tell them apart."""

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
from pages.ui.classify.initial_weights import first_weights
from pages.ui.classify.settings import settings, start
from pages.ui.code_view import show_code
from pages.ui.dataset_status import download_with_progress

LOOKS = {
    "Mistakes": confusion.show,
    "Inside": diagnostics.show,
    "Your own picture": custom_image.show,
    "Compare": run_comparison.show,
    "Take home": export.show,
}

streamlit_internals.ensure_run_from_app()
st.title("Classify")
st.markdown(
    "A multilayer perceptron sees labelled pictures, **a batch at a time**, and moves its weights a little after each. "
    "Some training pictures are set aside to **validate** it; the **test** pictures are kept for the end."
)
left, right = st.columns([1, 2], gap="large")
run = run_panel.current_run("classify")
run_comparison.record_seen(run)
with left:
    start()
    steering = st.container()
    config = settings()
    with steering:
        buttons = st.container()
        parent = first_weights(run)
        with buttons:
            run_panel.run_controls("classify", config, run, prepare=download_with_progress, parent=parent)
with right:
    st.toggle("Logarithmic loss", key="classify_log_scale", help="Equal steps for equal ratios.")
    if run:
        run_panel.live_panel(run, training.draw)
    else:
        st.info("Press **Train**: loss, accuracy and sample predictions will grow here.", icon=":material/timeline:")
show_code(
    *(MLP, classify.fit, Tensor, linear, relu, cross_entropy, Module, Linear, ReLU, Sequential, CrossEntropyLoss, SGD),
    *(augment, PatchEncoder),
)

for tab, show in zip(st.tabs(list(LOOKS), key="look", bind="query-params"), LOOKS.values(), strict=True):
    if tab.open:
        with tab:
            show(run)
