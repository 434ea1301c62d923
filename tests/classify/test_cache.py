"""The size limit of cache folders."""

import os

from core.classify.cache import evict_least_recently_used


def test_the_least_recently_used_files_are_deleted(tmp_path):
    for age, name in enumerate(["new.npy", "middle.npy", "old.npy", "oldest.txt"]):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    evict_least_recently_used(tmp_path, "*.npy", 20)
    assert {path.name for path in tmp_path.iterdir()} == {"new.npy", "middle.npy", "oldest.txt"}
    evict_least_recently_used(tmp_path, "*.npy", 5)
    assert {path.name for path in tmp_path.iterdir()} == {"new.npy", "oldest.txt"}, "the newest file always stays"
