"""Memorize: a hand-written LSTM learns a sentence and generates it again.

config             settings of a run, and the check of its sentence
alphabet           characters to token ids and back
lstm               MyLSTMCell, MyLSTM and Model, with gradients by PyTorch
bptt               the same layers with hand-derived gradients, compiled
rnn_variants       nn.LSTM, GRU and RNN as replacements for MyLSTM
training           the training loop: `fit(config)` yields events
replay             a run as it was after any epoch, recomputed
generate           text from a model, character by character
gates              gates and states of every unit at every character
predictions        probabilities of the next character, and the first mistake
connectivity       which earlier characters a prediction depends on
alphabet_transfer  weights learned with one alphabet, reused with another
weights_file       weights.pt
presets            settings to start from
notebook           a run as a Jupyter notebook
"""

from core.memorize.alphabet import Alphabet
from core.memorize.config import EXAMPLE_SENTENCE, MAX_CHARACTERS, MemorizeConfig, check_sentence
from core.memorize.generate import generate_text
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
    "generate_text",
    "load_weights",
    "make_model",
    "restore_model",
]
