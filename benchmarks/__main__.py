"""Run all benchmarks, print their tables and save everything as JSON: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

SUITE_NAMES = ("lstm", "mlp", "plane", "formula", "features", "goals", "memory", "dashboard")

parser = argparse.ArgumentParser(
    prog="python -m benchmarks",
    description="Compare the networks with the usual alternatives, and measure the dashboard in Chromium.",
    epilog="The load test of a whole class is separate: python -m benchmarks.classroom --help",
)
parser.add_argument("--only", metavar="NAME", nargs="+", help=f"run only these benchmarks: {', '.join(SUITE_NAMES)}")
parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads per contestant (default: 1)")
parser.add_argument("--quick", action="store_true", help="use fewer sizes and less data, to check that it works")
parser.add_argument(
    "--output",
    type=Path,
    metavar="FILE",
    default=Path(__file__).with_name("results.json"),
    help="where to save the results as JSON (default: benchmarks/results.json)",
)
options = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(options.threads)  # read when NumPy and PyTorch are imported

from benchmarks import dashboard, features, formula, goals, lstm, measure, memory, mlp, plane  # noqa: E402

SUITES = dict(
    zip(
        SUITE_NAMES,
        (lstm.run, mlp.run, plane.run, formula.run, features.run, goals.run, memory.run, dashboard.run),
        strict=True,
    )
)


def main() -> None:
    unknown = set(options.only or ()) - SUITES.keys()
    if unknown:
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; choose from {', '.join(SUITES)}")
    environment = measure.environment()
    print("\n".join(f"{name}: {value}" for name, value in environment.items()))
    print("Medians. In brackets: ours divided by the other's; below 1, ours is faster or smaller.")
    results = []
    for name in options.only or SUITES:
        for section, group in groupby(SUITES[name](options.quick), key=lambda result: result.section):
            section_results = []
            for result in group:
                print(".", end="", file=sys.stderr, flush=True)
                section_results.append(result)
            print(f"\n{section}\n{'-' * len(section)}\n{measure.format_table(section_results)}", flush=True)
            results += section_results
    document = {
        "environment": environment,
        "results": [{**asdict(result), "ratios": result.ratios} for result in results],
    }
    options.output.write_text(json.dumps(document, indent=1))
    print(f"\nSaved to {options.output}")


main()
