"""The safe parser: formulas it accepts, errors with their positions, and that no text is ever executed."""

import random
import re
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.autograd.expression import (
    ARITY,
    OPERATIONS,
    Expression,
    ExpressionError,
    Name,
    Number,
    Operation,
    parse,
    walk,
)
from core.autograd.gradcheck import PYTORCH, STEP, central_differences, pytorch_gradients


def parse_error(text: str) -> ExpressionError:
    """The error that the formula raises."""
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


def gradients(text: str, **values: float) -> dict[str, float]:
    return parse(text).graph(values).backward()


def test_a_formula_gives_a_value_and_gradients():
    expression = parse("(a**2*b + b)**2")
    graph = expression.graph({"a": 2, "b": 3})
    assert expression.names == ("a", "b")
    assert graph.result.item() == 225
    assert graph.backward() == {"a": 360, "b": 150}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2*3", 7),
        ("(1 + 2)*3", 9),
        ("2**3**2", 512),
        ("-2**2", -4),
        ("(-2)**2", 4),
        ("2**-1", 0.5),
        ("--2", 2),
        ("+2 - +1", 1),
        ("7/2/2", 1.75),
        (".5e1 + 5. + 1E-1", 10.1),
        ("add(1, sub(5, mul(2, div(4, 2))))", 2),
        ("neg(pow(2, 3)) + pow_two(3)", 1),
        ("relu(-1) + abs(-1) + step(3) + sqrt(4)", 4),
        ("  0 * x  ", 0),
    ],
)
def test_a_formula_has_the_value_that_arithmetic_gives(text, value):
    assert parse(text).graph({"x": 2}).result.item() == pytest.approx(value, rel=1e-15)


def test_every_node_has_its_position_in_the_text():
    text = "relu(w*x + 1)"
    operation = parse(text).tree
    assert {text[node.start : node.end] for node in walk(operation)} == {text, "w*x + 1", "w*x", "w", "x", "1"}
    assert isinstance(operation, Operation)
    assert operation.operation == "relu"


def test_a_power_of_two_becomes_pow_two():
    assert parse("a**2").tree.operation == "pow_two"
    assert parse("a**2.0").tree.operation == "pow_two"
    assert parse("a**3").tree.operation == "pow"


def test_names_are_in_the_order_of_the_text_and_the_result_gets_an_unused_letter():
    assert parse("b*a + b").names == ("b", "a")
    assert parse("a").result_name == "f"
    assert parse("f + y").result_name == "z"


INVALID = [  # text, part of the sentence, the position
    ("", "Type a formula", ""),
    ("   ", "Type a formula", ""),
    ("a +", "missing at the end, after +", None),
    ("a **", "missing at the end, after **", None),
    ("a */ b", "wrong place", "/"),
    ("* a", "wrong place", "*"),
    ("2x", "operator is missing", "x"),
    ("2 x", "operator is missing", "x"),
    ("a b", "operator is missing", "b"),
    ("a 2", "operator is missing", "2"),
    ("(a)(b)", "operator is missing", "("),
    ("2(a)", "operator is missing", "("),
    ("(a)b", "operator is missing", "b"),
    ("a(b)", "a is not a function here", "a"),
    ("max(a, b)", "max is not a function here", "max"),
    ("relu", "write relu(a)", "relu"),
    ("pow + 1", "write pow(a, b)", "pow"),
    ("relu()", "relu takes one number", "relu()"),
    ("1 + relu(a, b)", "relu takes one number", "relu(a, b)"),
    ("relu(*a)", "relu takes one number", "relu(*a)"),
    ("relu(**a)", "relu takes one number", "relu(**a)"),
    ("add(a)", "add takes two numbers", "add(a)"),
    ("add((a, b))", "add takes two numbers", "add((a, b))"),
    ("1 + add((a, b), c)", "comma", "(a, b)"),
    ("0,5", "a point: 0.5", "0,5"),
    ("()", "These parentheses are empty", "()"),
    ("a + ( )", "These parentheses are empty", "( )"),
    ("relu(())", "These parentheses are empty", "()"),
    ("007", "does not start with 0", "007"),
    ("x + １", "looks like a plain 1 but is another character: type 1", "１"),  # full width
    ("1.５*x", "looks like a plain 5", "５"),
    ("2１*x", "looks like a plain 1", "１"),
    ("𝟐*x", "looks like a plain 2", "𝟐"),
    ("２e5", "looks like a plain 2", "２"),
    ("x*٣", "is the digit 3 of another script: type 3", "٣"),  # Arabic
    ("x१", "is the digit 1 of another script: type 1", "१"),  # Devanagari
    ("x⁴", "write **4 instead", "⁴"),
    ("x⁻¹", "write **-1 instead", "⁻"),
    ("1⁰", "write **0 instead", "⁰"),
    ("x₁", "looks like a plain 1", "₁"),
    ("½*x", "write 1/2 instead", "½"),
    ("0x10", "operator is missing", "x10"),
    ("2j", "operator is missing", "j"),
    ("a.real", "A point is only allowed inside", "."),
    ("1..real", "A point is only allowed inside", "."),
    ("a//b", "single /", "//"),
    ("((a)", "never closed", "("),
    ("(a))", "never opened", ")"),
    ("a^b", "write ** instead", "^"),
    ("a²", "write **2 instead", "²"),
    ("a · b", "write * instead", "·"),
    ("√a", "write sqrt( ) instead", "√"),
    ("[a]", "write ( instead", "["),
    ("a − b", "write - instead", "−"),
    ("a = b", "“=” cannot be used", "="),
    ("'a'", "“'” cannot be used", "'"),
    ("a\nb", "U+000A cannot be used", "\n"),
    ("a\u200bb", "U+200B cannot be used", "\u200b"),
    ("а + 1", "names are made of the letters a to z", "а"),  # Cyrillic
    ("ａ + 1", "looks like a plain a", "ａ"),  # full width
    ("𝓪 + 1", "looks like a plain a", "𝓪"),
    ("lambda: 1", "lambda is a Python keyword", "lambda"),
    ("a if b else c", "if is a Python keyword", "if"),
    ("True", "True is a Python keyword", "True"),
    ("__class__", "starts with a letter", "__class__"),
    ("a_very_long_name", "at most 12 characters", "a_very_long_name"),
    ("1e400", "at most 1e+100", "1e400"),
    ("9" * 120, "at most 1e+100", "9" * 120),
    ("a" * 201, "at most 200 characters", None),
    ("(" * 31 + "a" + ")" * 31, "at most 30 deep", "("),
    ("+".join("a" * 62), "at most 60 operations", "+".join("a" * 62)),
    ("a+b+c+d+e+g+h", "at most 6 different names; h", "h"),
]


@pytest.mark.parametrize(("text", "sentence", "place"), INVALID, ids=[repr(text[:20]) for text, *_ in INVALID])
def test_an_invalid_formula_raises_an_error_with_the_position(text, sentence, place):
    error = parse_error(text)
    assert sentence in str(error)
    if place:
        assert text[error.start : error.end] == place
    line, carets = error.pointer.split("\n")
    assert len(line) <= 201
    assert carets == " " * error.start + "^" * (error.end - error.start)
    assert error.start <= len(line)


def test_a_missing_operand_is_marked_at_the_end():
    assert parse_error("a + ").pointer == "a +\n   ^"


@pytest.mark.parametrize(
    ("text", "values", "sentence", "place"),
    [
        ("1 + a/b", {"a": 1, "b": 0}, "Division by zero: 1 / 0", "a/b"),
        ("a/b", {"a": 0, "b": 0}, "Division by zero", "a/b"),
        ("2*log(a)", {"a": -1}, "greater than 0, but it gets -1", "log(a)"),
        ("log(a)", {"a": 0}, "greater than 0", "log(a)"),
        ("sqrt(a - 3)", {"a": 1}, "not negative, but it gets -2", "sqrt(a - 3)"),
        ("a**-1", {"a": 0}, "0 to the power of -1", "a**-1"),
        ("a**0.5", {"a": -4}, "no real fractional power", "a**0.5"),
        ("a**101", {"a": 1}, "An exponent must be from -100 to 100, but this one is 101", "a**101"),
        ("1 + exp(exp(a))", {"a": 6}, "Too large", "exp(exp(a))"),
        ("9**9**9", {}, "An exponent must be from -100 to 100", "9**9**9"),
        ("1e100*10", {}, "Too large", "1e100*10"),
    ],
)
def test_an_undefined_value_is_explained_at_its_position(text, values, sentence, place):
    with pytest.raises(ExpressionError, match=re.escape(sentence)) as caught:
        parse(text).graph(values)
    assert text[caught.value.start : caught.value.end] == place


@pytest.mark.parametrize(
    ("text", "values", "place"),
    [
        ("1 + sqrt(a)", {"a": 0}, "sqrt(a)"),
        ("a**0.5 + 1", {"a": 0}, "a**0.5"),
        ("2 + (-2)**b", {"b": 2}, "(-2)**b"),
    ],
)
def test_an_undefined_gradient_is_explained_at_its_position(text, values, place):
    graph = parse(text).graph(values)
    with pytest.raises(ExpressionError, match="no finite slope here") as caught:
        graph.backward()
    assert text[caught.value.start : caught.value.end] == place


def test_a_formula_without_names_has_no_gradient():
    assert gradients("2*3 + 1") == {}


def test_a_formula_that_is_only_a_name_has_gradient_1():
    assert gradients("a", a=5) == {"a": 1}


def test_every_operation_has_a_counterpart_in_pytorch():
    assert OPERATIONS.keys() == PYTORCH.keys() == ARITY.keys()


# Properties: random formulas, differentiated in three ways

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
leaves = st.sampled_from("abc") | st.sampled_from(["0", "1", "2", "3", "0.5", "1.7"])


def combined(inner):
    """Formulas made of smaller ones with a function or an operator."""
    one = st.tuples(st.sampled_from([name for name in OPERATIONS if ARITY[name] == 1]), inner).map(
        "{0[0]}({0[1]})".format
    )
    two = st.tuples(st.sampled_from(list(SIGNS)), inner, inner)
    return one | two.map("{0[0]}({0[1]}, {0[2]})".format) | two.map(lambda t: f"({t[1]} {SIGNS[t[0]]} {t[2]})")


formulas = st.recursive(leaves, combined, max_leaves=8).filter(lambda text: len(text) <= 200)
numbers = st.integers(-20, 20).map(lambda tenths: tenths / 10)
KINKS = {"relu", "abs", "step"}


def differentiated(expression: Expression, values: dict[str, float]):
    """Run both passes; reject formulas without names, and values for which the formula or a gradient is undefined."""
    assume(expression.names)
    try:
        graph = expression.graph(values)
        return graph, graph.backward()
    except ExpressionError:
        assume(False)


@pytest.mark.slow
@settings(max_examples=1500)
@given(text=formulas, a=numbers, b=numbers, c=numbers)
def test_gradients_match_pytorch_for_any_formula(text, a, b, c):
    expression, values = parse(text), {"a": a, "b": b, "c": c}
    _, ours = differentiated(expression, values)
    theirs = pytorch_gradients(expression, values)
    for name in expression.names:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-7, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=1500)
@given(text=formulas, a=numbers, b=numbers, c=numbers)
def test_gradients_match_finite_differences_for_any_formula(text, a, b, c):
    """Within their accuracy: the rounding error is bounded by the effect of each value's last digit on the result, the
    truncation error by the difference to a step of twice the size. Values at kinks are left out."""
    expression, values = parse(text), {"a": a, "b": b, "c": c}
    graph, ours = differentiated(expression, values)
    results = [tensor for tensor in graph.result.topological_order() if tensor.operation]
    assume(not any(t.operation in KINKS and abs(t.parents[0].item()) < 1e-3 for t in results))
    rounding = sum(abs(t.item() * t.grad) for t in results) * np.finfo(float).eps / STEP
    once, twice = central_differences(expression, values), central_differences(expression, values, 2 * STEP)
    for name in expression.names:
        assume(np.isfinite([once[name], twice[name]]).all())  # the formula is defined on both sides
        tolerance = abs(once[name] - twice[name]) + 10 * rounding + 1e-9
        assume(tolerance < 1e-3 * max(1, abs(ours[name])))  # otherwise finite differences are too inaccurate
        assert abs(ours[name] - once[name]) <= tolerance


@pytest.mark.slow
@settings(max_examples=500)
@given(text=formulas)
def test_a_formula_survives_being_written_out_and_parsed_again(text):
    def written(node) -> str:
        match node:
            case Number():
                return repr(node.value)
            case Name():
                return node.name
            case Operation():
                return f"{node.operation}({', '.join(map(written, node.operands))})"

    tree = parse(text).tree
    assert written(parse(written(tree)).tree) == written(tree)


# Hostile texts

ATTACKS = """
__import__('os').system('true') | ().__class__.__bases__[0].__subclasses__() | a.__class__ | eval('1') | exec("1")
open('/etc/passwd') | lambda: 1 | (lambda x: x)(1) | [a for a in range(9**9)] | {a: 1} | {*a} | f"{a}" | f'{open}'
(yield) | await a | a := 1 | print(1) | globals() | getattr(a, b) | a if b else c | not a | a and b | a[0] | a[::]
a @ b | a % b | ~a | a < b < c | 'a' * 9999999999 | b'a' | ... | None | True | 9**9**9**9 | 9**9**9 | 1e999 | -9**99**99
1e308*10 | 0/0 | 0**-1 | log(0) | sqrt(-1) | exp(exp(exp(9))) | relu(*a) | relu(**a) | relu(a=1) | add(a, b, c)
breakpoint() | import os | del a | а + ｂ | ｅｖａｌ(1) | 𝓮𝔁𝓮𝓬(1) | ﬁ | ª | ² | ٣ | Ⅷ | \u202ea | a\u200b | \ufeffa
\x00 | \r\r | \t | \\ | # | ; | ` | $ | ? | ! | " | \U0001f600
""".replace("\n", "|")
HARMLESS = [
    *OPERATIONS,
    *"abc0123456789+-*/(), ",
    "**",
    "(",
    ")",
    "(a)",
    "(a, b)",
    "1e9",
    ".5",
    "relu(a)",
    "((((((((",
    "--------",
]
HOSTILE = [*(attack.strip(" ") for attack in ATTACKS.split("|")), "1" * 90, "))))))))", "//", "_", ".", *HARMLESS]


def attempt(text: str) -> ExpressionError | None:
    """Do what the page does with a formula; only an ExpressionError may be raised."""
    try:
        expression = parse(text)
        expression.graph(dict.fromkeys(expression.names, 2.0)).backward()
    except ExpressionError as error:
        return error


@pytest.fixture
def nothing_runs():
    """Fail if code is executed or imported, or a file or process is opened, according to Python's audit events."""
    watched = {"exec", "import", "open", "os.system", "subprocess.Popen", "os.exec", "socket.connect"}
    seen, watching, here = [], True, threading.get_ident()
    attempt("relu(a) + ")  # so that everything is imported already

    def watch(event: str, _) -> None:
        if watching and event in watched and threading.get_ident() == here:  # not those of other tests
            seen.append(event)

    sys.addaudithook(watch)
    yield
    assert not seen
    open(__file__).close()
    assert seen == ["open"], "the hook was active"
    watching = False  # a hook cannot be removed


def assert_quick(text: str) -> None:
    """Process the text within a second and check the error message."""
    start = time.process_time()  # CPU time, so other processes do not count
    error = attempt(text)
    assert time.process_time() - start < 1, text
    if error:
        assert "\n" not in str(error)
        assert error.pointer.count("\n") == 1


def test_hostile_texts_are_rejected_and_nothing_runs(nothing_runs):
    rng = random.Random(0)
    for text in HOSTILE:
        assert_quick(text)
    for fragments in (HOSTILE, HARMLESS):  # harmless fragments get further in the parser
        for _ in range(4000):
            assert_quick("".join(rng.choices(fragments, k=rng.randint(1, 12))))


@pytest.mark.slow
@settings(max_examples=1000)
@given(st.text(max_size=60) | st.text("abf01.e+-*/(),_ ", max_size=60))
def test_any_text_raises_only_expression_errors(text):
    attempt(text)


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 1_000_000, "-" * 1_000_000, "9" * 1_000_000, "a" * 1_000_000, "а" * 1_000_000),
        *("-" * 199 + "a", "+" * 199 + "a", "a" + "**a" * 60, "(" * 30 + "a" + ")" * 30, "exp(" * 30 + "a" + ")" * 30),
    ],
)
def test_long_and_deeply_nested_texts_are_processed_quickly(text):
    assert_quick(text)
