"""Classify: a multilayer perceptron on the NumPy autograd learns to tell images apart.

config             settings of a run, and what they ask for
datasets           labelled images: built in, from a file, or downloaded
custom_data        images that somebody uploads
images             decoding and preparing single images
inputs             images as the network sees them: pixels or patch features
patch_features     whitened patches as fixed features (Coates & Ng 2011)
augment            random changes to images
mlp                the network, and its predictions
training           the training loop: `fit(config, dataset)` yields events
diagnostics        gradients and dead ReLUs by layer
weights_file       weights.npz
presets            settings to start from
"""

from core.classify.config import MAX_PARAMETERS, ClassifyConfig, check_fits_dataset, parameter_counts, validation_size
from core.classify.mlp import MLP, evaluate, make_model, predict, predict_all, restore_model
from core.classify.training import (
    Epoch,
    Event,
    PreparationProgress,
    Progress,
    Result,
    Samples,
    Step,
    fit,
    prepare_inputs,
)

__all__ = [
    "MAX_PARAMETERS",
    "MLP",
    "ClassifyConfig",
    "Epoch",
    "Event",
    "PreparationProgress",
    "Progress",
    "Result",
    "Samples",
    "Step",
    "check_fits_dataset",
    "evaluate",
    "fit",
    "make_model",
    "parameter_counts",
    "predict",
    "predict_all",
    "prepare_inputs",
    "restore_model",
    "validation_size",
]
