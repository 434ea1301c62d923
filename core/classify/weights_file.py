"""weights.npz: the weights of a trained classifier and its config."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict

import numpy as np

from core.classify.config import MAX_PARAMETERS, ClassifyConfig
from core.classify.datasets import READ_ERRORS
from core.training import Checkpoint, prefixed

MAX_BYTES = 4 * MAX_PARAMETERS + 2**20


def to_file(config: ClassifyConfig, checkpoint: Checkpoint) -> bytes:
    """Write `config` as JSON text and one array per parameter, such as layers.modules.0.weight, as an .npz."""
    file = io.BytesIO()
    np.savez_compressed(
        file, allow_pickle=False, config=np.array(json.dumps(asdict(config))), **checkpoint.section("model")
    )
    return file.getvalue()


def from_file(data: bytes) -> tuple[ClassifyConfig, Checkpoint]:
    """Read what `to_file` wrote. The file is never executed, and its unpacked size is checked first.

    Raises ValueError with a sentence for a student for any other file.
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
            f"This is not a weights.npz from this page ({' '.join(str(error).split()):.160}). Choose a file that was "
            "downloaded here."
        ) from error
    return config, Checkpoint(prefixed("model", arrays), {})
