"""Parsing and reading source code in several threads at once."""

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import source
from core.memorize import lstm


@pytest.fixture
def thread_switches():
    """Collect garbage often while a tree is built, and switch threads each time."""
    threshold = gc.get_threshold()
    gc.set_threshold(100)
    gc.callbacks.append(switch_thread)
    yield
    gc.callbacks.remove(switch_thread)
    gc.set_threshold(*threshold)


def switch_thread(*_):
    time.sleep(0)


def test_threads_can_parse_at_the_same_time(thread_switches):
    source.make_parser_thread_safe()
    text = Path(lstm.__file__).read_text()
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(ast.parse, [text] * 8))
    assert len({ast.dump(tree) for tree in trees}) == 1


def test_source_returns_the_text_and_the_line_of_the_file():
    text, first = source.source(lstm.MyLSTM)
    lines = Path(lstm.__file__).read_text().splitlines(keepends=True)
    assert text.startswith("class MyLSTM(")
    assert "".join(lines[first - 1 :]).startswith(text)
