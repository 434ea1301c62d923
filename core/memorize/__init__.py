"""Memorize: an LSTM written by hand learns a sentence and generates it again.

config             settings of a run, and the check of its sentence
alphabet           characters to token ids and back
lstm               MyLSTMCell, MyLSTM and Model, with gradients by PyTorch
bptt               the same layers with gradients by hand, compiled
rnn_variants       nn.LSTM, GRU and RNN in MyLSTM's place
training           the training loop: `fit(config)` yields events
generate           text from a model, character by character
gates, predictions, connectivity      what a trained model does inside
alphabet_transfer  weights of one alphabet for another
weights_file       weights.pt
presets, notebook  settings to start from; an experiment as a Jupyter notebook
"""

from core.memorize.alphabet import Alphabet
from core.memorize.config import EXAMPLE_SENTENCE, MAX_CHARACTERS, MemorizeConfig, check_sentence
from core.memorize.generate import reconstruct
from core.memorize.training import Event, MemorizeEpoch, char_accuracy, fit, load_weights, make_model, restore_model

__all__ = [
    "EXAMPLE_SENTENCE",
    "MAX_CHARACTERS",
    "Alphabet",
    "Event",
    "MemorizeConfig",
    "MemorizeEpoch",
    "char_accuracy",
    "check_sentence",
    "fit",
    "load_weights",
    "make_model",
    "reconstruct",
    "restore_model",
]
