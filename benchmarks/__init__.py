"""Benchmarks against the usual alternatives: `python -m benchmarks` prints tables and writes results.json here.

Contestants are timed in turn within each round, so that other load on the machine affects all of them alike. The
tables compare medians, and all contestants use the same number of threads.
"""
