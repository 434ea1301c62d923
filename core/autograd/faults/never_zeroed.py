"""A training loop that never calls zero_grad(): it follows the sum of all gradients since the start."""

import numpy as np

from core.autograd.examples import NETWORKS, Batch
from core.autograd.examples import train as right_train
from core.autograd.faults.base import Curves, Fault, Question
from core.autograd.nn import Module
from core.autograd.tensor import Tensor


def train(network: Module, batch: Batch, lr: float, steps: int) -> list[float]:
    """Plain gradient descent on one batch. Returns the loss before each step and after the last."""
    losses = []
    for _ in range(steps):
        loss = network(Tensor(batch.x), batch.targets)["loss"]
        loss.backward()
        network.update(lr)
        losses.append(loss.item())
    return [*losses, network(Tensor(batch.x), batch.targets)["loss"].item()]


def symptom() -> Curves:
    make, batch = NETWORKS["A neuron"]
    right, wrong = (twin(make(np.random.default_rng(1)), batch, 0.1, 40) for twin in (right_train, train))
    return Curves("Step", "Loss", right, wrong)


FAULT = Fault(
    name="never_zeroed",
    title="The descent that climbs up the other side",
    setting="A neuron with two inputs learns one example by gradient descent.",
    look="Both go down at first. Then one of them cannot stop.",
    hint="backward() adds to the gradient that is there. What is there at the second step?",
    right=right_train,
    wrong=train,
    symptom=symptom,
    question=Question(
        "What does the third step of the wrong loop move along?",
        ("g₃", "g₁ + g₂ + g₃", "(g₁ + g₂ + g₃) / 3", "g₁"),
        1,
        "backward() accumulates, because a gradient may come in several parts. So someone has to say when a new one "
        "begins: zero_grad(). Without it old gradients never fade, like momentum without friction.",
    ),
)
