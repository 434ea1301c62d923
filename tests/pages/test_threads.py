"""The server computes in one thread and leaves the other cores to the runs."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import torch
from threadpoolctl import threadpool_info
from pages.ui import run_panel

run_panel.dispatcher()
import scipy.linalg  # a library that a page loads later is limited as well
print({library["num_threads"] for library in threadpool_info()} | {torch.get_num_threads()})
"""


def test_every_library_of_the_server_uses_one_thread(tmp_path):
    many = {f"{library}_NUM_THREADS": "2" for library in ("OMP", "OPENBLAS", "MKL")}
    environment = {**os.environ, **many, "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT]
    output = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "{1}"
