"""Python's parser, for one thread at a time, and the source of what runs.

Before 3.11.8, Python keeps the depth of the tree that it builds in one place for all threads: with two students at a
time it may say "AST constructor recursion depth mismatch" about a text that has nothing wrong.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import cache
from threading import Lock

one_at_a_time = Lock()


def syntax_tree(text: str, mode: str = "exec") -> ast.AST:
    """See `ast.parse`. Raises SyntaxError."""
    with one_at_a_time:
        return ast.parse(text, mode=mode)


@cache
def source(thing: type | Callable) -> tuple[str, int]:
    """The source of a class or function that a module defines, and the number of its first line."""
    with one_at_a_time:  # a class is found by parsing its whole file
        lines, first = inspect.getsourcelines(thing)
    return "".join(lines), first
