"""Modules: their parameters, saving and loading, and training and evaluation mode."""

import numpy as np
import pytest
import torch

from core.autograd import functional as F
from core.autograd.nn import ACTIVATIONS, CrossEntropyLoss, Dropout, Linear, Module, MSELoss, ReLU, Sequential
from core.autograd.tensor import Tensor


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


class Nested(Module):
    """A Module with parameters at every place where they are allowed."""

    def __init__(self):
        self.scale = Tensor(2.0, requires_grad=True)
        self.constant = Tensor(5.0)
        self.first = Linear(2, 3, rng())
        self.blocks = [Sequential(Linear(3, 3, rng()), ReLU()), Dropout(0.5, rng())]
        self.shifts = (Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True))
        self.name = "nested"

    def forward(self, x):
        x = self.first(x) * self.scale + self.shifts[0]
        for block in self.blocks:
            x = block(x)
        return x + self.shifts[1]


NAMES = [
    "scale",
    "shifts.0",
    "shifts.1",
    "first.weight",
    "first.bias",
    "blocks.0.modules.0.weight",
    "blocks.0.modules.0.bias",
]


def test_parameters_are_found_in_attributes_lists_and_submodules():
    model = Nested()
    assert sorted(name for name, _ in model.named_parameters()) == sorted(NAMES)
    assert len(model.parameters()) == len(NAMES)
    model(np.ones((4, 2))).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.constant.grad is None


def test_a_stored_result_is_not_a_parameter():
    model = Nested()
    model.seen = model(np.ones((4, 2)))
    assert model.seen.requires_grad
    assert len(model.parameters()) == len(NAMES)


def test_a_shared_layer_is_listed_once_and_its_gradients_are_summed():
    shared = Linear(3, 3, rng(), np.float64)
    twice = Sequential(shared, shared)
    assert twice.parameters() == [shared.weight, shared.bias]
    x = np.eye(3)
    twice(x).sum().backward()
    weight = shared.weight.data  # d(sum(W W))/dW = 1 Wᵀ + Wᵀ 1, with 1 a matrix of ones
    ones = np.ones((3, 3))
    np.testing.assert_allclose(shared.weight.grad, ones @ weight.T + weight.T @ ones, rtol=1e-12)
    before = weight.copy()
    twice.update(0.1)
    np.testing.assert_allclose(shared.weight.data, before - 0.1 * shared.weight.grad, rtol=1e-12)  # one step, not two


def test_update_steps_against_the_gradient_and_zero_grad_resets_it():
    layer = Linear(2, 1, rng(), np.float64)
    before = layer.weight.data.copy()
    layer(np.array([[1.0, 2.0]])).sum().backward()
    layer.update(lr=0.5)
    np.testing.assert_allclose(layer.weight.data, before - 0.5 * np.array([[1], [2]]), rtol=1e-14)
    assert layer.bias.data == -0.5
    layer.zero_grad()
    assert [parameter.grad for parameter in layer.parameters()] == [None, None]
    layer.update(lr=0.5)  # no gradient, no step
    assert layer.bias.data == -0.5


def test_linear_equals_torch_s_linear_with_the_weight_transposed():
    ours, theirs = Linear(4, 3, rng(), np.float64), torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight[:] = torch.tensor(ours.weight.data.T)
        theirs.bias[:] = torch.tensor([1.0, 2.0, 3.0])
    ours.bias.data[:] = [1, 2, 3]
    x = rng().normal(size=(5, 4))
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-12)


def test_linear_is_initialised_as_in_he_et_al():
    layer = Linear(500, 400, rng())
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    np.testing.assert_allclose(layer.weight.data.std(), np.sqrt(2 / 500), rtol=0.01)
    np.testing.assert_allclose(layer.weight.data.mean(), 0, atol=0.001)
    assert not layer.bias.data.any()


def test_random_numbers_come_from_the_given_generator_not_the_global_one():
    before = np.random.get_state()[1].copy()
    model = Sequential(Linear(3, 4, rng()), Dropout(0.5, rng()), Linear(4, 2))
    model(np.ones((2, 3)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.testing.assert_array_equal(Linear(3, 4, rng()).weight.data, Linear(3, 4, rng()).weight.data)
    assert (Linear(3, 4).weight.data != Linear(3, 4).weight.data).any()


def test_sequential_and_the_loss_equal_the_functions_in_order():
    first, last = Linear(3, 4, rng()), Linear(4, 2, rng())
    x, targets = rng().normal(size=(5, 3)).astype(np.float32), [0, 1, 1, 0, 1]
    logits = Sequential(first, ReLU(), last)(x)
    by_hand = F.linear(F.relu(F.linear(x, first.weight, first.bias)), last.weight, last.bias)
    np.testing.assert_array_equal(logits.data, by_hand.data)
    assert CrossEntropyLoss()(logits, targets).item() == F.cross_entropy(by_hand, targets).item()
    assert MSELoss()(logits, logits.data + 2).item() == 4


# Training and evaluation


def test_train_and_eval_reach_every_module():
    model = Nested()
    inside = [model, model.first, *model.blocks, *model.blocks[0].modules]
    assert model.eval() is model
    assert not any(module.training for module in inside)
    assert model.train() is model
    assert all(module.training for module in inside)


def test_dropout_is_active_in_training_mode_only():
    dropout, x = Dropout(0.4, rng()), Tensor(np.ones((300, 300)))
    trained = dropout(x).data
    np.testing.assert_allclose((trained == 0).mean(), 0.4, atol=0.01)
    np.testing.assert_allclose(trained.mean(), 1, atol=0.02)
    assert (dropout(x).data != trained).any()  # another mask each time
    np.testing.assert_array_equal(dropout.eval()(x).data, x.data)
    np.testing.assert_array_equal(Dropout(0.0)(x).data, x.data)


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_dropout_rejects_values_outside_0_to_1(p):
    with pytest.raises(ValueError, match="dropout must be at least 0 and less than 1, but it is"):
        Dropout(p)


# Saving and loading


def test_a_state_dict_can_be_loaded_into_another_module():
    original, other = Nested(), Nested()
    for parameter in other.parameters():
        parameter.data += 1
    state = original.state_dict()
    assert sorted(state) == sorted(NAMES)
    other.load_state_dict(state)
    x = np.ones((2, 2))
    np.testing.assert_array_equal(other.eval()(x).data, original.eval()(x).data)


def test_saving_and_loading_copy_the_values():
    model = Nested()
    state = model.state_dict()
    model.scale.data += 1
    assert state["scale"] == 2
    model.load_state_dict(state)
    state["shifts.0"] += 100
    assert model.scale.data == 2
    assert model.shifts[0].data == 1


def test_loading_keeps_the_type_of_the_parameters():
    layer = Linear(2, 2, rng(), np.float32)
    layer.load_state_dict({"weight": np.ones((2, 2), np.float64), "bias": [3, 4]})
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    np.testing.assert_array_equal(layer.bias.data, [3, 4])


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"blocks.0.modules.0.bias": None}, KeyError, r"missing parameters: \['blocks.0.modules.0.bias'\]"),
        ({"surprise": np.ones(1)}, KeyError, r"unknown parameters: \['surprise'\]"),
        ({"first.bias": np.ones(4)}, ValueError, r"first.bias must have shape \(3,\), but it has \(4,\)"),
        ({"first.bias": np.ones((3, 1))}, ValueError, r"first.bias must have shape \(3,\), but it has \(3, 1\)"),
        ({"first.bias": np.array(["a", "b", "c"])}, ValueError, "could not convert string"),
    ],
)
def test_a_state_dict_that_does_not_match_is_rejected_and_changes_nothing(change, error, sentence):
    model = Nested()
    before = model.state_dict()
    state = {name: array + 1 for name, array in before.items()} | change
    with pytest.raises(error, match=sentence):
        model.load_state_dict({name: array for name, array in state.items() if array is not None})
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_module_without_forward_raises_an_error():
    with pytest.raises(TypeError, match=r"Module does not define forward\(\)"):
        Module()(1)


@pytest.mark.parametrize(
    ("initialisation", "std"), [("he", 0.1), ("glorot", 2 / 30), ("small", 0.01), ("large", 1.0), ("zero", 0.0)]
)
def test_initial_weights_have_the_standard_deviation_of_their_initialisation(initialisation, std):
    layer = Linear(200, 250, rng(), initialisation=initialisation)
    assert layer.weight.data.std() == pytest.approx(std, rel=0.02)
    assert abs(layer.weight.data.mean()) <= 0.02 * std
    assert (layer.bias.data == 0).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_match_pytorch(name):
    x = np.linspace(-200, 200, 401).reshape(1, -1)
    expected = getattr(torch, name)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(ACTIVATIONS[name]()(Tensor(x)).data, expected, atol=1e-12)
