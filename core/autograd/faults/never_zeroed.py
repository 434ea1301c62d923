"""A training loop never calls zero_grad(): it follows the sum of all gradients since the start."""

import numpy as np

from core.autograd.examples import NETWORKS, Batch, Example
from core.autograd.examples import train as correct_train
from core.autograd.faults.base import Curves, Fault, Question
from core.autograd.tensor import Tensor


def train(network: Example, batch: Batch, lr: float, steps: int) -> list[float]:
    """Run gradient descent on one batch. Returns the loss before each step and after the last."""
    losses = []
    for _ in range(steps):
        loss = network(Tensor(batch.x), batch.targets)
        loss.backward()
        network.update(lr)
        losses.append(loss.item())
    return [*losses, network(Tensor(batch.x), batch.targets).item()]


def symptom() -> Curves:
    """Train the same neuron with both loops."""
    make, batch = NETWORKS["Neuron"]
    correct, faulty = (loop(make(np.random.default_rng(1)), batch, 0.1, 40) for loop in (correct_train, train))
    return Curves("Step", "Loss", correct, faulty)


FAULT = Fault(
    name="never_zeroed",
    title="The descent that climbs up the other side",
    setting="A neuron with two inputs learns one example by gradient descent.",
    observation="Both losses fall at first. Then one of them cannot stop.",
    hint="backward() adds to the existing gradient. What is there at the second step?",
    correct=correct_train,
    faulty=train,
    faulty_lines=(
        "loss = network(Tensor(batch.x), batch.targets)",
        "loss.backward()",
        "network.update(lr)",
    ),
    repair=(
        "zero_grad() deletes the gradients of the previous step, so that update() follows the gradient of the "
        "present loss only."
    ),
    symptom=symptom,
    question=Question(
        "Which gradient does the third step of the faulty loop follow?",
        {
            "g₃": (
                "This would be correct, and it is what the loop with zero_grad() does. backward() does not replace "
                "the existing gradient. What does it do?"
            ),
            "g₁ + g₂ + g₃": (
                "backward() accumulates, because a gradient may come in several parts. zero_grad() says when a new "
                "one begins. Without it, old gradients never fade, like momentum without friction."
            ),
            "(g₁ + g₂ + g₃) / 3": "Nothing divides by the number of steps: backward() only adds.",
            "g₁": "backward() is called at every step, and each call changes the gradient. How?",
        },
        answer="g₁ + g₂ + g₃",
    ),
)
