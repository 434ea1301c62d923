"""Exercises: equivalent answers are accepted, mistakes get a counterexample, and the solutions match the code."""

import numpy as np
import pytest
import torch

from core.autograd import functional as F
from core.autograd.exercises import EXERCISES, TEST_POINTS, grade
from core.autograd.expression import ExpressionError, parse
from core.autograd.tensor import Tensor
from core.memorize.lstm import MyLSTMCell

CORRECT = [
    ("add", "a", "grad"),
    ("add", "b", "1*grad + 0*a"),
    ("mul", "a", "b*grad"),
    ("mul", "b", "a*b*grad/b"),
    ("mul", "b", "mul(grad, a)"),
    ("pow_two", "a", "2*a*grad"),
    ("pow_two", "a", "a*grad + grad*a"),
    ("pow_two", "a", "grad*(a + a)"),
    ("relu", "a", "step(a)*grad"),
    ("relu", "a", "grad*relu(a)/a"),
    ("relu", "a", "grad*(a + abs(a))/(2*a)"),
    ("linear", "x1", "w*grad1"),
    ("linear", "w", "x2*grad2 + x1*grad1"),
    ("linear", "b", "grad2 + grad1"),
    ("cross_entropy", "a", "-(exp(b) + exp(c))/(exp(a) + exp(b) + exp(c))"),
    ("cross_entropy", "a", "1/(1 + exp(b - a) + exp(c - a)) - 1"),
    ("cross_entropy", "b", "exp(b - log(exp(a) + exp(b) + exp(c)))"),
    ("cell update", "c", "grad/(1 + exp(-f))"),
    ("cell update", "f", "grad*c*sigmoid(f)*sigmoid(-f)"),
    ("cell update", "i", "grad*tanh(g)*(sigmoid(i) - sigmoid(i)**2)"),
    ("cell update", "g", "grad*sigmoid(i)*(1 - tanh(g))*(1 + tanh(g))"),
    ("softmax", "a", "1/(1 + exp(b - a)) - t"),
    ("softmax", "b", "t - exp(a)/(exp(a) + exp(b))"),
    ("forget gate", "w", "grad*c*x*sigmoid(w*x + u*h)*sigmoid(-w*x - u*h)"),
    ("forget gate", "c", "grad/(1 + exp(-(w*x + u*h)))"),
    ("output gate", "o", "grad*tanh(c)*sigmoid(o)*sigmoid(-o)"),
    ("momentum", "v", "g2 + g1*momentum"),
    ("momentum", "p", "-lr*g1 - lr*(momentum*g1 + g2)"),
    ("shapes", "parameters", "(inputs + 1)*outputs"),
    ("shapes", "numbers in all gradients", "outputs*(1 + inputs) + inputs*batch"),
]

INCORRECT = [
    ("add", "a", "a"),
    ("add", "a", "grad + a"),
    ("mul", "a", "grad*a"),
    ("mul", "a", "grad + b"),
    ("mul", "b", "grad*a*b"),
    ("pow_two", "a", "grad*a"),
    ("pow_two", "a", "grad*a**2"),
    ("relu", "a", "grad"),
    ("relu", "a", "relu(grad)"),
    ("relu", "a", "grad*step(grad)"),
    ("relu", "a", "grad*relu(a)"),
    ("linear", "x1", "(grad1 + grad2)*w"),
    ("linear", "w", "grad1*x1"),
    ("linear", "w", "(grad1*x1 + grad2*x2)/2"),
    ("linear", "b", "grad1"),
    ("linear", "b", "(grad1 + grad2)/2"),
    ("cross_entropy", "a", "exp(a)/(exp(a) + exp(b) + exp(c))"),
    ("cross_entropy", "a", "1 - exp(a)/(exp(a) + exp(b) + exp(c))"),
    ("cross_entropy", "b", "exp(b)/(exp(a) + exp(b) + exp(c)) - 1"),
    ("cell update", "c", "grad*f"),
    ("cell update", "f", "grad*c*(1 - sigmoid(f))"),
    ("cell update", "i", "grad*g*sigmoid(i)*(1 - sigmoid(i))"),
    ("cell update", "g", "grad*sigmoid(i)*tanh(g)"),
    ("softmax", "a", "exp(a)/(exp(a) + exp(b))"),
    ("softmax", "b", "exp(b)/(exp(a) + exp(b)) - t"),
    ("forget gate", "w", "grad*c*sigmoid(w*x + u*h)*x"),
    ("forget gate", "u", "grad*sigmoid(w*x + u*h)*(1 - sigmoid(w*x + u*h))*h"),
    ("output gate", "c", "grad*sigmoid(o)"),
]

WRONG_RESULTS = [
    ("momentum", "v", "g1 + g2", "the step without momentum's factor"),
    ("momentum", "p", "-lr*(momentum*g1 + g2)", "only the second step"),
    ("momentum", "p", "lr*(g1 + momentum*g1 + g2)", "uphill"),
    ("shapes", "out, rows", "inputs", ""),
    ("shapes", "out, columns", "batch", ""),
    ("shapes", "parameters", "inputs*outputs", "without the bias"),
    ("shapes", "parameters", "batch*inputs*outputs + outputs", "one set per example"),
    ("shapes", "numbers in all gradients", "inputs*outputs + outputs", "without the gradient of x"),
]


@pytest.mark.parametrize(
    ("exercise", "name", "answer"),
    [(e.name, name, solution) for e in EXERCISES.values() for name, solution in e.solutions.items()] + CORRECT,
)
def test_correct_answers_are_accepted_in_any_form(exercise, name, answer):
    assert grade(EXERCISES[exercise], name, answer) is None


@pytest.mark.slow
@pytest.mark.parametrize(("exercise", "name", "answer"), INCORRECT)
def test_mistakes_get_a_valid_counterexample(exercise, name, answer):
    exercise = EXERCISES[exercise]
    wrong = grade(exercise, name, answer)
    assert wrong.got == parse(answer).graph(wrong.values).result.item()
    truth = parse(exercise.loss).graph(wrong.values).backward()[name]  # these are all backward rules
    assert wrong.expected == pytest.approx(truth, abs=1e-7)
    assert abs(wrong.got - truth) > 1e-6
    assert set(wrong.values) == set(exercise.names)


@pytest.mark.parametrize(("exercise", "name", "answer", "_mistake"), WRONG_RESULTS)
def test_wrong_results_of_code_get_a_counterexample(exercise, name, answer, _mistake):
    exercise = EXERCISES[exercise]
    wrong = grade(exercise, name, answer)
    assert wrong.got == parse(answer).graph(wrong.values).result.item()
    assert wrong.expected == pytest.approx(parse(exercise.solutions[name]).graph(wrong.values).result.item())
    assert abs(wrong.got - wrong.expected) > 1e-6
    assert wrong.note == ""


@pytest.mark.parametrize(
    ("exercise", "name", "slope"),
    [("add", "a", "1"), ("mul", "a", "b"), ("pow_two", "a", "2*a"), ("relu", "a", "step(a)")],
)
def test_a_missing_grad_is_mentioned(exercise, name, slope):
    assert "multiplies it by the incoming gradient, grad" in grade(EXERCISES[exercise], name, slope).note
    assert grade(EXERCISES[exercise], name, f"3*({slope})").note == ""


def test_an_answer_that_is_undefined_gets_a_counterexample_with_the_reason():
    wrong = grade(EXERCISES["mul"], "a", "grad*b*log(a)/log(a)")
    assert wrong.got is None
    assert wrong.values["a"] < 0
    assert "greater than 0" in wrong.note


@pytest.mark.parametrize(
    ("answer", "sentence", "place"),
    [
        ("", "Type a formula", ""),
        ("grad*", "missing at the end", ""),
        ("grad b", "operator is missing", "b"),
        ("grad*x", "There is no x in this exercise. Use a, b, grad.", "x"),
        ("eval(a)", "eval is not a function here", "eval"),
        ("grad*" + "b" * 300, "at most 200 characters", ""),
        ("grаd", "names are made of", "а"),  # a Cyrillic letter
    ],
)
def test_an_invalid_answer_raises_an_error_with_the_position(answer, sentence, place):
    with pytest.raises(ExpressionError) as caught:
        grade(EXERCISES["mul"], "a", answer)
    assert sentence in str(caught.value)
    if place:
        assert answer[caught.value.start : caught.value.end] == place


def passed_on(exercise: str, name: str, values: dict[str, float]) -> float:
    solution = parse(EXERCISES[exercise].solutions[name])
    return solution.graph(values).result.item()


def test_solutions_of_linear_match_the_engine():
    values = {"x1": 1.5, "x2": -0.5, "w": 2.0, "b": 0.3, "grad1": 0.7, "grad2": -1.2}
    x = Tensor([[values["x1"]], [values["x2"]]], requires_grad=True)
    w, b = Tensor([[values["w"]]], requires_grad=True), Tensor([values["b"]], requires_grad=True)
    F.linear(x, w, b).backward([[values["grad1"]], [values["grad2"]]])
    for name, gradient in {"x1": x.grad[0], "w": w.grad, "b": b.grad}.items():
        assert passed_on("linear", name, values) == pytest.approx(gradient.item())


def test_solutions_of_cross_entropy_match_the_engine():
    logits = Tensor([[0.5, -1.0, 2.0]], requires_grad=True)
    F.cross_entropy(logits, np.array([0])).backward()
    values = dict(zip("abc", logits.data[0], strict=True))
    assert passed_on("cross_entropy", "a", values) == pytest.approx(logits.grad[0, 0])
    assert passed_on("cross_entropy", "b", values) == pytest.approx(logits.grad[0, 1])


@pytest.mark.parametrize("exercise", ["add", "mul", "pow_two", "relu"])
@pytest.mark.parametrize("a", [1.5, -0.5])
def test_solutions_of_the_other_operations_match_the_engine(exercise, a):
    leaves = {name: Tensor(value, requires_grad=True) for name, value in (("a", a), ("b", 2.0))}
    names = EXERCISES[exercise].solutions
    EXERCISES[exercise].code(*(leaves[name] for name in names)).backward(3.0)
    for name in names:
        assert passed_on(exercise, name, {"a": a, "b": 2.0, "grad": 3.0}) == pytest.approx(leaves[name].grad.item())


def test_solutions_of_the_cell_update_match_the_lstm():
    cell = MyLSTMCell(1, 1).double()
    values = {"f": 0.7, "i": -0.4, "g": 0.9, "c": 1.2, "grad": -1.5}
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih.copy_(torch.tensor([values["i"], values["f"], values["g"], 0.0]))
    c = torch.tensor([[values["c"]]], dtype=torch.float64, requires_grad=True)
    _, new = cell(torch.zeros(1, 1, dtype=torch.float64), (torch.zeros(1, 1, dtype=torch.float64), c))
    (values["grad"] * new).sum().backward()
    i, f, g, _ = cell.bias_ih.grad.tolist()
    for name, gradient in {"c": c.grad.item(), "i": i, "f": f, "g": g}.items():
        assert passed_on("cell update", name, values) == pytest.approx(gradient)


def test_solutions_of_the_gates_match_the_lstm():
    cell = MyLSTMCell(1, 1).double()
    values = {"w": 0.7, "x": -1.2, "u": 0.4, "h": 1.1, "c": 0.9, "o": 0.3, "grad": 0.6}
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_ih[1], cell.weight_hh[1] = values["w"], values["u"]  # gate order i, f, g, o
    x, h, c = (torch.tensor([[values[name]]], dtype=torch.float64, requires_grad=True) for name in "xhc")
    _, new = cell(x, (h, c))  # the input gate lets tanh(0) = 0 in, so only the forget gate matters
    (values["grad"] * new).sum().backward()
    gradients = {"w": cell.weight_ih.grad[1].item(), "u": cell.weight_hh.grad[1].item(), "c": c.grad.item()}
    for name, gradient in gradients.items():
        assert passed_on("forget gate", name, values) == pytest.approx(gradient)


def test_solutions_of_softmax_match_pytorch():
    values = {"a": 0.5, "b": -1.0, "t": 0.3}
    logits = torch.tensor([[values["a"], values["b"]]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[values["t"], 1 - values["t"]]], dtype=torch.float64)
    torch.nn.functional.cross_entropy(logits, target).backward()
    for name, gradient in zip("ab", logits.grad[0].tolist(), strict=True):
        assert passed_on("softmax", name, values) == pytest.approx(gradient)


@pytest.mark.slow
def test_solutions_of_momentum_match_pytorch():
    values = {"g1": 0.7, "g2": -1.3, "momentum": 0.9, "lr": 0.2}
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], values["lr"], values["momentum"])
    for name in ("g1", "g2"):
        parameter.grad = torch.tensor([values[name]], dtype=torch.float64)
        optimizer.step()
    assert passed_on("momentum", "p", values) == pytest.approx(parameter.item())
    assert passed_on("momentum", "v", values) == pytest.approx(optimizer.state[parameter]["momentum_buffer"].item())


def test_exercises_are_complete_and_in_order():
    assert list(EXERCISES) == [
        *("add", "mul", "pow_two", "relu", "linear", "cross_entropy", "softmax"),
        *("cell update", "forget gate", "output gate", "momentum", "shapes"),
    ]
    assert TEST_POINTS >= 20
