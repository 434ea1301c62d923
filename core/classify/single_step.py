"""What a paused run has just done: its latest batch, and its predictions on the sample images."""

from __future__ import annotations

import numpy as np

from core.classify.config import ClassifyConfig
from core.classify.datasets import Dataset
from core.classify.inputs import Inputs
from core.classify.mlp import MLP, predict
from core.classify.training import Samples
from core.training import Checkpoint


def last_batch(config: ClassifyConfig, checkpoint: Checkpoint) -> np.ndarray:
    """Return the indices of the training images of the latest step, (batch size,); none before the first step."""
    if not checkpoint.metadata or not checkpoint.metadata["progress"]["step"]:
        return np.array([], dtype=int)
    size = checkpoint.metadata["changes"].get("batch_size", config.batch_size)
    order = checkpoint.arrays["order"]
    seen = checkpoint.metadata["progress"]["seen"] or len(order)  # 0: an epoch has just ended
    return order[max(0, seen - size) : seen]


def sample_predictions(model: MLP, dataset: Dataset, inputs: Inputs) -> Samples:
    """Return the model's predictions on one test image per class, the same images as in Epoch.samples."""
    indices = np.array([np.flatnonzero(dataset.y_test == label)[0] for label in np.unique(dataset.y_test)])
    probabilities = predict(model, inputs.batch("test", indices))
    return Samples(dataset.x_test[indices], dataset.y_test[indices], probabilities)
