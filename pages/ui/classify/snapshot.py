"""What a run has learned so far, to be looked into: the network of its latest checkpoint, or one that was loaded."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.classify import MLP, ClassifyConfig, predict_all, prepare_inputs, restore_model
from core.classify.datasets import Dataset, DatasetError, load
from core.classify.inputs import Inputs
from core.runs import Run
from pages.ui import run_panel

SNAPSHOT_REFRESH = 2.0  # seconds


class Learned(NamedTuple):
    """A network, the pictures that it knows, and how it sees them.

    probabilities: what it thinks of each test picture, (test pictures, classes).
    """

    config: ClassifyConfig
    model: MLP
    dataset: Dataset
    inputs: Inputs
    probabilities: np.ndarray


def look(run: Run | None, show: Callable[[Learned], None]) -> None:
    """Show what the run has learned, again and again while it goes on; or say why there is nothing to see yet."""
    going = run is not None and not run.status.is_terminal and "loaded_weights" not in st.session_state

    def redraw() -> None:
        if now := learned(run):
            show(now)

    run_panel.live_fragment(redraw, SNAPSHOT_REFRESH if going else None)


def learned(run: Run | None) -> Learned | None:
    """The network that was loaded, else the run's. None, and a sentence that says why, while there is none."""
    loaded = st.session_state.get("loaded_weights")
    seen = st.session_state.setdefault("learned", {})
    if loaded:
        config, checkpoint = loaded
        key = id(checkpoint)
        st.info("You are looking at the weights that you loaded (Take home).", icon=":material/upload_file:")
    else:
        checkpoint, seq = run_panel.dispatcher().store.checkpoint_and_seq(run.id) if run else (None, -1)
        key = (run.id, run.attempt, seq) if run else None
        config = run.config if run else None
    if checkpoint is None:
        run_panel.show_not_trained_yet(run)
        return None
    if seen.get("key") != key:
        try:
            dataset, inputs = pictures_and_inputs(config.dataset, config.features, config.patches, config.grid)
        except DatasetError as error:
            st.error(str(error), icon=":material/cloud_off:")
            return None
        model = restore_model(config, dataset, checkpoint)
        probabilities = predict_all(model, inputs, "test", np.arange(len(dataset.y_test)))
        seen.update(key=key, learned=Learned(config, model, dataset, inputs, probabilities))
    return seen["learned"]


@st.cache_resource(max_entries=3, show_spinner="Looking at the pictures …")
def pictures_and_inputs(dataset: str, features: str, patches: int, grid: int) -> tuple[Dataset, Inputs]:
    """The data set, and how a network sees it. Raises DatasetError where it cannot be had."""
    pictures = load(dataset)
    preparing = prepare_inputs(ClassifyConfig(dataset, features=features, patches=patches, grid=grid), pictures)
    while True:
        try:
            next(preparing)
        except StopIteration as end:
            return pictures, end.value
