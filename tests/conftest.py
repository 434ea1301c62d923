"""What the tests share: one thread, repeatable examples, and small pictures that can be learned in a moment."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and PyTorch are imported, here and in child processes

import numpy as np
import pytest
from hypothesis import settings

from core.classify.datasets import Dataset

# The same code gets the same verdict at each run, on slow machines, too.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def make_dataset():
    """make_dataset(...) gives a data set of noisy pictures, four classes, each with a pattern of its own."""

    def make_dataset(
        train: int = 200, test: int = 40, shape: tuple[int, ...] = (5, 4), noise: float = 40, seed: int = 0
    ):
        rng = np.random.default_rng(seed)
        patterns = rng.uniform(60, 195, (4, *shape))

        def pictures(size: int) -> tuple[np.ndarray, np.ndarray]:
            labels = rng.permutation(np.arange(size) % 4)
            noisy = patterns[labels] + rng.normal(0, noise, (size, *shape))
            return noisy.clip(0, 255).astype(np.uint8), labels

        return Dataset("patterns", *pictures(train), *pictures(test), classes=("ant", "bee", "cat", "dog"))

    return make_dataset
