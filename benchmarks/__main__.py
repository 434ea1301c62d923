"""`python -m benchmarks`: every comparison, its table, and all of it as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Times this project beside its peers.")
parser.add_argument("--only", metavar="NAME", nargs="+", help="some of lstm, mlp, goals, memory, dashboard")
parser.add_argument("--threads", type=int, default=1, help="for every contestant (default: 1, as a run has them)")
parser.add_argument("--quick", action="store_true", help="fewer sizes and less data, to see that it works")
parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"), help="the JSON file")
options = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(options.threads)  # which is read when NumPy and PyTorch are loaded

from benchmarks import dashboard, goals, lstm, measure, memory, mlp  # noqa: E402

SUITES = {"lstm": lstm.run, "mlp": mlp.run, "goals": goals.run, "memory": memory.run, "dashboard": dashboard.run}


def main() -> None:
    unknown = set(options.only or ()) - SUITES.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose of {', '.join(SUITES)}")
    facts = measure.machine()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    print("Medians; in brackets, ours divided by the other's: below 1, ours is faster or smaller.")
    results = []
    for name in options.only or SUITES:
        for section, group in groupby(SUITES[name](options.quick), key=lambda result: result.section):
            of_section = []
            for result in group:
                print(".", end="", file=sys.stderr, flush=True)
                of_section.append(result)
            print(f"\n{section}\n{'-' * len(section)}\n{measure.table(of_section)}", flush=True)
            results += of_section
    written = {"machine": facts, "results": [{**asdict(result), "ratios": result.ratios} for result in results]}
    options.output.write_text(json.dumps(written, indent=1))
    print(f"\nWritten to {options.output}")


main()
