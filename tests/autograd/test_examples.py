"""The neuron, the layer and the network of the Autograd page: their gradients, and how they learn."""

import numpy as np
import pytest
import torch

from core.autograd.examples import NETWORKS, train
from core.autograd.gradcheck import numeric_gradient
from core.autograd.tensor import Tensor


@pytest.fixture(params=NETWORKS)
def made(request):
    """(network, batch), with weights that leave no unit dead."""
    make, batch = NETWORKS[request.param]
    return make(np.random.default_rng(1)), batch


def test_every_gradient_is_what_finite_differences_see(made):
    network, batch = made

    def loss() -> Tensor:
        return network(Tensor(batch.x), batch.targets)["loss"]

    loss().backward()
    for name, parameter in network.named_parameters():
        numeric = numeric_gradient(lambda: loss().item(), parameter.data)
        np.testing.assert_allclose(parameter.grad, numeric, rtol=1e-6, atol=1e-8, err_msg=name)
        assert parameter.grad.any(), name


def test_the_results_have_the_shapes_that_are_told(made):
    network, batch = made
    results = network(Tensor(batch.x), batch.targets)
    assert list(results)[-1] == "loss"
    assert results["loss"].shape == ()
    assert {tensor.shape[0] for name, tensor in results.items() if name != "loss"} == {len(batch.x)}


def test_training_takes_pytorchs_steps(made):
    network, batch = made
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


def test_training_lowers_the_loss(made):
    network, batch = made
    losses = train(network, batch, 0.1, 40)
    assert len(losses) == 41
    assert losses[-1] < 0.8 * losses[0]
    assert losses == sorted(losses, reverse=True)
