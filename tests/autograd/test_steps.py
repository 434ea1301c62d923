"""Forward and backward pass step by step: the numbers are those of backward(), and every contribution is listed."""

import pytest

from core.autograd.expression import parse
from core.autograd.steps import backward_steps, forward_steps

FORMULAS = [
    ("(a**2*b + b)**2", {"a": 2, "b": 3}),
    ("a*a + a", {"a": 3}),
    ("relu(w*x + b)", {"w": 0.5, "x": 3, "b": -1}),
    ("sigmoid(f)*c + sigmoid(i)*tanh(g)", {"f": 1, "c": 0.5, "i": 0, "g": 1}),
    ("(a + b)*(a + b)/(a + b)", {"a": 1, "b": 2}),
    ("a", {"a": 2}),
]


@pytest.mark.parametrize(("text", "values"), FORMULAS)
def test_the_steps_add_up_to_the_gradients_of_backward(text, values):
    graph = parse(text).graph(values)
    steps = backward_steps(graph.result)
    assert all(tensor.grad is None for tensor in graph.result.topological_order()), "no .grad is touched"
    gradients = graph.backward()

    assert [step.tensor for step in steps] == forward_steps(graph.result)[::-1]
    arrived = {graph.result: 1.0}
    for step in steps:
        assert step.incoming == arrived[step.tensor], "a gradient is complete before it is passed on"
        assert step.incoming == step.tensor.grad
        for part in step.contributions:
            assert part.amount == pytest.approx(step.incoming * part.local, rel=1e-12)
            assert part.before == arrived.get(part.parent)
            assert part.after == (part.before or 0) + part.amount
            arrived[part.parent] = part.after
    assert {name: arrived[leaf] for name, leaf in graph.leaves.items()} == pytest.approx(gradients, rel=1e-12)


def test_the_steps_of_a_formula_with_two_variables():
    graph = parse("(a**2*b + b)**2").graph({"a": 2, "b": 3})
    assert [(t.operation, t.item()) for t in forward_steps(graph.result)] == [
        ("pow_two", 4),
        ("mul", 12),
        ("add", 15),
        ("pow_two", 225),
    ]
    flows = [[(part.local, part.amount) for part in step.contributions] for step in backward_steps(graph.result)]
    assert flows == [[(30, 30)], [(1, 30), (1, 30)], [(3, 90), (4, 120)], [(4, 360)]]


def test_gradients_along_two_paths_are_added():
    graph = parse("a*a + a").graph({"a": 3})
    parts = [part for step in backward_steps(graph.result) for part in step.contributions if part.parent.parents == ()]
    assert [(part.before, part.amount, part.after) for part in parts] == [(None, 1, 1), (1, 3, 4), (4, 3, 7)]


def test_numbers_in_the_formula_get_no_gradient():
    graph = parse("2*a + 1").graph({"a": 3})
    assert {part.parent.requires_grad for step in backward_steps(graph.result) for part in step.contributions} == {True}
