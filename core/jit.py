"""Just-in-time compilation of loops over numbers with Numba, on the first call; the machine code is cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def jit(function: Callable) -> Any:
    """Compile a function. Where no folder can be written, not even in the home folder, nothing is cached."""

    def compiled(cache: bool) -> Any:
        # numpy: x / 0 is infinite, as in NumPy, instead of an error
        # contract: a * b + c may be rounded once, not twice
        return njit(cache=cache, error_model="numpy", fastmath={"contract"})(function)

    try:
        return compiled(cache=True)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return compiled(cache=False)
