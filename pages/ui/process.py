"""Settings of the server process: how it allocates memory, and how its threads take turns and parse code."""

import ctypes
import platform
import sys
from functools import cache

from core.source import make_parser_thread_safe

M_MMAP_THRESHOLD = -3  # from <malloc.h>
MMAP_THRESHOLD_BYTES = 2**20
# Seconds until Python interrupts a thread that another one waits for. A page hands over often: for the database, and
# for each message to a browser. With a class of thirty, 95 % of the redraws took at most 0.28 s with Python's 5 ms,
# and at most 0.20 s with this.
SWITCH_INTERVAL = 0.0005


def configure_process() -> None:
    """Apply all settings. Repeated calls have no effect."""
    configure_malloc()
    sys.setswitchinterval(SWITCH_INTERVAL)
    make_parser_thread_safe()


@cache
def configure_malloc() -> None:
    """Make glibc return freed blocks of MMAP_THRESHOLD_BYTES or more to the system.

    By default, glibc raises this threshold to the largest block freed so far, up to 32 MB, and then takes such blocks
    from its heap, which cannot shrink while a small block sits at its end. With a class of thirty training, the server
    grew by 20 MB per minute, all of it free memory. See mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
