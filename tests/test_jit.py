"""Compilation: also where no folder can be written."""

import tempfile

from core.jit import jit


def test_without_a_folder_for_the_cache_functions_are_compiled_all_the_same(monkeypatch):
    def read_only(*arguments, **options):
        raise OSError("Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)  # which Numba looks for a folder with

    @jit
    def twice(x):
        return 2 * x

    assert twice(21) == 42
    assert twice.signatures, "it was compiled"


def test_the_machine_code_is_cached():
    @jit
    def half(x):
        return x / 2

    assert half(0.0) == 0
    assert half.stats.cache_hits or half.stats.cache_misses, "it was loaded, or compiled and saved"
