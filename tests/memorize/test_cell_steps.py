"""The steps of a cell: the equations hold between what is recorded, and the code shown is MyLSTMCell's."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from core.memorize import Alphabet, check_sentence
from core.memorize.cell_steps import MAX_CHARACTERS, MAX_UNITS, STAGES, cell_steps, code_lines
from core.memorize.lstm import Model, MyLSTM, MyLSTMCell
from core.memorize.predictions import teacher_forced
from core.text import graphemes


def model_of(sentence: str, hidden_size: int, num_layers: int, seed: int = 0) -> tuple[Model, Alphabet]:
    """Return an untrained model with weights larger than initial ones, so that the gates differ from 0.5."""
    alphabet = Alphabet(sentence)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model(len(alphabet), hidden_size, len(alphabet), num_layers)
        for parameter in model.parameters():
            parameter.data *= 3
    return model, alphabet


def is_valid(sentence: str) -> bool:
    try:
        check_sentence(sentence)
    except ValueError:
        return False
    return True


@pytest.mark.slow
@given(
    sentence=st.text(min_size=1, max_size=20).filter(is_valid),
    hidden_size=st.integers(1, 6),
    num_layers=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_recorded_values_obey_the_equations_and_equal_the_outputs_of_both_lstms(
    sentence, hidden_size, num_layers, seed
):
    model, alphabet = model_of(sentence, hidden_size, num_layers, seed)
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)])
    for layer in range(num_layers):
        steps = cell_steps(model, alphabet, sentence, layer)
        values = {name: array.astype(np.float64) for name, array in steps.values.items()}
        assert (values["cell_before"][0] == 0).all()
        np.testing.assert_array_equal(values["cell_before"][1:], values["cell"][:-1])
        np.testing.assert_allclose(
            values["cell"],
            values["forget"] * values["cell_before"] + values["input"] * values["candidate"],
            atol=1e-5,
        )
        np.testing.assert_allclose(values["hidden"], values["output"] * np.tanh(values["cell"]), atol=1e-5)
        for lstm in (model.lstm, model.lstm.to_torch()):
            with torch.no_grad():
                _, (h, c) = lstm(inputs)
            np.testing.assert_allclose(values["hidden"][-1], h[layer, 0], atol=1e-5)
            np.testing.assert_allclose(values["cell"][-1], c[layer, 0], atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(values["hidden"], model.lstm(inputs)[0].squeeze(1), atol=1e-5)


def test_gates_are_those_computed_from_the_weights_of_nn_lstm():
    torch_lstm = nn.LSTM(4, 5)
    alphabet = Alphabet("ab")
    model = Model(4, 5, 4, 1)
    model.lstm = MyLSTM.from_torch(torch_lstm)
    steps = cell_steps(model, alphabet, "abba", 0)
    h = np.zeros(5)
    with torch.no_grad():
        inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode("abba")])[:, 0].numpy()
        weights = [getattr(torch_lstm, f"{name}_l0").numpy() for name in ("weight_ih", "weight_hh")]
        bias = (torch_lstm.bias_ih_l0 + torch_lstm.bias_hh_l0).numpy()
    for t, x in enumerate(inputs):
        z = weights[0] @ x + weights[1] @ h + bias
        i, f, g, o = z.reshape(4, 5)
        for name, gate in (("input", i), ("forget", f), ("output", o)):
            np.testing.assert_allclose(steps.values[name][t], 1 / (1 + np.exp(-gate)), atol=1e-5)
        np.testing.assert_allclose(steps.values["candidate"][t], np.tanh(g), atol=1e-5)
        h = steps.values["hidden"][t]


@pytest.mark.slow
def test_characters_and_predictions_are_aligned_with_the_steps(trained):
    model, alphabet, sentence = trained
    steps = cell_steps(model, alphabet, sentence, 0)
    characters = graphemes(sentence)
    assert steps.inputs == ["", *characters]
    assert steps.targets == [*characters, ""]
    assert steps.predictions == steps.targets, "the model has learned the sentence"
    np.testing.assert_array_equal(steps.probabilities, teacher_forced(model, alphabet, sentence).max(axis=1))


def test_a_long_sentence_and_a_wide_layer_are_cut_off_but_means_are_over_all_units():
    sentence = "abcdefghij" * (MAX_CHARACTERS // 10 + 5)
    model, alphabet = model_of(sentence, MAX_UNITS + 8, 1)
    steps = cell_steps(model, alphabet, sentence, 0)
    assert len(steps.inputs) == len(steps.targets) == len(steps.predictions) == MAX_CHARACTERS + 1
    assert steps.targets[-1] == "a", "the sentence goes on"
    assert steps.units == MAX_UNITS + 8
    hidden = model.lstm(alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)]))[0][: MAX_CHARACTERS + 1, 0]
    np.testing.assert_allclose(steps.values["hidden"], hidden[:, :MAX_UNITS].detach(), atol=1e-5)
    np.testing.assert_allclose(steps.means["hidden"], hidden.mean(dim=1).detach(), atol=1e-5)


def test_there_is_no_layer_beyond_the_last():
    model, alphabet = model_of("ab", 2, 2)
    with pytest.raises(IndexError):
        cell_steps(model, alphabet, "ab", 2)


def test_code_lines_are_lines_of_the_file_and_every_part_of_a_stage_is_found_once():
    file = inspect.getsourcefile(MyLSTMCell)
    with open(file, encoding="utf-8") as opened:
        source = opened.read().splitlines()
    lines = code_lines()
    for number, text, _ in lines:
        assert source[number - 1].strip().startswith(text)
    for stage, parts in STAGES.items():
        marked = [text[slice(*marks[stage])] for _, text, marks in lines if stage in marks]
        assert marked == list(parts)
