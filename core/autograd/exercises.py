"""Exercises: a student types an operation's backward rule, and finite differences tell whether it is right.

    grade(EXERCISES["mul"], "a", "grad*a")   ->   CounterExample(values={"a": -1.2, ...}, expected=0.9, got=-1.8, ...)
    grade(EXERCISES["mul"], "a", "b*grad")   ->   None: it is right, in whatever form it is written

Questions, answers and solutions are all formulas of the safe language (`core.expression`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.autograd import functional as F
from core.autograd.expression import Expression, ExpressionError, Name, parse, walk
from core.autograd.gradcheck import central_differences
from core.memorize.lstm import MyLSTMCell

TEST_POINTS = 50


@dataclass(frozen=True)
class Exercise:
    """An operation whose backward rule is asked for.

    setting: what it is. formula: what it calculates, in LaTeX. loss: what its results add to the loss, where `grad`
    is the gradient that arrives at a result; its derivative by an input is what the operation sends on to that input.
    solutions: for each input that is asked for, one way to write it. code: the operation in the project.
    """

    name: str
    setting: str
    formula: str
    loss: str
    solutions: dict[str, str]
    hint: str
    code: Callable

    @property
    def names(self) -> tuple[str, ...]:
        """What an answer may be made of."""
        return parse(self.loss).names


@dataclass(frozen=True)
class CounterExample:
    """Values at which an answer is wrong. got: None where it has no value. note: what that tells; empty if nothing."""

    values: dict[str, float]
    expected: float
    got: float | None
    note: str = ""


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            name="add",
            setting="A sum of two numbers.",
            formula=r"\text{out} = a + b",
            loss="(a + b)*grad",
            solutions={"a": "grad", "b": "grad"},
            hint="If a grows by a tiny ε, by how much does out grow?",
            code=F.add,
        ),
        Exercise(
            name="mul",
            setting="A product of two numbers.",
            formula=r"\text{out} = a \cdot b",
            loss="a*b*grad",
            solutions={"a": "grad*b", "b": "grad*a"},
            hint="If a grows by a tiny ε, out grows by b·ε.",
            code=F.mul,
        ),
        Exercise(
            name="pow_two",
            setting="A square.",
            formula=r"\text{out} = a^2",
            loss="a**2*grad",
            solutions={"a": "grad*2*a"},
            hint="It is a product, a·a, in which a is used twice. What comes along two paths is added.",
            code=F.pow_two,
        ),
        Exercise(
            name="relu",
            setting="Negative inputs give 0.",
            formula=r"\text{out} = \max(a, 0)",
            loss="relu(a)*grad",
            solutions={"a": "grad*step(a)"},
            hint="How steep is it on each side of 0? `step(a)` is 1 where a > 0, and 0 elsewhere.",
            code=F.relu,
        ),
        Exercise(
            name="linear",
            setting="One input, one output, and a batch of two examples, each with a gradient of its own.",
            formula=r"\text{out}_1 = x_1 \cdot w + b \qquad \text{out}_2 = x_2 \cdot w + b",
            loss="(x1*w + b)*grad1 + (x2*w + b)*grad2",
            solutions={"x1": "grad1*w", "w": "grad1*x1 + grad2*x2", "b": "grad1 + grad2"},
            hint="Which of the two results does x1 reach, and which w and b? Every path brings something.",
            code=F.linear,
        ),
        Exercise(
            name="cross_entropy",
            setting="The logits of three classes; the first is the right one. The graph ends here: no grad arrives.",
            formula=r"\text{loss} = -\ln \frac{e^a}{e^a + e^b + e^c}",
            loss="-log(exp(a)/(exp(a) + exp(b) + exp(c)))",
            solutions={
                "a": "exp(a)/(exp(a) + exp(b) + exp(c)) - 1",
                "b": "exp(b)/(exp(a) + exp(b) + exp(c))",
            },
            hint="Write the loss as −a + ln(eᵃ + eᵇ + eᶜ). The slope of ln x is 1/x.",
            code=F.cross_entropy,
        ),
        Exercise(
            name="cell update",
            setting="The memory of an LSTM; f, i and g have not been through their activations yet.",
            formula=r"\text{out} = \sigma(f) \cdot c + \sigma(i) \cdot \tanh(g)",
            loss="(sigmoid(f)*c + sigmoid(i)*tanh(g))*grad",
            solutions={
                "c": "grad*sigmoid(f)",
                "f": "grad*c*sigmoid(f)*(1 - sigmoid(f))",
                "i": "grad*tanh(g)*sigmoid(i)*(1 - sigmoid(i))",
                "g": "grad*sigmoid(i)*(1 - tanh(g)**2)",
            },
            hint="With s = σ(x), the slope of σ is s·(1 − s). With t = tanh(x), the slope of tanh is 1 − t².",
            code=MyLSTMCell.step,
        ),
    )
}


def grade(exercise: Exercise, name: str, answer: str) -> CounterExample | None:
    """Compare an answer, what goes on to `name`, with finite differences at random inputs. None: it is right.

    Raises ExpressionError, which points at the place, where the answer cannot be understood.
    """
    loss, answered = parse(exercise.loss), parse(answer)
    check_names(answered, loss.names)
    rng = np.random.default_rng(0)
    wrong, without_grad = [], True
    for _ in range(TEST_POINTS):
        values = {name: random_value(rng) for name in loss.names}
        expected = float(central_differences(loss, values)[name])
        try:
            got = answered.graph(values).result.item()
        except ExpressionError as error:
            return CounterExample(values, expected, None, str(error))
        if not np.isclose(got, expected, rtol=1e-5, atol=1e-6):
            wrong.append(CounterExample(values, expected, got))
        without_grad &= bool(np.isclose(got * values.get("grad", 1), expected, rtol=1e-5, atol=1e-6))
    if not wrong:
        return None
    note = "This is the slope of the operation alone: the chain rule multiplies it by what arrives, grad."
    return replace(wrong[0], note=note) if without_grad else wrong[0]


def random_value(rng: np.random.Generator) -> float:
    """From 0.2 to 2 in size, in tenths, of either sign: easy to follow by hand, and off the kink of relu."""
    return float(rng.integers(2, 21) * rng.choice([-1, 1]) / 10)


def check_names(answered: Expression, known: tuple[str, ...]) -> None:
    """Raise ExpressionError at the first name that the exercise does not have."""
    for node in walk(answered.tree):
        if isinstance(node, Name) and node.name not in known:
            raise ExpressionError(
                f"There is no {node.name} in this exercise: it has {', '.join(known)}.",
                *(answered.text, node.start, node.end),
            )
