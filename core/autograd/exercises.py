"""Exercises: a student types an operation's backward rule, which is checked with finite differences.

    grade(EXERCISES["mul"], "a", "grad*a")   ->   CounterExample(values={"a": 1.8, ...}, expected=0.77, got=-1.26, ...)
    grade(EXERCISES["mul"], "a", "b*grad")   ->   None: correct, in whatever form it is written

Questions, answers and solutions are formulas of the safe language of `core.autograd.expression`.
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
    """An operation whose backward rule is to be found.

    Attributes:
        name: Name of the operation.
        setting: What the operation is, in a sentence.
        formula: What it computes, in LaTeX.
        loss: Its results times the gradient `grad` that arrives at each. The derivative of this formula with respect
            to an input is the gradient that the operation passes to that input.
        solutions: A correct answer for each input that is asked for.
        hint: A hint.
        code: The operation in this project.
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
        """The names that an answer may use."""
        return parse(self.loss).names


@dataclass(frozen=True)
class CounterExample:
    """Values for which an answer is wrong.

    Attributes:
        values: The value of each name.
        expected: The correct gradient.
        got: The value of the answer; None if it has none.
        note: What the values reveal about the mistake, as a sentence; may be empty.
    """

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
            hint="It is a product, a·a, in which a is used twice. Gradients along two paths are added.",
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
            setting="One input, one output, and a batch of two examples, each with its own gradient.",
            formula=r"\text{out}_1 = x_1 \cdot w + b \qquad \text{out}_2 = x_2 \cdot w + b",
            loss="(x1*w + b)*grad1 + (x2*w + b)*grad2",
            solutions={"x1": "grad1*w", "w": "grad1*x1 + grad2*x2", "b": "grad1 + grad2"},
            hint="Which of the two results does x1 affect? And w and b? Every path adds a contribution.",
            code=F.linear,
        ),
        Exercise(
            name="cross_entropy",
            setting="The logits of three classes; the first class is correct. The graph ends here, so no grad arrives.",
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
            setting="The cell state of an LSTM; f, i and g are the values before their activation functions.",
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
    """Compare an answer, the gradient passed to input `name`, with finite differences at random values.

    Returns a counterexample, or None if the answer is correct. Raises ExpressionError, with the position of the
    mistake, if the answer is not a formula or uses unknown names.
    """
    loss, formula = parse(exercise.loss), parse(answer)
    check_names(formula, loss.names)
    rng = np.random.default_rng(0)
    wrong, without_grad = [], True
    for _ in range(TEST_POINTS):
        values = {name: random_value(rng) for name in loss.names}
        expected = float(central_differences(loss, values)[name])
        try:
            got = formula.graph(values).result.item()
        except ExpressionError as error:
            return CounterExample(values, expected, None, str(error))
        if not np.isclose(got, expected, rtol=1e-5, atol=1e-6):
            wrong.append(CounterExample(values, expected, got))
        without_grad &= bool(np.isclose(got * values.get("grad", 1), expected, rtol=1e-5, atol=1e-6))
    if not wrong:
        return None
    note = "This is the local derivative only: the chain rule multiplies it by the incoming gradient, grad."
    return replace(wrong[0], note=note) if without_grad else wrong[0]


def random_value(rng: np.random.Generator) -> float:
    """Draw a number from ±0.2 to ±2.0 in tenths: easy to check by hand, and away from the kink of relu."""
    return float(rng.integers(2, 21) * rng.choice([-1, 1]) / 10)


def check_names(formula: Expression, known: tuple[str, ...]) -> None:
    """Raise ExpressionError at the first name that the exercise does not have."""
    for node in walk(formula.tree):
        if isinstance(node, Name) and node.name not in known:
            raise ExpressionError(
                f"There is no {node.name} in this exercise. Use {', '.join(known)}.",
                *(formula.text, node.start, node.end),
            )
