"""Classify: a student chooses pictures and watches a multilayer perceptron learn to tell them apart."""

import streamlit as st

from core import classify
from core.augment import augment
from core.classify import MLP
from core.features import PatchEncoder
from core.functional import cross_entropy, linear, relu
from core.nn import CrossEntropyLoss, Linear, Module, ReLU, Sequential
from core.optim import SGD
from core.tensor import Tensor
from pages.ui import entry, live
from pages.ui.classify import compare, inside, mistakes, own_picture, take_home, training
from pages.ui.classify.again import first_weights
from pages.ui.classify.settings import settings, start
from pages.ui.code import show_code
from pages.ui.data import fetch

LOOKS = {
    "Mistakes": mistakes.show,
    "Inside": inside.show,
    "Your own picture": own_picture.show,
    "Compare": compare.show,
    "Take home": take_home.show,
}

entry.through_app()
st.title("Classify")
st.markdown(
    "A multilayer perceptron sees labelled pictures, **a batch at a time**, and moves its weights a little after each. "
    "Some training pictures are set aside to **validate** it; the **test** pictures are kept for the end."
)
left, right = st.columns([1, 2], gap="large")
run = live.current_run("classify")
compare.remember(run)
with left:
    start()
    steering = st.container()
    config = settings()
    with steering:
        buttons = st.container()
        parent = first_weights(run)
        with buttons:
            live.buttons("classify", config, run, prepare=fetch, parent=parent)
with right:
    st.toggle("Logarithmic loss", key="classify_log_scale", help="Equal steps for equal ratios.")
    if run:
        live.panel(run, training.draw)
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
