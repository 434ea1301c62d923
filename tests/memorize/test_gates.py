"""Gates and states, compared with the equations one unit and one step at a time; and the orders of units."""

import math

import numpy as np
import pytest

from core.memorize import Alphabet
from core.memorize.gates import QUANTITIES, Activity, order_by_number, order_by_peak, order_by_similarity, record


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def step_by_step(trained) -> list:
    """Compute the six values of each layer, step and unit, in the order of Activity's fields, with Python floats."""
    model, alphabet, sentence = trained
    hidden_size = model.lstm.hidden_size
    token_ids = [Alphabet.START, *alphabet.encode(sentence)]
    sequence = [[float(token_id == column) for column in range(len(alphabet))] for token_id in token_ids]
    layers = []
    for cell in model.lstm.cells:
        weight_ih, weight_hh = cell.weight_ih.tolist(), cell.weight_hh.tolist()
        bias_ih, bias_hh = cell.bias_ih.tolist(), cell.bias_hh.tolist()

        def before_gate(row, x, h, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh):
            from_x = sum(weight * value for weight, value in zip(weight_ih[row], x, strict=True))
            from_h = sum(weight * value for weight, value in zip(weight_hh[row], h, strict=True))
            return from_x + bias_ih[row] + from_h + bias_hh[row]

        h, c, steps = [0.0] * hidden_size, [0.0] * hidden_size, []
        for x in sequence:
            units = []
            for unit in range(hidden_size):  # PyTorch's order of rows: i, f, g, o
                i = sigmoid(before_gate(unit, x, h))
                f = sigmoid(before_gate(hidden_size + unit, x, h))
                g = math.tanh(before_gate(2 * hidden_size + unit, x, h))
                o = sigmoid(before_gate(3 * hidden_size + unit, x, h))
                cell_state = f * c[unit] + i * g
                units.append([f, i, o, g, cell_state, o * math.tanh(cell_state)])
            c, h = [unit[4] for unit in units], [unit[5] for unit in units]
            steps.append(units)
        layers.append(steps)
        sequence = [[unit[5] for unit in units] for units in steps]
    return layers


def test_every_gate_and_state_of_every_unit_follows_the_equations(half_trained):
    model, alphabet, sentence = half_trained
    activity = record(model, alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)]))
    expected = np.array(step_by_step(half_trained))  # (num_layers, seq_len, hidden_size, 6)
    for index, name in enumerate(QUANTITIES):
        values = getattr(activity, name)
        assert values.shape == (model.lstm.num_layers, 21, 5)
        np.testing.assert_allclose(values, expected[..., index], atol=2e-6, err_msg=name)


def test_recorded_states_are_those_that_the_model_computes(half_trained):
    model, alphabet, sentence = half_trained
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)])
    activity = record(model, inputs)
    hidden, (h, c) = model.lstm(inputs)
    np.testing.assert_allclose(activity.hidden[-1], hidden.detach().squeeze(1), atol=1e-6)
    np.testing.assert_allclose(activity.hidden[:, -1], h.detach().squeeze(1), atol=1e-6)
    np.testing.assert_allclose(activity.cell[:, -1], c.detach().squeeze(1), rtol=1e-6, atol=1e-6)


def test_quantities_are_activity_s_fields_in_order():
    assert QUANTITIES == ("forget", "input", "output", "candidate", "cell", "hidden")
    assert list(Activity.__annotations__) == list(QUANTITIES)


@pytest.mark.parametrize("order", [order_by_similarity, order_by_peak, order_by_number])
@pytest.mark.parametrize("units", [1, 2, 3, 40])
def test_an_order_contains_every_unit_once(order, units):
    values = np.random.default_rng(0).normal(size=(30, units)).astype(np.float32)
    values[:, 0] = 0.5  # a constant unit
    assert sorted(order(values)) == list(range(units))


def test_units_with_similar_activity_become_neighbours():
    rng = np.random.default_rng(3)
    patterns = rng.normal(size=(3, 60))
    groups = rng.permutation(np.arange(12) % 3)
    values = np.stack([patterns[group] * rng.uniform(0.2, 3) + 0.01 * rng.normal(size=60) for group in groups], axis=1)
    ordered = groups[order_by_similarity(values)]
    assert (np.diff(ordered) != 0).sum() == 2, "each group is contiguous"


def test_units_ordered_by_peak_form_a_diagonal():
    peaks = np.random.default_rng(5).permutation(20)
    values = np.zeros((20, 20))
    values[peaks, np.arange(20)] = 1
    assert (values[:, order_by_peak(values)] == np.eye(20)).all()
