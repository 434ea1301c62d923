"""Loops over numbers, jit by Numba when they are first called and kept on disk for the next time."""

from numba import njit

# numpy: x / 0 is infinite, as in NumPy, and no error. contract: a * b + c is rounded once, not twice.
jit = njit(cache=True, error_model="numpy", fastmath={"contract"})
