"""The server computes with one thread: the others belong to the runs."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import torch
from threadpoolctl import threadpool_info
from pages.ui import live

live.engine()
import scipy.linalg  # what a page loads later must keep to it, too
print({library["num_threads"] for library in threadpool_info()} | {torch.get_num_threads()})
"""


def test_a_server_s_libraries_use_one_thread_each(tmp_path):
    many = {f"{library}_NUM_THREADS": "2" for library in ("OMP", "OPENBLAS", "MKL")}
    environment = {**os.environ, **many, "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT]
    told = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.strip() == "{1}"
