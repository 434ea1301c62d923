"""The server gives large blocks of memory back."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import ctypes
import numpy as np
from pages.ui.malloc import LARGE, configure_malloc

class Facts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd u f uordblks fordblks k".split()]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Facts
{setting}
larger = np.empty(8 * LARGE, np.uint8)
del larger  # from now on, glibc would cut smaller ones from its heap
before = library.mallinfo2().hblkhd
block = np.empty(2 * LARGE, np.uint8)
print(library.mallinfo2().hblkhd - before >= 2 * LARGE)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps large blocks")
@pytest.mark.parametrize(("setting", "apart"), [("", "False"), ("configure_malloc()", "True")])
def test_large_blocks_lie_apart_from_the_heap(setting, apart):
    command = [sys.executable, "-c", SCRIPT.format(setting=setting)]
    told = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert told.strip() == apart
