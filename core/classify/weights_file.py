"""weights.npz: the weights of a trained classifier and its config."""

from __future__ import annotations

import io
import json
from dataclasses import asdict

import numpy as np

from core.archive import READ_ERRORS, ArchiveLimits, open_archive, read_array
from core.classify.config import MAX_LAYERS, MAX_PARAMETERS, ClassifyConfig
from core.training import Checkpoint, prefixed

MAX_BYTES = 4 * MAX_PARAMETERS + 2**20
MAX_ARRAYS = 2 * (MAX_LAYERS + 1) + 1  # weight and bias of each layer, and the config


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
        with open_archive(data, ArchiveLimits(MAX_ARRAYS, MAX_BYTES)) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name != "config.npy"]
            config = ClassifyConfig(**json.loads(str(read_array(archive, "config"))))
            arrays = {name: read_array(archive, name) for name in names}
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("its weights are not all finite numbers")
    except READ_ERRORS as error:
        raise ValueError(
            f"This is not a weights.npz from this page ({' '.join(str(error).split()):.160}). Choose a file that was "
            "downloaded here."
        ) from error
    return config, Checkpoint(prefixed("model", arrays), {})
