"""The Break-it lab: each wrong twin shows its symptom, its right twin does not, and they differ in that alone."""

import ast
import difflib
import inspect
import math
import re
import textwrap
from pathlib import Path

import pytest

from core.autograd.faults import FAULTS, Comparison, Curves
from core.autograd.faults.all_zero import ZeroLinear
from core.autograd.faults.cell_product import ProductCell
from core.autograd.faults.toy_task import TEXT, learn, nothing_remembered, one_hot
from core.autograd.nn import Linear, ReLU, Sequential
from core.autograd.tensor import Tensor
from core.memorize.lstm import run_layer

CORE = Path(__file__).parents[2] / "core"
every_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))


def curves(name: str) -> tuple[list[float], list[float]]:
    symptom = FAULTS[name].symptom()
    assert isinstance(symptom, Curves)
    assert len(symptom.right) == len(symptom.wrong)
    return symptom.right, symptom.wrong


def rows(name: str) -> dict:
    """What was compared, by its label. The right twin agrees everywhere, in every comparison."""
    symptom = FAULTS[name].symptom()
    assert isinstance(symptom, Comparison)
    assert all(row.agrees(row.right) for row in symptom.rows)
    return {row.what: row for row in symptom.rows}


def test_a_product_of_gates_never_learns_more_than_how_often_a_character_comes():
    right, wrong = curves("cell_product")
    assert right[-1] < 0.01
    counts = [TEXT[1:].count(character) for character in sorted(set(TEXT[1:]))]
    entropy = -sum(n / sum(counts) * math.log(n / sum(counts)) for n in counts)
    assert min(wrong) > entropy - 1e-3
    assert wrong[-1] == pytest.approx(entropy, abs=0.01)


def test_a_product_of_gates_keeps_a_cell_state_of_zero():
    cell, _, _ = learn(ProductCell)
    _, (h, c) = run_layer(cell, one_hot(TEXT), nothing_remembered())
    assert not c.any()
    assert not h.any()


def test_a_multiplication_that_adds_is_off_by_one():
    for row in rows("mul_adds").values():
        assert row.wrong == pytest.approx(row.right + 1)


def test_an_early_state_is_seen_when_it_speaks_and_not_in_the_loss():
    loss, said, gap = rows("early_state").values()
    assert loss.wrong == loss.right < 0.01
    assert said.right == TEXT
    assert said.wrong != TEXT
    assert gap.right == 0
    assert gap.wrong > 0.1


def test_an_overwritten_gradient_is_wrong_where_paths_meet():
    found = {what: row.agrees(row.wrong) for what, row in rows("overwritten").items()}
    assert found == {
        "d/dx of x² at 3": True,
        "d/dx of x + x at 3": False,
        "d/dx of x · x at 3": False,
        "d/dx of (2x) · (x + 1) at 3": False,
    }


def test_an_unstable_softmax_is_right_until_it_overflows():
    *small, large = rows("unstable_softmax").values()
    assert all(row.agrees(row.wrong) for row in small)
    assert math.isnan(large.wrong)
    assert large.right == 1000


def test_a_bias_from_one_row_is_right_in_a_batch_of_one():
    for what, row in rows("bias_row").items():
        assert row.agrees(row.wrong) == ("batch of 1" in what or "weight" in what), what


def test_an_open_relu_passes_gradients_where_it_is_shut():
    assert [row.wrong for row in rows("open_relu").values()] == [1, 1, 1, 1]
    assert [row.right for row in rows("open_relu").values()] == [1, 1, 0, 0]


def test_gradients_that_are_never_zeroed_climb_up_again():
    right, wrong = curves("never_zeroed")
    assert right == sorted(right, reverse=True)
    assert right[-1] < 1e-10
    assert wrong[:2] == right[:2], "the first step is the same"
    valley = wrong.index(min(wrong[:5]))
    assert max(wrong[valley:]) > wrong[0]


def test_zero_weights_learn_no_more_than_how_often_a_class_comes():
    right, wrong = curves("all_zero")
    assert right[-1] < 0.1
    assert wrong[-1] == pytest.approx(1.5 * math.log(2))  # the entropy of the classes 0, 1, 2, 1
    assert wrong[0] == pytest.approx(math.log(3))


@pytest.mark.parametrize(("layer", "moving"), [(Linear, [True] * 4), (ZeroLinear, [False, False, False, True])])
def test_of_zero_weights_only_the_last_bias_gets_a_gradient(layer, moving):
    network = Sequential(layer(2, 3), ReLU(), layer(3, 2))
    (network(Tensor([[1.0, 2.0], [-1.0, 1.0]])) * 1.0).sum().backward()
    assert [bool(parameter.grad.any()) for parameter in network.parameters()] == moving


def code_of(twin) -> list[str]:
    """A function's lines without docstring and comments."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(twin)))
    (function,) = tree.body
    if ast.get_docstring(function):
        del function.body[0]
    return ast.unparse(tree).splitlines()


@every_fault
def test_the_twins_differ_in_the_fault_alone(fault):
    lines = difflib.ndiff(code_of(fault.right), code_of(fault.wrong))
    changed = [line for line in lines if line[0] in "+-"]
    assert 1 <= len(changed) <= 4, changed
    assert list(inspect.signature(fault.right).parameters) == list(inspect.signature(fault.wrong).parameters)


@every_fault
def test_the_diff_shows_both_twins_whole(fault):
    lines = fault.diff().splitlines()
    for twin, others in ((fault.right, "+"), (fault.wrong, "-")):
        shown = [line[1:] for line in lines if line[0] != others]
        assert shown == textwrap.dedent(inspect.getsource(twin)).splitlines()


@every_fault
def test_the_wrong_twin_stands_in_a_file_of_its_own_and_the_right_one_is_what_the_project_uses(fault):
    assert fault.wrong.__module__ == f"core.autograd.faults.{fault.name}"
    assert "faults" not in fault.right.__module__


@every_fault
def test_the_question_has_one_answer_and_the_title_does_not_tell(fault):
    question = fault.question
    assert 0 <= question.answer < len(question.options) == len(set(question.options))
    for told in (fault.title, fault.setting, fault.look):
        assert not any(word in told for word in ("zero_grad", "sum over", "overwrit", "initial", "* i *", "subtract"))


def test_a_comparison_notices_what_does_not_agree():
    row = next(iter(rows("mul_adds").values()))
    assert row.agrees(3.0)
    assert not row.agrees(3.001)
    assert not row.agrees(math.nan)
    assert not row.agrees("3")


def test_the_engine_and_the_models_know_nothing_of_faults():
    """They live apart: nothing else in core asks for them, so nothing there can have a switch for one."""
    for path in CORE.rglob("*.py"):
        if path.parent.name != "faults":
            assert not re.search(r"\bcore\.faults\b|\bimport faults\b", path.read_text(encoding="utf-8")), path
