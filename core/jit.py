"""Just-in-time compilation of loops over numbers with Numba, on the first call; the machine code is cached on disk."""

from numba import njit

# numpy: x / 0 is infinite, as in NumPy, instead of an error. contract: a * b + c may be rounded once, not twice.
jit = njit(cache=True, error_model="numpy", fastmath={"contract"})
