"""Presets: settings to start from, each with two sentences on what to watch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from core.plane.config import PlaneConfig


class Preset(NamedTuple):
    """Settings with a name.

    Attributes:
        title: a few words.
        text: two sentences for a student. A test verifies every claim.
        config: the settings.
    """

    title: str
    text: str
    config: PlaneConfig


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "no-hidden-layer": Preset(
            "No hidden layer",
            "Without a hidden layer, the boundary is one straight line, and no line separates the two classes of XOR. "
            "Add a layer of four units and train again.",
            PlaneConfig(dataset="xor", hidden=()),
        ),
    }
)
