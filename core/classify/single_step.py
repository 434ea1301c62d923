"""What a paused run has just done: its latest batch, and its predictions on the sample images."""

from __future__ import annotations

import numpy as np

from core.classify.config import ClassifyConfig
from core.classify.datasets import Dataset
from core.classify.inputs import Inputs
from core.classify.mlp import MLP, predict
from core.classify.training import Samples, one_per_class, split
from core.training import Checkpoint


def last_batch(config: ClassifyConfig, checkpoint: Checkpoint) -> np.ndarray:
    """Return the indices of the training images of the latest step, (batch size,); none before the first step."""
    if not checkpoint.metadata or not checkpoint.metadata["progress"]["step"]:
        return np.array([], dtype=int)
    size = checkpoint.metadata["changes"].get("batch_size", config.batch_size)
    order = checkpoint.arrays["order"]
    seen = checkpoint.metadata["progress"]["seen"] or len(order)  # 0: an epoch has just ended
    return order[max(0, seen - size) : seen]


def sample_predictions(config: ClassifyConfig, model: MLP, dataset: Dataset, inputs: Inputs) -> Samples:
    """Return the model's predictions on one validation image per class, the same images as in Epoch.samples."""
    validation, _ = split(len(dataset.y_train), np.random.default_rng(config.seed))
    indices = one_per_class(validation, dataset.y_train)
    return Samples(dataset.x_train[indices], dataset.y_train[indices], predict(model, inputs.batch("train", indices)))
