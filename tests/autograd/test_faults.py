"""The Break-it lab: only the faulty code shows the symptom, and it differs from the correct code only in the fault."""

import ast
import difflib
import inspect
import math
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from core.autograd.faults import FAULTS, Comparison, Curves
from core.autograd.faults.all_zero import ZeroLinear
from core.autograd.faults.cell_product import ProductCell
from core.autograd.faults.toy_task import TEXT, learn, one_hot, zero_state
from core.autograd.nn import Linear, ReLU, Sequential
from core.autograd.tensor import Tensor
from core.memorize.lstm import run_layer

CORE = Path(__file__).parents[2] / "core"
every_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))


def curves(name: str) -> tuple[list[float], list[float]]:
    symptom = FAULTS[name].symptom()
    assert isinstance(symptom, Curves)
    assert len(symptom.correct) == len(symptom.faulty)
    return symptom.correct, symptom.faulty


def rows(name: str) -> dict:
    """The rows of a comparison by their labels. In every row, the correct code has the expected value."""
    symptom = FAULTS[name].symptom()
    assert isinstance(symptom, Comparison)
    assert all(row.agrees(row.correct) for row in symptom.rows)
    return {row.label: row for row in symptom.rows}


@pytest.mark.slow
def test_cell_product_learns_only_how_frequent_each_character_is():
    correct, faulty = curves("cell_product")
    assert correct[-1] < 0.01
    counts = [TEXT[1:].count(character) for character in sorted(set(TEXT[1:]))]
    entropy = -sum(n / sum(counts) * math.log(n / sum(counts)) for n in counts)
    assert min(faulty) > entropy - 1e-3
    assert faulty[-1] == pytest.approx(entropy, abs=0.01)


def test_cell_product_has_a_cell_state_of_zero():
    cell, _, _ = learn(ProductCell)
    _, (h, c) = run_layer(cell, one_hot(TEXT), zero_state())
    assert not c.any()
    assert not h.any()


def test_mul_adds_is_off_by_one():
    for row in rows("mul_adds").values():
        assert row.faulty == pytest.approx(row.correct + 1)


def test_early_state_changes_the_generated_text_but_not_the_loss():
    loss, text, gap = rows("early_state").values()
    assert loss.faulty == loss.correct < 0.01
    assert text.correct == TEXT
    assert text.faulty != TEXT
    assert gap.correct == 0
    assert gap.faulty > 0.1


def test_overwritten_is_wrong_where_paths_meet():
    found = {label: row.agrees(row.faulty) for label, row in rows("overwritten").items()}
    assert found == {
        "d/dx of x² at 3": True,
        "d/dx of x + x at 3": False,
        "d/dx of x · x at 3": False,
        "d/dx of (2x) · (x + 1) at 3": False,
    }


def test_unstable_softmax_is_correct_until_it_overflows():
    *small, large = rows("unstable_softmax").values()
    assert all(row.agrees(row.faulty) for row in small)
    assert math.isnan(large.faulty)
    assert large.correct == 1000


def test_bias_row_is_correct_for_a_batch_of_one():
    for label, row in rows("bias_row").items():
        assert row.agrees(row.faulty) == ("batch of 1" in label or "weight" in label), label


def test_open_relu_passes_gradients_where_its_output_is_zero():
    assert [row.faulty for row in rows("open_relu").values()] == [1, 1, 1, 1]
    assert [row.correct for row in rows("open_relu").values()] == [1, 1, 0, 0]


def test_never_zeroed_overshoots_the_minimum():
    correct, faulty = curves("never_zeroed")
    assert correct == sorted(correct, reverse=True)
    assert correct[-1] < 1e-10
    assert faulty[:2] == correct[:2], "the first step is the same"
    valley = faulty.index(min(faulty[:5]))
    assert max(faulty[valley:]) > faulty[0]


def test_all_zero_learns_only_how_frequent_each_class_is():
    correct, faulty = curves("all_zero")
    assert correct[-1] < 0.1
    assert faulty[-1] == pytest.approx(1.5 * math.log(2))  # the entropy of the classes 0, 1, 2, 1
    assert faulty[0] == pytest.approx(math.log(3))


@pytest.mark.parametrize(("layer", "moving"), [(Linear, [True] * 4), (ZeroLinear, [False, False, False, True])])
def test_with_zero_weights_only_the_last_bias_gets_a_gradient(layer, moving):
    rng = np.random.default_rng(0)  # for these weights, not all units are dead
    network = Sequential(layer(2, 3, rng), ReLU(), layer(3, 2, rng))
    (network(Tensor([[1.0, 2.0], [-1.0, 1.0]])) * 1.0).sum().backward()
    assert [bool(parameter.grad.any()) for parameter in network.parameters()] == moving


def code_lines(version) -> list[str]:
    """A function's lines without docstring and comments."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(version)))
    (function,) = tree.body
    if ast.get_docstring(function):
        del function.body[0]
    return ast.unparse(tree).splitlines()


CHANGED_LINES = {  # in the correct and in the faulty code
    "cell_product": (1, 1),
    "mul_adds": (1, 1),
    "early_state": (1, 2),
    "overwritten": (3, 1),
    "unstable_softmax": (2, 2),
    "bias_row": (1, 1),
    "open_relu": (1, 1),
    "never_zeroed": (1, 0),
    "all_zero": (1, 1),
}


@every_fault
def test_the_versions_differ_only_in_the_fault(fault):
    """A change of the correct code must be repeated in its faulty copy."""
    lines = [line[0] for line in difflib.ndiff(code_lines(fault.correct), code_lines(fault.faulty))]
    assert (lines.count("-"), lines.count("+")) == CHANGED_LINES[fault.name]
    assert list(inspect.signature(fault.correct).parameters) == list(inspect.signature(fault.faulty).parameters)


@every_fault
def test_the_faulty_copy_has_the_correct_docstring(fault):
    """It may end earlier, where the correct one explains what the fault leaves out."""
    correct, faulty = (inspect.getdoc(version) or "" for version in (fault.correct, fault.faulty))
    assert correct.startswith(faulty)
    assert bool(faulty) == bool(correct)


@every_fault
def test_the_repair_removes_the_faulty_lines_and_adds_the_correct_ones(fault):
    lines = fault.repair_diff().splitlines()
    for version, others in ((fault.faulty, "+"), (fault.correct, "-")):
        shown = [line[1:] for line in lines if line[0] != others]
        assert shown == textwrap.dedent(inspect.getsource(version)).splitlines()
    added = {line[1:].strip() for line in lines if line[0] == "+"}
    assert added - {line.strip() for line in fault.code()}


@every_fault
def test_the_code_to_search_is_the_faulty_code_without_its_docstring(fault):
    shown = [line for line in fault.code() if line.strip()]
    written = [line for line in textwrap.dedent(inspect.getsource(fault.faulty)).splitlines() if line.strip()]
    docstring = ["".join(line.split()) for line in (fault.faulty.__doc__ or "").splitlines() if line.strip()]
    hidden = ["".join(line.split()).strip('"') for line in written if line not in shown]
    assert [line for line in hidden if line] == docstring
    ast.parse("\n".join(shown))


@every_fault
def test_every_faulty_line_is_in_the_code_once_and_wrong_or_beside_the_gap(fault):
    lines = [line.strip() for line in fault.code()]
    diff = fault.repair_diff().splitlines()
    changed = {i for i, line in enumerate(diff) if line[0] in "+-"}
    near = {diff[i][1:].strip() for j in changed for i in range(max(j - 2, 0), j + 3) if i < len(diff)}
    assert fault.faulty_lines
    for line in fault.faulty_lines:
        assert lines.count(line) == 1
        assert line in near
    removed = {line[1:].strip() for line in diff if line[0] == "-"} & set(lines)
    assert removed <= set(fault.faulty_lines)


@every_fault
def test_the_repair_is_explained_in_one_or_two_sentences(fault):
    assert 1 <= len(re.findall(r"\.(?: |$)", fault.repair)) <= 2


@every_fault
def test_the_faulty_code_is_in_its_own_file_and_the_correct_code_is_the_project_s(fault):
    assert fault.faulty.__module__ == f"core.autograd.faults.{fault.name}"
    assert "faults" not in fault.correct.__module__


@every_fault
def test_every_answer_has_a_reply_of_its_own(fault):
    question = fault.question
    assert question.answer in question.replies
    assert len(set(question.replies.values())) == len(question.replies) >= 3
    assert all(reply.endswith((".", "?", ".)")) for reply in question.replies.values())


@every_fault
def test_the_title_does_not_reveal_the_cause(fault):
    for text in (fault.title, fault.setting, fault.observation):
        assert not any(word in text for word in ("zero_grad", "sum over", "overwrit", "initial", "* i *", "subtract"))


def test_numbers_in_replies_are_correct():
    replies = " ".join(reply for fault in FAULTS.values() for reply in fault.question.replies.values())
    for logits, shown in (((1, 2), "27 % and 73 %"), ((0.5, 1), "38 % and 62 %")):
        exponentials = np.exp(logits)
        assert " and ".join(f"{p:.0%}".replace("%", " %") for p in exponentials / exponentials.sum()) == shown
        assert shown in replies
    first, *_ = rows("mul_adds").values()
    assert "at a = 2, b = 3 with g = 1 it gives 4, but the slope is 3" in replies
    assert (first.label, first.faulty, first.expected) == ("∂(a·b)/∂a at a = 2, b = 3", 4, pytest.approx(3))
    _, faulty = curves("all_zero")
    assert f"falls from {faulty[0]:.2f} to {faulty[-1]:.2f}" in replies


def test_a_row_agrees_with_its_expected_value_only():
    row = next(iter(rows("mul_adds").values()))
    assert row.agrees(3.0)
    assert not row.agrees(3.001)
    assert not row.agrees(math.nan)
    assert not row.agrees("3")


def test_nothing_else_in_core_imports_the_faults():
    """So the engine and the models cannot contain a switch for one."""
    for path in CORE.rglob("*.py"):
        if path.parent.name not in ("faults", "classroom"):  # a class keeps the answers to its cases
            assert not re.search(r"\bautograd\.faults\b|\bimport faults\b", path.read_text(encoding="utf-8")), path
