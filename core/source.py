"""The source code of classes and functions, and a parser that several threads can use."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from functools import cache, wraps
from threading import RLock


@cache
def source(thing: type | Callable) -> tuple[str, int]:
    """Return the source of a class or function and the number of its first line."""
    lines, first = inspect.getsourcelines(thing)
    return "".join(lines), first


@cache
def make_parser_thread_safe() -> None:
    """Make `ast.parse` let one thread in at a time, whoever calls it: Streamlit, Numba, `inspect` or this project.

    Before 3.11.8 and 3.12.2, CPython's parser keeps its recursion depth in one place for all threads. If two threads
    parse at the same time, it may raise "AST constructor recursion depth mismatch" for correct code.
    """
    if sys.version_info >= (3, 12, 2):
        return
    parse, lock = ast.parse, RLock()

    @wraps(parse)
    def parse_alone(*arguments, **options):
        with lock:
            return parse(*arguments, **options)

    ast.parse = parse_alone
