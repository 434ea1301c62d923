"""Classify: a multilayer perceptron on the NumPy autograd learns to classify images.

config             settings of a run, and their checks
datasets           labelled images: built in, from a file, or downloaded
custom_data        datasets of uploaded images
images             single images: decoded and cropped
handwriting        digits in drawings and photographs: found and centred
inputs             network inputs: pixels, whitened pixels or patch features
whitening          ZCA whitening of pixels
patch_features     whitened patches as fixed features (Coates & Ng 2011)
feature_cache      what was computed from all images, in files
augment            random changes to training images
copies             mirrored and shifted images, to average predictions over
cache              size limits for folders of cached files
mlp                the network and its predictions
training           the training loop: `fit(config, dataset)` yields events
replay             a run as it was after any step, recomputed
diagnostics        confusion matrix, worst mistakes, layer health
weights_file       weights.npz
presets, notebook  settings to start from; a run as a Jupyter notebook
mnist_5k.npz       the built-in digits (origin and licence: mnist_5k.md)
"""

from core.classify.config import (
    MAX_PARAMETERS,
    ClassifyConfig,
    check_fits_dataset,
    fit_batch_size,
    parameter_counts,
    validation_size,
)
from core.classify.mlp import MLP, evaluate, fitting_weights, make_model, predict, predict_all, restore_model
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
    split,
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
    "fit_batch_size",
    "fitting_weights",
    "make_model",
    "parameter_counts",
    "predict",
    "predict_all",
    "prepare_inputs",
    "restore_model",
    "split",
    "validation_size",
]
