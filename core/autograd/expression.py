"""A safe parser for formulas: a typed formula becomes a graph of Tensors; none of it is run as Python.

    expression = parse("relu(w*x + b)")
    graph = expression.graph({"w": 2, "x": 3, "b": -1})
    graph.result.backward()

Every character and every word of the text is checked before Python's own parser (`ast`) sees it; that parser only
determines the structure. Its tree is translated node by node from an allow-list. Nothing is ever compiled or executed.
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

MAX_LENGTH = 200
MAX_DEPTH = 30  # of nested parentheses
MAX_OPERATIONS = 60
MAX_NAMES = 6
MAX_NAME_LENGTH = 12
MAX_EXPONENT = 100
MAX_MAGNITUDE = 1e100  # its square is still a float64, which leaves room for gradients

OPERATIONS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        *(F.add, F.sub, F.mul, F.div, F.neg, F.pow, F.pow_two),
        *(F.abs, F.cos, F.exp, F.log, F.relu, F.sigmoid, F.sin, F.sqrt, F.step, F.tanh),
    )
}
"""The operations of `core.autograd.functional` that formulas may use."""

ARITY = {name: 2 if name in ("add", "sub", "mul", "div", "pow") else 1 for name in OPERATIONS}

BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}

TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
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
    **{"^": "**", "[": "(", "]": ")", "{": "(", "}": ")", "√": "sqrt( )"},
    **{digit: f"**{number}" for number, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{"⁻": "**-1", "½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"},
}
"""Signs of handwritten formulas, and what to type instead."""


class ExpressionError(ValueError):
    """A formula that cannot be parsed or computed, with a sentence for a student and the position in the text.

    Attributes:
        text: The formula, with unprintable characters replaced.
        start: Position of the first wrong character.
        end: Position after the last wrong character.
    """

    def __init__(self, sentence: str, text: str, start: int, end: int | None = None):
        super().__init__(sentence)
        self.text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        self.start, self.end = start, max(start + 1, end or 0)

    @property
    def pointer(self) -> str:
        """The text, and below it carets under the wrong characters."""
        return f"{self.text}\n{' ' * self.start}{'^' * (self.end - self.start)}"


@dataclass(frozen=True)
class Number:
    """A number in a formula. start, end: its position in the text."""

    value: float
    start: int
    end: int


@dataclass(frozen=True)
class Name:
    """A variable in a formula."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Operation:
    """An operation (a key of OPERATIONS) and its operands."""

    operation: str
    operands: tuple[Node, ...]
    start: int
    end: int


Node = Number | Name | Operation


@dataclass(frozen=True)
class Expression:
    """A parsed formula.

    Attributes:
        text: The formula as it was typed.
        tree: Its structure.
        names: Its variables in the order in which they first appear.
    """

    text: str
    tree: Node
    names: tuple[str, ...]

    @property
    def result_name(self) -> str:
        """The letter that names the formula's value: f, or another letter if f is one of its variables."""
        return next(letter for letter in "fyzuvwt" if letter not in self.names)

    def evaluate(
        self,
        values: Mapping[str, Any],
        operations: Mapping[str, Callable] = OPERATIONS,
        number: Callable[[float], Any] = Tensor,
        check: Callable[[Operation, tuple, Any], None] = lambda operation, operands, result: None,
    ) -> Any:
        """Compute the formula's value with the operations of any library, such as this engine or PyTorch.

        Args:
            values: A value for each name.
            operations: The operations by name.
            number: Converts a number of the formula to what the operations take.
            check: Called after each operation with its node, its operands and its result.
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

        with np.errstate(all="ignore"):  # `check` reports errors in a sentence
            return value_of(self.tree)

    def graph(self, values: Mapping[str, float]) -> Graph:
        """Build the graph of Tensors and run the forward pass.

        Raises ExpressionError, with the position of the operation, if a value is undefined or too large.
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
    """The Tensors of a formula.

    Attributes:
        expression: The formula.
        leaves: The variables by name.
        result: The formula's value.
        places: The node of the formula that each operation's result comes from.
    """

    expression: Expression
    leaves: dict[str, Tensor]
    result: Tensor
    places: dict[Tensor, Operation]

    def backward(self) -> dict[str, float]:
        """Run the backward pass and return the derivative of the result with respect to each name.

        Raises ExpressionError if a derivative is undefined or infinite, even though the value is finite.
        """
        if not self.result.requires_grad:
            return {}
        with np.errstate(all="ignore"):
            self.result.backward()
        for tensor in reversed(self.result.topological_order()):
            for parent in tensor.parents:
                if parent.grad is not None and not np.isfinite(parent.grad):
                    place, text = self.places[tensor], self.expression.text
                    raise ExpressionError(
                        f"The value is finite, but {text[place.start : place.end]} has no finite slope here: "
                        f"at {parent.item():g} the gradient would be {parent.grad:g}. Move a slider a little.",
                        *(text, place.start, place.end),
                    )
        return {name: leaf.grad.item() for name, leaf in self.leaves.items() if leaf.grad is not None}


def error_message(operation: str, operands: list[float], result: float) -> str:
    """Explain in a sentence why a result is undefined or too large; empty if it is neither."""
    first, second = operands[0], operands[-1]
    if operation == "pow" and abs(second) > MAX_EXPONENT:
        return f"An exponent must be from -{MAX_EXPONENT} to {MAX_EXPONENT}, but this one is {second:g}."
    if abs(result) <= MAX_MAGNITUDE:
        return ""
    match operation:
        case "div" if second == 0:
            return f"Division by zero: {first:g} / 0 is not a number."
        case "log" if first <= 0:
            return f"The logarithm needs a number greater than 0, but it gets {first:g}."
        case "sqrt" if first < 0:
            return f"The square root needs a number that is not negative, but it gets {first:g}."
        case "pow" if first == 0:
            return f"0 to the power of {second:g} is a division by zero."
        case "pow" if first < 0 and second != int(second):
            return f"A negative number has no real fractional power: {first:g} to the power of {second:g}."
    return f"Too large: the result is beyond {MAX_MAGNITUDE:g}."


def parse(text: str) -> Expression:
    """Parse a formula.

    It may contain numbers, names, + - * / **, parentheses and the functions of OPERATIONS: at most 200 characters, 60
    operations, 6 names and 30 levels of parentheses. Raises ExpressionError, with the position, for anything else.
    """
    text = text.strip(" ")
    if not text:
        raise ExpressionError("Type a formula, such as a*b + 1.", text, 0)
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"A formula may have at most {MAX_LENGTH} characters, but this one is longer.",
            text[: MAX_LENGTH + 1],
            MAX_LENGTH,
        )
    check_words(text)
    try:
        body = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        start = min((error.offset or 1) - 1, len(text))
        sentence = "The formula is incomplete, or something is in the wrong place here."
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
    """Check every character and word before Python's parser sees them. Raises ExpressionError at the first bad one."""
    opened: list[int] = []
    before: str | None = ""
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
            raise ExpressionError("There is no // here. To divide, write a single /.", *place)
        if before in ("number", "name", ")") and (kind in ("number", "name") or (word == "(" and before != "name")):
            raise ExpressionError("An operator is missing before this. To multiply, write *.", *place)
        if word == "(":
            opened.append(token.start())
        if len(opened) > MAX_DEPTH:
            raise ExpressionError(f"Parentheses may be nested at most {MAX_DEPTH} deep.", *place)
        if word == ")":
            if not opened:
                raise ExpressionError("This parenthesis closes one that was never opened.", *place)
            opened.pop()
        before = word if kind == "sign" else kind
    if opened:
        raise ExpressionError("This parenthesis is opened but never closed.", text, opened[-1])
    if before in ("+", "-", "*", "/", "**"):
        raise ExpressionError(f"Something is missing at the end, after {before}.", text, len(text))


def check_name(word: str, place: tuple[str, int, int]) -> None:
    """Raise ExpressionError unless the word can be a name."""
    if keyword.iskeyword(word):
        raise ExpressionError(f"{word} is a Python keyword and cannot be a name.", *place)
    if word.startswith("_") or len(word) > MAX_NAME_LENGTH:
        raise ExpressionError(f"A name starts with a letter and has at most {MAX_NAME_LENGTH} characters.", *place)


def unknown_character(character: str) -> str:
    """Explain why a character cannot be part of a formula, and what to type instead.

    Python's parser reads many Unicode letters as the plain letters that they look like (NFKC), so two spellings could
    be one name, and two names could look the same. Here only plain letters are letters.
    """
    shown = f"“{character}”" if character.isprintable() else f"U+{ord(character):04X}"
    if character in REPLACEMENTS:
        return f"{shown} cannot be used here: write {REPLACEMENTS[character]} instead."
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and plain.isascii() and plain.isalnum():
        return f"{shown} looks like a plain {plain} but is another character: type {plain}."
    if (digit := unicodedata.digit(character, None)) is not None:
        return f"{shown} is the digit {digit} of another script: type {digit}."
    if character.isalpha():
        return f"{shown} cannot be used in a formula: names are made of the letters a to z and A to Z."
    if character == ".":
        return "A point is only allowed inside a number, such as 0.5."
    return f"{shown} cannot be used in a formula: only numbers, names, + - * / ** and parentheses."


def translate(node: ast.expr, text: str) -> Node:
    """Translate Python's tree into ours, from an allow-list. Raises ExpressionError for everything else."""
    start, end = node.col_offset, node.end_col_offset or len(text)

    def operation(name: str, *operands: ast.expr) -> Operation:
        return Operation(name, tuple(translate(operand, text) for operand in operands), start, end)

    match node:
        case ast.Constant(value=int() | float() as value):
            return Number(float(value), start, end)
        case ast.Name(id=name) if name in OPERATIONS:
            arguments = ", ".join("ab"[: ARITY[name]])
            raise ExpressionError(f"{name} is a function: write {name}({arguments}).", text, start, end)
        case ast.Name(id=name):
            return Name(name, start, end)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return translate(operand, text)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
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
                f"{name} is not a function here. The functions are {known}. To multiply, write *.",
                *(text, function.col_offset, function.end_col_offset or len(text)),
            )
        case ast.Tuple(elts=[]):
            raise ExpressionError("These parentheses are empty. Type something between them.", text, start, end)
        case ast.Tuple():
            raise ExpressionError(
                "A comma is only allowed between the two arguments of a function. Type fractions with a point: 0.5.",
                *(text, start, end),
            )
    raise ExpressionError("This is not a number, name, operation or function.", text, start, end)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all nodes below it: operands first, from left to right."""
    if isinstance(node, Operation):
        for operand in node.operands:
            yield from walk(operand)
    yield node
