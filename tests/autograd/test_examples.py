"""The neuron, the layer and the network of the Autograd page: gradients and training."""

import numpy as np
import pytest
import torch

from core.autograd.examples import NETWORKS, train
from core.autograd.gradcheck import numeric_gradient
from core.autograd.tensor import Tensor


@pytest.fixture(params=NETWORKS)
def example(request):
    """(network, batch), with initial weights for which no unit is dead."""
    make, batch = NETWORKS[request.param]
    return make(np.random.default_rng(1)), batch


def test_gradients_match_finite_differences(example):
    network, batch = example

    def loss() -> Tensor:
        return network(Tensor(batch.x), batch.targets)

    loss().backward()
    for name, parameter in network.named_parameters():
        numeric = numeric_gradient(lambda: loss().item(), parameter.data)
        np.testing.assert_allclose(parameter.grad, numeric, rtol=1e-6, atol=1e-8, err_msg=name)
        assert parameter.grad.any(), name


def test_intermediate_results_have_a_row_per_example_and_the_loss_is_the_last(example):
    network, batch = example
    results = network.results(Tensor(batch.x), batch.targets)
    assert list(results)[-1] == "loss"
    assert results["loss"].shape == ()
    assert {tensor.shape[0] for name, tensor in results.items() if name != "loss"} == {len(batch.x)}


def test_training_steps_match_pytorch(example):
    network, batch = example
    layers = [
        [torch.tensor(p.data.copy(), requires_grad=True) for p in layer.parameters()] for _, layer in network.children()
    ]
    x, targets = torch.tensor(batch.x), torch.tensor(batch.targets)
    expected = []
    for _ in range(6):
        if len(layers) == 1:
            out = torch.relu(x @ layers[0][0] + layers[0][1])
        else:
            out = torch.relu(x @ layers[0][0] + layers[0][1]) @ layers[1][0] + layers[1][1]
        one_number = targets.shape == out.shape
        loss = ((out - targets) ** 2).mean() if one_number else torch.nn.functional.cross_entropy(out, targets)
        expected.append(loss.item())
        parameters = [parameter for layer in layers for parameter in layer]
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.data -= 0.1 * gradient
    assert train(network, batch, 0.1, 5) == pytest.approx(expected, rel=1e-12)


def test_training_lowers_the_loss_at_every_step(example):
    network, batch = example
    losses = train(network, batch, 0.1, 40)
    assert len(losses) == 41
    assert losses[-1] < 0.8 * losses[0]
    assert losses == sorted(losses, reverse=True)
