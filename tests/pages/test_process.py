"""The settings of the server process."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import ctypes
import numpy as np
from pages.ui.process import MMAP_THRESHOLD_BYTES, configure_malloc

class MallInfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd u f uordblks fordblks k".split()]

library = ctypes.CDLL(None)
library.mallinfo2.restype = MallInfo2
{setting}
larger = np.empty(8 * MMAP_THRESHOLD_BYTES, np.uint8)
del larger  # by default, glibc now takes smaller blocks from its heap
before = library.mallinfo2().hblkhd
block = np.empty(2 * MMAP_THRESHOLD_BYTES, np.uint8)
print(library.mallinfo2().hblkhd - before >= 2 * MMAP_THRESHOLD_BYTES)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is a function of glibc")
@pytest.mark.parametrize(("setting", "separate"), [("", "False"), ("configure_malloc()", "True")])
def test_large_blocks_are_allocated_outside_the_heap(setting, separate):
    command = [sys.executable, "-c", SCRIPT.format(setting=setting)]
    output = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert output.strip() == separate


def test_threads_wait_for_each_other_for_less_than_python_s_default():
    command = [sys.executable, "-c", "import sys; from pages.ui.process import *; configure_process()"]
    command[-1] += "; print(sys.getswitchinterval() == SWITCH_INTERVAL < 0.005)"
    assert subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip() == "True"
