"""weights.npz: the weights of a network for points in a plane, and its config."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace

import numpy as np

from core.archive import READ_ERRORS, ArchiveLimits, open_archive, read_array
from core.plane.config import MAX_LAYERS, PlaneConfig
from core.plane.edits import SWITCHES
from core.plane.network import fitting_weights, split
from core.training import Checkpoint

LIMITS = ArchiveLimits(members=2 * (MAX_LAYERS + 1) + 1, total_bytes=2**21)  # weights, biases and the config


def parameter_names(config: PlaneConfig) -> list[str]:
    """Return the names of the parameters, input first: layers.0.weight, layers.0.bias, and so on."""
    return [f"layers.{i}.{name}" for i in range(len(config.sizes) - 1) for name in ("weight", "bias")]


def to_file(config: PlaneConfig, checkpoint: Checkpoint) -> bytes:
    """Write `config` as JSON text and one array per parameter, such as layers.0.weight, as an .npz.

    config: with all changes made during the run. Of its edits, only switches are kept: the weights contain the others.
    """
    switches = tuple(edit for edit in config.edits if edit.kind in SWITCHES)
    settings = json.dumps(asdict(replace(config, edits=switches)))
    parameters = split(config, fitting_weights(config, checkpoint))
    file = io.BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        config=np.array(settings),
        **dict(zip(parameter_names(config), parameters, strict=True)),
    )
    return file.getvalue()


def from_file(data: bytes) -> tuple[PlaneConfig, Checkpoint]:
    """Read what `to_file` wrote. The file is never executed, and its unpacked size is checked first.

    Raises ValueError with a sentence for a student for any other file.
    """
    try:
        with open_archive(data, LIMITS) as archive:
            config = PlaneConfig(**json.loads(str(read_array(archive, "config"))))
            parameters = [read_array(archive, name) for name in parameter_names(config)]
        if [array.shape for array in parameters] != list(config.parameter_shapes):
            raise ValueError("its weights do not have the shapes of its network")
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in parameters):
            raise ValueError("its weights are not all finite numbers")
    except READ_ERRORS as error:
        raise ValueError(
            f"This is not a weights.npz from this page ({' '.join(str(error).split()):.160}). Choose a file that was "
            "downloaded here."
        ) from error
    flat = np.concatenate([array.reshape(-1) for array in parameters]).astype(np.float32)
    return config, Checkpoint({"model.flat": flat}, {})
