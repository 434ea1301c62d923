"""Reading sources while others do, too."""

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import source
from core.memorize import lstm


@pytest.fixture
def disturbance():
    """Garbage is collected again and again while a tree is built, and lets other threads go on meanwhile."""
    threshold = gc.get_threshold()
    gc.set_threshold(100)
    gc.callbacks.append(let_others_go_on)
    yield
    gc.callbacks.remove(let_others_go_on)
    gc.set_threshold(*threshold)


def let_others_go_on(*_):
    time.sleep(0)


def test_threads_do_not_disturb_one_another(disturbance):
    text = Path(lstm.__file__).read_text()
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(source.syntax_tree, [text] * 8))
    assert len({ast.dump(tree) for tree in trees}) == 1


def test_source_is_what_a_module_says():
    text, first = source.source(lstm.MyLSTM)
    lines = Path(lstm.__file__).read_text().splitlines(keepends=True)
    assert text.startswith("class MyLSTM(")
    assert "".join(lines[first - 1 :]).startswith(text)
