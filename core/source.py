"""Thread-safe `ast.parse` and `inspect.getsourcelines`.

Before 3.11.8, CPython's parser keeps its recursion depth in one place for all threads. If two threads parse at the same
time, it may raise "AST constructor recursion depth mismatch" for correct code.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Literal, overload

_PARSER_LOCK = Lock()


@overload
def syntax_tree(text: str, mode: Literal["exec"] = "exec") -> ast.Module: ...


@overload
def syntax_tree(text: str, mode: Literal["eval"]) -> ast.Expression: ...


def syntax_tree(text: str, mode: Literal["exec", "eval"] = "exec") -> ast.AST:
    """Parse Python code as `ast.parse` does. Raises SyntaxError."""
    with _PARSER_LOCK:
        return ast.parse(text, mode=mode)


@cache
def source(thing: type | Callable) -> tuple[str, int]:
    """Return the source of a class or function and the number of its first line."""
    with _PARSER_LOCK:  # to find a class, inspect parses its whole file
        lines, first = inspect.getsourcelines(thing)
    return "".join(lines), first
