"""Patch features of an image: our encoder against the same computation with PyTorch's convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d

from benchmarks.measure import Result, time_interleaved
from core.classify.patch_features import CONTRAST_FLOOR, PatchEncoder, PatchSettings


def run(quick: bool) -> Iterator[Result]:
    """Time one image of 32 x 32 pixels in three colours, with few and with many patches."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    for patches in (400,) if quick else (400, 1_600):
        encoder = PatchEncoder(images, PatchSettings(patches, grid=3))
        encoders = {"ours": encoder.encode, "torch conv2d": with_convolution(encoder)}
        medians = time_interleaved({name: partial(encode, images[0]) for name, encode in encoders.items()})
        yield Result("Patch features of one image", f"{patches:,} patches of 6 x 6 pixels", medians)


def with_convolution(encoder: PatchEncoder) -> Callable[[np.ndarray], np.ndarray]:
    """Return the same encoder, in which a convolution compares every position with the filters.

    Brightness and contrast of a patch are those of a pooling window, and can be removed after the convolution. The
    grid must divide the number of positions along each axis, because PyTorch's cells would overlap otherwise.
    """
    size, threshold, grid = encoder.settings.size, encoder.settings.threshold, encoder.settings.grid
    filters = torch.from_numpy(encoder.filters.T.copy()).view(-1, size, size, 3).permute(0, 3, 1, 2).contiguous()
    sums, bias = filters.sum((1, 2, 3)).view(-1, 1, 1), torch.from_numpy(encoder.bias).view(-1, 1, 1)

    def encode(image: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        mean = avg_pool2d(pixels.mean(1), size, 1)
        squares = avg_pool2d(pixels.square().mean(1), size, 1)
        contrast = (squares - mean.square() + CONTRAST_FLOOR).sqrt()
        responses = (conv2d(pixels, filters)[0] - sums * mean) / contrast + bias
        both = [adaptive_avg_pool2d(torch.relu(each - threshold), grid) for each in (responses, -responses)]
        return torch.stack(both).permute(2, 3, 0, 1).reshape(-1).half().numpy()

    return encode
