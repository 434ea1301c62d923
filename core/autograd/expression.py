"""A safe language for formulas: what a student types becomes a graph of Tensors, and nothing else.

    expression = parse("relu(w*x + b)")
    graph = expression.graph({"w": 2, "x": 3, "b": -1})
    graph.result.backward()

Every character and every word of the text is looked at before Python's own parser (`ast`) is, which then only has to
say what belongs to what. Its tree is translated node by node from an allow-list; nothing is ever jit or executed.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.autograd import functional as F
from core.autograd.tensor import Tensor
from core.source import syntax_tree

MAX_LENGTH = 200
MAX_DEPTH = 30  # parentheses in parentheses
MAX_OPERATIONS = 60
MAX_NAMES = 6
MAX_NAME_LENGTH = 12
MAX_EXPONENT = 100
MAX_MAGNITUDE = 1e100  # its square is still a float64, so that gradients have room, too

OPERATIONS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        *(F.add, F.sub, F.mul, F.div, F.neg, F.pow, F.pow_two),
        *(F.abs, F.cos, F.exp, F.log, F.relu, F.sigmoid, F.sin, F.sqrt, F.step, F.tanh),
    )
}
"""The engine's operations that the language knows."""

ARITY = {name: 2 if name in ("add", "sub", "mul", "div", "pow") else 1 for name in OPERATIONS}

BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}

TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|//|[-+*/(),])"
    r"|(?P<space> +)"
    r"|(?P<unknown>.)",
    re.DOTALL,
)

REPLACEMENTS = {
    **dict.fromkeys("·×∙⋅∗", "*"),
    **dict.fromkeys("−–—", "-"),
    **dict.fromkeys("÷∕:", "/"),
    **{"²": "**2", "³": "**3", "^": "**", "[": "(", "]": ")", "{": "(", "}": ")", "√": "sqrt( )"},
}
"""What students write by hand, and how it is typed here."""


class ExpressionError(ValueError):
    """A formula that cannot be understood or calculated: a sentence, and the place in the text that it is about."""

    def __init__(self, sentence: str, text: str, start: int, end: int | None = None):
        super().__init__(sentence)
        self.text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        self.start, self.end = start, max(start + 1, end or 0)

    @property
    def pointer(self) -> str:
        """The text, and under it a line of carets at the place."""
        return f"{self.text}\n{' ' * self.start}{'^' * (self.end - self.start)}"


@dataclass(frozen=True)
class Number:
    """A number that was typed. start, end: where it stands in the text."""

    value: float
    start: int
    end: int


@dataclass(frozen=True)
class Name:
    """A variable that was typed."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Operation:
    """One of the engine's operations on its operands."""

    operation: str
    operands: tuple[Node, ...]
    start: int
    end: int


Node = Number | Name | Operation


@dataclass(frozen=True)
class Expression:
    """A formula that was understood: its text, its tree, and its names in the order in which they first appear."""

    text: str
    tree: Node
    names: tuple[str, ...]

    @property
    def result_name(self) -> str:
        """What the formula's value is called: f, or another letter where f is one of the names."""
        return next(letter for letter in "fyzuvwt" if letter not in self.names)

    def evaluate(
        self,
        values: Mapping[str, Any],
        operations: Mapping[str, Callable] = OPERATIONS,
        number: Callable[[float], Any] = Tensor,
        check: Callable[[Operation, tuple, Any], None] = lambda operation, operands, result: None,
    ) -> Any:
        """The formula's value, calculated by any set of operations: the engine's, PyTorch's ...

        values: one for each name. number: makes of a number that was typed what the operations take.
        check: called after each operation with its place, its operands and its result.
        """

        def value_of(node: Node) -> Any:
            match node:
                case Number():
                    return number(node.value)
                case Name():
                    return values[node.name]
                case Operation():
                    operands = tuple(value_of(operand) for operand in node.operands)
                    result = operations[node.operation](*operands)
                    check(node, operands, result)
                    return result

        with np.errstate(all="ignore"):  # what goes wrong is said in a sentence, by `check`
            return value_of(self.tree)

    def graph(self, values: Mapping[str, float]) -> Graph:
        """The formula as Tensors, forward pass done.

        Raises ExpressionError, which points at the operation, where it has no value or too large a one.
        """
        leaves = {name: Tensor(float(values[name]), requires_grad=True) for name in self.names}
        places: dict[Tensor, Operation] = {}

        def check(operation: Operation, operands: tuple[Tensor, ...], result: Tensor) -> None:
            places[result] = operation
            if sentence := error_message(operation.operation, [tensor.item() for tensor in operands], result.item()):
                raise ExpressionError(sentence, self.text, operation.start, operation.end)

        return Graph(self, leaves, self.evaluate(leaves, check=check), places)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Graph:
    """A formula's Tensors: the leaves by name, the result, and the place in the text of every operation's result."""

    expression: Expression
    leaves: dict[str, Tensor]
    result: Tensor
    places: dict[Tensor, Operation]

    def backward(self) -> dict[str, float]:
        """The engine's backward pass: the derivative of the result with respect to each name.

        Raises ExpressionError where a derivative does not exist or is too large, even though the value is fine.
        """
        if not self.result.requires_grad:
            return {}
        with np.errstate(all="ignore"):
            self.result.backward()
        for tensor in reversed(self.result.topological_order()):
            bad = [parent for parent in tensor.parents if parent.requires_grad and not np.isfinite(parent.grad)]
            if bad:
                place, text = self.places[tensor], self.expression.text
                raise ExpressionError(
                    f"The value is fine, but {text[place.start : place.end]} has no finite slope here: "
                    f"at {bad[0].item():g} the gradient would be {bad[0].grad:g}. Move a slider a little.",
                    *(text, place.start, place.end),
                )
        return {name: float(leaf.grad) for name, leaf in self.leaves.items()}


def error_message(operation: str, operands: list[float], result: float) -> str:
    """Why an operation has no usable result, as a sentence; empty where it has one."""
    first, second = operands[0], operands[-1]
    if operation == "pow" and abs(second) > MAX_EXPONENT:
        return f"An exponent may be at most {MAX_EXPONENT} here, up or down; this one is {second:g}."
    if abs(result) <= MAX_MAGNITUDE:
        return ""
    match operation:
        case "div" if second == 0:
            return f"Division by zero: {first:g} / 0 is no number."
        case "log" if first <= 0:
            return f"The logarithm needs a number greater than 0, and here it gets {first:g}."
        case "sqrt" if first < 0:
            return f"The square root needs a number that is not negative, and here it gets {first:g}."
        case "pow" if first == 0:
            return f"0 to the power of {second:g} would be a division by zero."
        case "pow" if first < 0 and second != int(second):
            return f"A negative number has no real power with a fraction as exponent: {first:g} to the {second:g}."
    return f"Too large: this is beyond {MAX_MAGNITUDE:g}, where the calculator stops."


def parse(text: str) -> Expression:
    """Understand a formula.

    It may hold numbers, names, + - * / **, parentheses and the engine's functions: at most 200 characters, 60
    operations, 6 names and parentheses 30 deep. Raises ExpressionError, which points at the place, for everything else.
    """
    text = text.strip(" ")
    if not text:
        raise ExpressionError("Type a formula, such as a*b + 1.", text, 0)
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"A formula may have at most {MAX_LENGTH} characters; this one is longer.",
            text[: MAX_LENGTH + 1],
            MAX_LENGTH,
        )
    check_words(text)
    try:
        body = syntax_tree(text, mode="eval").body
    except SyntaxError as error:
        start = min((error.offset or 1) - 1, len(text))
        sentence = "The formula is incomplete or has something in the wrong place here."
        raise ExpressionError(sentence, text, start) from None
    if sum(isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call) for node in ast.walk(body)) > MAX_OPERATIONS:
        raise ExpressionError(f"A formula may have at most {MAX_OPERATIONS} operations.", text, 0, len(text))
    tree = translate(body, text)
    names = tuple(dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Name)))
    if len(names) > MAX_NAMES:
        extra = next(node for node in walk(tree) if isinstance(node, Name) and node.name == names[MAX_NAMES])
        raise ExpressionError(
            f"A formula may have at most {MAX_NAMES} different names; {extra.name} is one too many.",
            *(text, extra.start, extra.end),
        )
    return Expression(text, tree, names)


def check_words(text: str) -> None:
    """Look at every character and word before Python's parser does. Raises ExpressionError at the first bad one."""
    opened, before = [], ""
    for token in TOKEN.finditer(text):
        kind, word, place = token.lastgroup, token.group(), (text, token.start(), token.end())
        if kind == "space":
            continue
        if kind == "unknown":
            raise ExpressionError(unknown_character(word), *place)
        if kind == "name":
            check_name(word, place)
        if kind == "number" and float(word) > MAX_MAGNITUDE:
            raise ExpressionError(f"A number may be at most {MAX_MAGNITUDE:g} here.", *place)
        if kind == "number" and word.isdigit() and word != str(int(word)):
            raise ExpressionError("A whole number does not start with 0.", *place)
        if word == "//":
            raise ExpressionError("There is no // here: to divide, write a single /.", *place)
        if before in ("number", "name", ")") and (kind in ("number", "name") or (word == "(" and before != "name")):
            raise ExpressionError("An operator is missing before this: to multiply, write *.", *place)
        if word == "(":
            opened.append(token.start())
        if len(opened) > MAX_DEPTH:
            raise ExpressionError(f"Parentheses may be at most {MAX_DEPTH} deep.", *place)
        if word == ")":
            if not opened:
                raise ExpressionError("This parenthesis closes one that was never opened.", *place)
            opened.pop()
        before = word if kind == "sign" else kind
    if opened:
        raise ExpressionError("This parenthesis is opened and never closed.", text, opened[-1])
    if before in ("+", "-", "*", "/", "**"):
        raise ExpressionError(f"Something is missing at the end, after {before}.", text, len(text))


def check_name(word: str, place: tuple[str, int, int]) -> None:
    if keyword.iskeyword(word):
        raise ExpressionError(f"{word} is a word of Python's, and no name for a number.", *place)
    if word.startswith("_") or len(word) > MAX_NAME_LENGTH:
        raise ExpressionError(f"A name starts with a letter and has at most {MAX_NAME_LENGTH} characters.", *place)


def unknown_character(character: str) -> str:
    """What to say about a character that no formula has.

    Python's parser would read many letters from all over Unicode as the plain letters that they look like (NFKC), so
    that two spellings could name one thing, or one look could stand for two. Here only plain letters are letters.
    """
    shown = f"“{character}”" if character.isprintable() else f"U+{ord(character):04X}"
    if character in REPLACEMENTS:
        return f"{shown} is not typed here: write {REPLACEMENTS[character]} instead."
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and plain.isascii() and plain.isalnum():
        return f"{shown} looks like a plain {plain}, but is another character: type {plain}."
    if character.isalpha():
        return f"{shown} cannot stand in a formula: names are made of the letters a to z and A to Z."
    if character == ".":
        return "A point stands only inside of a number, such as 0.5."
    return f"{shown} cannot stand in a formula: it may hold numbers, names, + - * / ** and parentheses."


def translate(node: ast.expr, text: str) -> Node:
    """Python's tree as ours, from an allow-list. Raises ExpressionError for everything that is not on it."""
    start, end = node.col_offset, node.end_col_offset

    def operation(name: str, *operands: ast.expr) -> Operation:
        return Operation(name, tuple(translate(operand, text) for operand in operands), start, end)

    match node:
        case ast.Constant():
            return Number(float(node.value), start, end)
        case ast.Name(id=name) if name in OPERATIONS:
            arguments = ", ".join("ab"[: ARITY[name]])
            raise ExpressionError(f"{name} is a function: write {name}({arguments}).", text, start, end)
        case ast.Name(id=name):
            return Name(name, start, end)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return translate(operand, text)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)):
            return Number(-float(value), start, end)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return operation("neg", operand)
        case ast.BinOp(op=ast.Pow(), left=base, right=ast.Constant(value=2)):
            return operation("pow_two", base)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in BINARY:
            return operation(BINARY[type(op)], left, right)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in OPERATIONS:
            starred = keywords or any(isinstance(argument, ast.Starred) for argument in arguments)
            if starred or len(arguments) != ARITY[name]:
                numbers = "one number" if ARITY[name] == 1 else "two numbers, with a comma between them"
                raise ExpressionError(f"{name} takes {numbers}.", text, start, end)
            return operation(name, *arguments)
        case ast.Call(func=ast.Name(id=name) as function):
            known = ", ".join(sorted(OPERATIONS))
            raise ExpressionError(
                f"{name} is no function here; these are: {known}. To multiply, write *.",
                *(text, function.col_offset, function.end_col_offset),
            )
        case ast.Tuple():
            raise ExpressionError(
                "A comma stands only between the two numbers of a function; a fraction is typed with a point: 0.5.",
                *(text, start, end),
            )
    raise ExpressionError("This is no number, name, operation or function.", text, start, end)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it: operands first, from left to right."""
    if isinstance(node, Operation):
        for operand in node.operands:
            yield from walk(operand)
    yield node
