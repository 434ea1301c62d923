"""A trained classifier as an .npz to take home: its weights, and the config that made them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict

import numpy as np

from core.classify import MAX_PARAMETERS, ClassifyConfig
from core.classify.datasets import READ_ERRORS
from core.training import Checkpoint, prefixed

MAX_BYTES = 4 * MAX_PARAMETERS + 2**20


def to_file(config: ClassifyConfig, checkpoint: Checkpoint) -> bytes:
    """The network as an .npz: `config`, a JSON text, and an array a parameter, such as layers.modules.0.weight."""
    file = io.BytesIO()
    np.savez_compressed(
        file, allow_pickle=False, config=np.array(json.dumps(asdict(config))), **checkpoint.section("model")
    )
    return file.getvalue()


def from_file(data: bytes) -> tuple[ClassifyConfig, Checkpoint]:
    """What `to_file` made. Nothing in it is run, and nothing is unpacked that is larger than a network may be.

    Raises ValueError with a sentence for a student for anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise ValueError(f"it would unpack to more than {MAX_BYTES // 2**20} MB")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            config = ClassifyConfig(**json.loads(str(file["config"])))
            arrays = {name: file[name] for name in file.files if name != "config"}
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("its weights are not all finite numbers")
    except READ_ERRORS as error:
        raise ValueError(
            f"This file holds no network of this page ({' '.join(str(error).split()):.160}). Expected is a weights.npz "
            "that was taken home here."
        ) from error
    return config, Checkpoint(prefixed("model", arrays), {})
