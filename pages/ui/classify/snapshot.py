"""The trained network that the tabs look into: a run's latest checkpoint, or loaded weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.classify import MLP, ClassifyConfig, predict_all, restore_model, split
from core.classify.datasets import Dataset, DatasetError, load
from core.classify.inputs import Inputs, make_inputs
from core.classify.patch_features import PatchSettings
from core.runs import Run
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown


class Snapshot(NamedTuple):
    """A trained network with its dataset and its predictions.

    The predictions are for validation images until the run has ended: test images that influence decisions about the
    training no longer measure how well it generalises.

    Attributes:
        config: its config.
        model: the network, in evaluation mode.
        dataset: the dataset it was trained on.
        inputs: the dataset as its inputs.
        validation: indices of the validation images among the training images.
        kind: "validation" or "test", the images that are predicted.
        images: these images.
        labels: their classes, (images,).
        probabilities: predictions for them, (images, classes).
    """

    config: ClassifyConfig
    model: MLP
    dataset: Dataset
    inputs: Inputs
    validation: np.ndarray
    kind: str
    images: np.ndarray
    labels: np.ndarray
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
        has_ended = True
        st.info("These are the weights that you loaded under Download.", icon=":material/upload_file:")
    else:
        checkpoint, seq = run_panel.dispatcher().store.checkpoint_and_seq(run.id) if run else (None, -1)
        if run is None or checkpoint is None:
            run_panel.show_not_trained_yet(run)
            return None
        config = run.config
        has_ended = run.status.is_terminal
        key = (run.id, run.attempt, seq, has_ended)
    if cache.get("key") != key:
        try:
            dataset, inputs = load_inputs(config.dataset, config.features, config.patch_settings)
            model = restore_model(config, dataset, checkpoint)
        except DatasetError as error:
            st.error(escape_markdown(str(error)), icon=":material/cloud_off:")
            return None
        except ValueError as error:  # a run that failed because its initial weights do not fit
            st.error(escape_markdown(str(error)), icon=":material/error:")
            return None
        validation, _ = split(len(dataset.y_train), np.random.default_rng(config.seed))
        if has_ended:
            kind, images, labels = "test", dataset.x_test, dataset.y_test
            probabilities = predict_all(model, inputs, "test", np.arange(len(labels)))
        else:
            kind, images, labels = "validation", dataset.x_train[validation], dataset.y_train[validation]
            probabilities = predict_all(model, inputs, "train", validation)
        snapshot = Snapshot(config, model, dataset, inputs, validation, kind, images, labels, probabilities)
        cache.update(key=key, snapshot=snapshot)
    return cache["snapshot"]


@st.cache_resource(max_entries=3, show_spinner=False)
def load_inputs(dataset: str, features: str, settings: PatchSettings) -> tuple[Dataset, Inputs]:
    """Load a dataset and prepare it as network inputs, without augmentation. Raises DatasetError."""
    images = load(dataset)
    preparing = make_inputs(images, features, (), settings)
    while True:
        try:
            next(preparing)
        except StopIteration as end:
            return images, end.value
