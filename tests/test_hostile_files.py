"""Small files that claim, or hold, something huge: each is rejected in a process that may use little memory."""

import io
import json
import struct
import subprocess
import sys
import zipfile
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from core.classify import ClassifyConfig
from core.paths import PROJECT

MEGABYTE = 2**20
CHILD = """
import io, resource, sys
import torch
from core.classify import custom_data, restore_model
from core.classify.datasets import DatasetError, load
from core.classify.weights_file import from_file as read_npz
from core.memorize.weights_file import from_file as read_pt

def restore(data):
    config, checkpoint = read_npz(data)
    restore_model(config, load(config.dataset), checkpoint)

readers = {
    "zip": lambda data: custom_data.import_zip(io.BytesIO(data), lambda *_: None),
    "dataset": lambda data: custom_data.import_npz(io.BytesIO(data)),
    "weights.npz": restore,
    "weights.pt": read_pt,
}
load("mnist-5k")
torch.zeros(1).isfinite()
data = sys.stdin.buffer.read()
idle = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (idle + 300 * 2**20,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    readers[sys.argv[1]](data)
except ValueError as error:
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(f"{grown} MB; {type(error).__name__}: {error}; {type(error.__cause__).__name__}")
else:
    print("accepted")
"""


def bombed(members: dict[str, bytes], compression: int) -> bytes:
    """A zip whose members claim in the table of contents to be 1,000 bytes each."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    data = bytearray(file.getvalue())
    at = -1
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 24 : at + 28] = struct.pack("<L", 1_000)
    return bytes(data)


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def network(config: dict, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, config=np.array(json.dumps(asdict(ClassifyConfig()) | config)), **arrays)
    return file.getvalue()


def black_png(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG", optimize=True)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


ZEROS = bytes(600 * MEGABYTE)
WIDE = torch.zeros(1).expand(30_000, 30_000)  # 3.6 GB as soon as anything is computed from it
PATCHES = {"dataset": "mnist-5k", "features": "patches", "patches": 4_000, "grid": 5, "hidden": []}
FILES = {
    "a bzip2 member in a zip": ("zip", lambda: bombed({"cats/1.png": ZEROS}, zipfile.ZIP_BZIP2)),
    "an LZMA member in a zip": ("zip", lambda: bombed({"cats/1.png": ZEROS}, zipfile.ZIP_LZMA)),
    "a bzip2 member in a dataset": ("dataset", lambda: bombed({"x_train.npy": ZEROS}, zipfile.ZIP_BZIP2)),
    "a bzip2 member in weights.npz": ("weights.npz", lambda: bombed({"config.npy": ZEROS}, zipfile.ZIP_BZIP2)),
    "a bzip2 member in weights.pt": ("weights.pt", lambda: bombed({"archive/data.pkl": ZEROS}, zipfile.ZIP_BZIP2)),
    "an image of 400 megapixels in a zip": ("zip", lambda: zipped({"cats/1.png": black_png(20_000)})),
    "an expanded tensor": (
        "weights.pt",
        lambda: saved(
            {
                "symbols": ["a", "b"],
                "sizes": {"input_size": 4, "hidden_size": 3, "num_layers": 1},
                "lstm": {"weight_ih_l0": WIDE},
                "linear": {"weight": torch.zeros(4, 3), "bias": torch.zeros(4)},
            }
        ),
    ),
    "ten layers of 4,096 units": ("weights.npz", lambda: network({"hidden": [4_096] * 10})),
    "too many patch features": (
        "weights.npz",
        lambda: network(PATCHES, **{"layers.modules.0.weight": np.zeros((200_000, 10), np.float32)}),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_rejected_and_takes_little_memory(name, tmp_path):
    reader, make = FILES[name]
    data = make()
    assert len(data) < MEGABYTE
    child = subprocess.run(
        [sys.executable, "-c", CHILD, reader],
        input=data,
        capture_output=True,
        cwd=PROJECT,
        env={"DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    says = child.stdout.decode()
    assert "MB; " in says, (says, child.stderr.decode()[-2_000:])
    assert "MemoryError" not in says, says
    assert int(says.split()[0]) < 100, says
