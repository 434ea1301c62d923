"""Exercises: a student types a formula, which is checked with numbers at random points.

    grade(EXERCISES["mul"], "a", "grad*a")   ->   CounterExample(values={"a": 1.8, ...}, expected=0.77, got=-1.26, ...)
    grade(EXERCISES["mul"], "a", "b*grad")   ->   None: correct, in whatever form it is written

Most ask for an operation's backward rule, which is compared with finite differences. The others ask for results of this
project's code, with which the answer is compared. Questions, answers and solutions are formulas of the safe language of
`core.autograd.expression`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.autograd import functional as F
from core.autograd.expression import Expression, ExpressionError, Name, parse, walk
from core.autograd.gradcheck import central_differences
from core.autograd.nn import Linear
from core.autograd.optim import SGD
from core.autograd.tensor import Tensor
from core.memorize.lstm import MyLSTMCell

TEST_POINTS = 50


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What a student is to find, as formulas.

    Attributes:
        name: Name of the exercise.
        setting: What is computed, in a sentence.
        formula: The same, in LaTeX.
        solutions: A correct answer for each result that is asked for.
        hint: A hint.
        code: The code of this project that computes it.
        question: What is asked.
        result: What one result is called, with {} for its name.
        reference: What answers are compared with.
    """

    name: str
    setting: str
    formula: str
    solutions: dict[str, str]
    hint: str
    code: Callable
    question: str = "Which gradient does it pass to each input?"
    result: str = "the gradient of {}"
    reference: str = "finite differences"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that an answer may use."""
        raise NotImplementedError

    def random_values(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw a value for each name."""
        return {name: random_value(rng) for name in self.names}

    def expected(self, name: str, values: Mapping[str, float]) -> float:
        """Return the correct result of this name for these values."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class BackwardRule(Exercise):
    """An operation whose backward rule is to be found.

    Attributes:
        loss: Its results times the gradient `grad` that arrives at each. The derivative of this formula with respect
            to an input is the gradient that the operation passes to that input.
    """

    loss: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the formula of the loss."""
        return parse(self.loss).names

    def expected(self, name: str, values: Mapping[str, float]) -> float:
        """Return the derivative of the loss with respect to this name, by finite differences."""
        return float(central_differences(parse(self.loss), values)[name])


@dataclass(frozen=True, kw_only=True)
class ResultOfCode(Exercise):
    """Results that the code of this project computes.

    Attributes:
        given: The names that an answer may use.
        compute: Computes all results for a value of each name.
        draw: Draws one value.
    """

    given: tuple[str, ...]
    compute: Callable[..., dict[str, float]]
    draw: Callable[[np.random.Generator], float]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are given."""
        return self.given

    def random_values(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw a value for each name."""
        return {name: self.draw(rng) for name in self.given}

    def expected(self, name: str, values: Mapping[str, float]) -> float:
        """Return what the code computes."""
        return self.compute(**values)[name]


@dataclass(frozen=True)
class CounterExample:
    """Values for which an answer is wrong.

    Attributes:
        values: The value of each name.
        expected: The correct result.
        got: The value of the answer; None if it has none.
        note: What the values reveal about the mistake, as a sentence; may be empty.
    """

    values: dict[str, float]
    expected: float
    got: float | None
    note: str = ""


def random_value(rng: np.random.Generator) -> float:
    """Draw a number from ±0.2 to ±2.0 in tenths: easy to check by hand, and away from the kink of relu."""
    return float(rng.integers(2, 21) * rng.choice([-1, 1]) / 10)


def random_fraction(rng: np.random.Generator) -> float:
    """Draw a number from 0.1 to 0.9 in tenths."""
    return float(rng.integers(1, 10) / 10)


def random_size(rng: np.random.Generator) -> float:
    """Draw a whole number from 2 to 20."""
    return float(rng.integers(2, 21))


def two_momentum_steps(g1: float, g2: float, momentum: float, lr: float) -> dict[str, float]:
    """Make two steps from p = 0 with the project's optimizer, with the gradients g1 and g2."""
    parameter = Tensor([0.0], requires_grad=True)
    optimizer = SGD([parameter], lr, momentum)
    for gradient in (g1, g2):
        parameter.grad = np.array([gradient])
        optimizer.step()
    return {"v": float(optimizer.velocities[0][0]), "p": float(parameter.data[0])}


def linear_shapes(batch: float, inputs: float, outputs: float) -> dict[str, float]:
    """Run a linear layer of this size on a batch and count what comes out and what flows back."""
    layer = Linear(int(inputs), int(outputs), np.random.default_rng(0))
    x = Tensor(np.ones((int(batch), int(inputs))), requires_grad=True)
    out = layer(x)
    out.sum().backward()
    gradients = [tensor.grad for tensor in (*layer.parameters(), x) if tensor.grad is not None]
    return {
        "out, rows": float(out.shape[0]),
        "out, columns": float(out.shape[1]),
        "parameters": float(sum(parameter.data.size for parameter in layer.parameters())),
        "numbers in all gradients": float(sum(gradient.size for gradient in gradients)),
    }


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        BackwardRule(
            name="add",
            setting="A sum of two numbers.",
            formula=r"\text{out} = a + b",
            loss="(a + b)*grad",
            solutions={"a": "grad", "b": "grad"},
            hint="If a grows by a tiny ε, by how much does out grow?",
            code=F.add,
        ),
        BackwardRule(
            name="mul",
            setting="A product of two numbers.",
            formula=r"\text{out} = a \cdot b",
            loss="a*b*grad",
            solutions={"a": "grad*b", "b": "grad*a"},
            hint="If a grows by a tiny ε, out grows by b·ε.",
            code=F.mul,
        ),
        BackwardRule(
            name="pow_two",
            setting="A square.",
            formula=r"\text{out} = a^2",
            loss="a**2*grad",
            solutions={"a": "grad*2*a"},
            hint="It is a product, a·a, in which a is used twice. Gradients along two paths are added.",
            code=F.pow_two,
        ),
        BackwardRule(
            name="relu",
            setting="Negative inputs give 0.",
            formula=r"\text{out} = \max(a, 0)",
            loss="relu(a)*grad",
            solutions={"a": "grad*step(a)"},
            hint="How steep is it on each side of 0? `step(a)` is 1 where a > 0, and 0 elsewhere.",
            code=F.relu,
        ),
        BackwardRule(
            name="linear",
            setting="One input, one output, and a batch of two examples, each with its own gradient.",
            formula=r"\text{out}_1 = x_1 \cdot w + b \qquad \text{out}_2 = x_2 \cdot w + b",
            loss="(x1*w + b)*grad1 + (x2*w + b)*grad2",
            solutions={"x1": "grad1*w", "w": "grad1*x1 + grad2*x2", "b": "grad1 + grad2"},
            hint="Which of the two results does x1 affect? And w and b? Every path adds a contribution.",
            code=F.linear,
        ),
        BackwardRule(
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
        BackwardRule(
            name="softmax",
            setting="Softmax with cross-entropy for two classes. Their targets are t and 1 − t.",
            formula=r"\text{loss} = -t \ln \frac{e^a}{e^a + e^b} - (1 - t) \ln \frac{e^b}{e^a + e^b}",
            loss="-t*log(exp(a)/(exp(a) + exp(b))) - (1 - t)*log(exp(b)/(exp(a) + exp(b)))",
            solutions={"a": "exp(a)/(exp(a) + exp(b)) - t", "b": "exp(b)/(exp(a) + exp(b)) - (1 - t)"},
            hint="The result is short: compare the probability that softmax gives to a class with its target.",
            code=F.cross_entropy,
        ),
        BackwardRule(
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
        BackwardRule(
            name="forget gate",
            setting="The forget gate of an LSTM scales the old cell state c; x is the input and h the hidden state.",
            formula=r"\text{out} = \sigma(w \cdot x + u \cdot h) \cdot c",
            loss="sigmoid(w*x + u*h)*c*grad",
            solutions={
                "w": "grad*c*sigmoid(w*x + u*h)*(1 - sigmoid(w*x + u*h))*x",
                "u": "grad*c*sigmoid(w*x + u*h)*(1 - sigmoid(w*x + u*h))*h",
                "c": "grad*sigmoid(w*x + u*h)",
            },
            hint="Go backwards: through the product with c, through σ, whose slope is σ·(1 − σ), then through the sum.",
            code=MyLSTMCell.step,
        ),
        BackwardRule(
            name="output gate",
            setting="The output gate of an LSTM; o is the value before its activation function.",
            formula=r"\text{out} = \sigma(o) \cdot \tanh(c)",
            loss="sigmoid(o)*tanh(c)*grad",
            solutions={
                "o": "grad*tanh(c)*sigmoid(o)*(1 - sigmoid(o))",
                "c": "grad*sigmoid(o)*(1 - tanh(c)**2)",
            },
            hint="It is a product of two factors. Each gets the other factor, times its own slope.",
            code=MyLSTMCell.step,
        ),
        ResultOfCode(
            name="momentum",
            setting="Two steps of gradient descent with momentum, with the gradients g1 and g2, from v = 0 and p = 0.",
            formula=r"v \leftarrow \text{momentum} \cdot v + g \qquad p \leftarrow p - \text{lr} \cdot v",
            solutions={"v": "momentum*g1 + g2", "p": "-lr*(g1 + momentum*g1 + g2)"},
            hint="After the first step, v = g1 and p = −lr·g1. Insert both into the second step.",
            code=SGD,
            question="What are v and p after both steps?",
            result="{}",
            reference="the optimizer's own steps",
            given=("g1", "g2", "momentum", "lr"),
            compute=two_momentum_steps,
            draw=random_fraction,
        ),
        ResultOfCode(
            name="shapes",
            setting="A linear layer receives a batch of examples, one per row.",
            formula=r"\text{out} = x W + b \qquad x: (\text{batch}, \text{inputs}) \qquad "
            r"W: (\text{inputs}, \text{outputs})",
            solutions={
                "out, rows": "batch",
                "out, columns": "outputs",
                "parameters": "inputs*outputs + outputs",
                "numbers in all gradients": "inputs*outputs + outputs + batch*inputs",
            },
            hint="A gradient has the shape of what it belongs to. Here W, b and x each get one.",
            code=Linear,
            question="How many are there?",
            result="{}",
            reference="the layer itself",
            given=("batch", "inputs", "outputs"),
            compute=linear_shapes,
            draw=random_size,
        ),
    )
}


def grade(exercise: Exercise, name: str, answer: str) -> CounterExample | None:
    """Compare an answer, the result of this name, with the correct one at random values.

    Returns a counterexample, or None if the answer is correct. Raises ExpressionError, with the position of the
    mistake, if the answer is not a formula or uses unknown names.
    """
    formula = parse(answer)
    check_names(formula, exercise.names)
    rng = np.random.default_rng(0)
    wrong, without_grad = [], "grad" in exercise.names
    for _ in range(TEST_POINTS):
        values = exercise.random_values(rng)
        expected = exercise.expected(name, values)
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


def check_names(formula: Expression, known: tuple[str, ...]) -> None:
    """Raise ExpressionError at the first name that the exercise does not have."""
    for node in walk(formula.tree):
        if isinstance(node, Name) and node.name not in known:
            raise ExpressionError(
                f"There is no {node.name} in this exercise. Use {', '.join(known)}.",
                *(formula.text, node.start, node.end),
            )
