"""The trained network that the tabs look into: a run's latest checkpoint, or loaded weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.classify import MLP, ClassifyConfig, predict_all, prepare_inputs, restore_model
from core.classify.datasets import Dataset, DatasetError, load
from core.classify.inputs import Inputs
from core.runs import Run
from pages.ui import run_panel


class Snapshot(NamedTuple):
    """A trained network with its dataset and its predictions.

    Attributes:
        config: its config.
        model: the network, in evaluation mode.
        dataset: the dataset it was trained on.
        inputs: the dataset as its inputs.
        probabilities: predictions for all test images, (test images, classes).
    """

    config: ClassifyConfig
    model: MLP
    dataset: Dataset
    inputs: Inputs
    probabilities: np.ndarray


def show_live(run: Run | None, show: Callable[[Snapshot], None]) -> None:
    """Show the current snapshot, or say why there is none."""
    if snapshot := load_snapshot(run):
        show(snapshot)


def load_snapshot(run: Run | None) -> Snapshot | None:
    """Restore the loaded weights, or else the run's latest checkpoint. If there is neither, say so and return None."""
    cache = st.session_state.setdefault("snapshot", {})
    if "loaded_weights" in st.session_state:
        config, checkpoint = st.session_state["loaded_weights"]
        key: tuple[object, ...] = (id(checkpoint),)
        st.info("These are the weights that you loaded under Download.", icon=":material/upload_file:")
    else:
        checkpoint, seq = run_panel.dispatcher().store.checkpoint_and_seq(run.id) if run else (None, -1)
        if run is None or checkpoint is None:
            run_panel.show_not_trained_yet(run)
            return None
        config = run.config
        key = (run.id, run.attempt, seq)
    if cache.get("key") != key:
        try:
            dataset, inputs = load_inputs(config.dataset, config.features, config.patches, config.grid)
        except DatasetError as error:
            st.error(str(error), icon=":material/cloud_off:")
            return None
        model = restore_model(config, dataset, checkpoint)
        probabilities = predict_all(model, inputs, "test", np.arange(len(dataset.y_test)))
        cache.update(key=key, snapshot=Snapshot(config, model, dataset, inputs, probabilities))
    return cache["snapshot"]


@st.cache_resource(max_entries=3, show_spinner=False)
def load_inputs(dataset: str, features: str, patches: int, grid: int) -> tuple[Dataset, Inputs]:
    """Load a dataset and prepare it as network inputs. Raises DatasetError."""
    images = load(dataset)
    preparing = prepare_inputs(ClassifyConfig(dataset, features=features, patches=patches, grid=grid), images)
    while True:
        try:
            next(preparing)
        except StopIteration as end:
            return images, end.value
