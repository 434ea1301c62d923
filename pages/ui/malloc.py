"""The server's memory: what a page needed for a moment goes back to the system."""

import ctypes
import platform
from functools import cache

M_MMAP_THRESHOLD = -3  # as <malloc.h> has it
LARGE = 2**20  # bytes


@cache
def configure_malloc() -> None:
    """Have the C library give every block of LARGE bytes or more back to the system as soon as it is freed.

    By itself, glibc begins like that but raises its bound to the largest block that it has seen freed, up to 32 MB; it
    then cuts such blocks from its heaps, which a small one at their end keeps from shrinking. While a class of thirty
    learned, the server grew by 20 MB a minute, all of it free memory. See mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
