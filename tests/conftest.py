"""Shared by all tests: one thread, reproducible Hypothesis examples, and a small dataset that is learned quickly."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and PyTorch are imported, here and in child processes

import numpy as np
import pytest
from hypothesis import settings

from core.classify.datasets import Dataset
from core.source import make_parser_thread_safe

make_parser_thread_safe()  # as in the app: some tests parse while a worker's thread of an earlier one still does

# The same code gets the same result in every run, also on slow machines.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def make_dataset():
    """Return make_dataset(...), which makes a dataset of noisy images in four classes, each with its own pattern."""

    def make_dataset(
        train: int = 200, test: int = 40, shape: tuple[int, ...] = (5, 4), noise: float = 40, seed: int = 0
    ):
        rng = np.random.default_rng(seed)
        patterns = rng.uniform(60, 195, (4, *shape))

        def images(size: int) -> tuple[np.ndarray, np.ndarray]:
            labels = rng.permutation(np.arange(size) % 4)
            noisy = patterns[labels] + rng.normal(0, noise, (size, *shape))
            return noisy.clip(0, 255).astype(np.uint8), labels

        return Dataset("patterns", *images(train), *images(test), classes=("ant", "bee", "cat", "dog"))

    return make_dataset
