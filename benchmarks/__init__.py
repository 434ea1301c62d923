"""Timings beside what people would take instead: `python -m benchmarks` prints tables and writes results.json here.

Every comparison is interleaved: each contestant once, then each again, so that what else the machine does meets all
alike. Compared are medians, with the same number of threads for all.
"""
