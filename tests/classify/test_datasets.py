"""Datasets: loading, rejected files and their reasons, and downloads that succeed, fail or are interrupted."""

import gc
import hashlib
import io
import os
import weakref
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.classify import datasets
from core.classify.datasets import DATASETS, DatasetError, load

NAMES = [name for name, info in DATASETS.items() if not info.is_builtin]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


def arrays(name: str, train: int = 30, test: int = 20) -> dict[str, np.ndarray]:
    """Random images in the layout of this dataset's file."""
    rng, shape = np.random.default_rng(0), DATASETS[name].image_shape
    return {
        "x_train": rng.integers(0, 256, (train, *shape), np.uint8),
        "y_train": (np.arange(train) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (test, *shape), np.uint8),
        "y_test": (np.arange(test) % 10).astype(np.uint8),
    }


# Loading


def test_the_built_in_digits_are_split_evenly_by_class():
    data = load("mnist-5k")
    assert data.x_train.shape == (4_000, 28, 28)
    assert data.x_test.shape == (1_000, 28, 28)
    assert data.x_train.dtype == np.uint8
    assert (np.bincount(data.y_train) == 400).all()
    assert (np.bincount(data.y_test) == 100).all()
    train, test = ({image.tobytes() for image in images} for images in (data.x_train, data.x_test))
    assert not train & test, "no test image is trained on"
    assert load("mnist-5k") is data
    assert len(np.unique(data.y_train[:100])) == 10, "they are in random order"


@pytest.mark.parametrize(
    ("array", "sha256"),
    [
        ("x_train", "8f226914fd20fd8fcb7d88b33c0b6f127eefa53cefa4ca279dae5408b3377c3c"),
        ("y_train", "56398abfd417adc4a9061b9b8284538e63cf41b4e0d4f15a9b59fc11ad96eb20"),
        ("x_test", "01c7a1a7215d862b385614ae61249c5a7b2c8e3038e1d8a9fc1916bbbbdc979c"),
        ("y_test", "4d1a62c07ce86bf79ed01f48f37c22bab05e4e8c98ff006e695837c3fa3ac2a1"),
    ],
)
def test_the_built_in_digits_never_change(array, sha256):
    """Runs of different versions are only comparable on the same images in the same order."""
    assert hashlib.sha256(getattr(load("mnist-5k"), array).tobytes()).hexdigest() == sha256


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_the_layout_of_keras_is_loaded(folder, name):
    written = arrays(name)
    np.savez(folder / f"{name}.npz", **written)
    assert DATASETS[name].is_available
    data = load(name)
    for key, array in written.items():
        np.testing.assert_array_equal(getattr(data, key), array)
    assert data.y_train.dtype == np.int64
    assert data.classes == DATASETS[name].classes
    with pytest.raises(ValueError, match="read-only"):
        data.x_train[0] = 0


def test_a_column_of_labels_and_a_compressed_file_are_accepted(folder):
    written = arrays("cifar10")
    np.savez_compressed(folder / "cifar10.npz", **written | {"y_train": written["y_train"][:, None].astype(np.int64)})
    assert load("cifar10").y_train.shape == (30,)


def test_a_replaced_file_is_read_again(folder):
    np.savez(folder / "mnist.npz", **arrays("mnist"))
    assert load("mnist") is load("mnist")
    np.savez(folder / "mnist.npz", **arrays("mnist", train=11))
    os.utime(folder / "mnist.npz", ns=(1, 1))
    assert len(load("mnist").y_train) == 11


def test_a_dataset_that_is_in_use_is_in_memory_only_once(folder):
    for name in NAMES:
        np.savez(folder / f"{name}.npz", **arrays(name))
    in_use = load("mnist")
    for other in NAMES:
        load(other)
    assert load("mnist") is in_use


def test_a_dataset_that_nobody_uses_is_forgotten(folder):
    for name in NAMES:
        np.savez(folder / f"{name}.npz", **arrays(name))
    unused = weakref.ref(load("mnist"))
    assert unused() is not None, "the last ones that were used stay"
    for other in set(NAMES) - {"mnist"}:
        load(other)
    gc.collect()
    assert unused() is None


def test_the_error_for_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DatasetError, match=r"Unknown dataset 'minst'. Choose one of mnist-5k, mnist"):
        load("minst")


# Rejected files


def saved(**changes) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{key: array for key, array in (arrays("mnist") | changes).items() if array is not None})
    return buffer.getvalue()


def with_member(name: str, content: bytes) -> bytes:
    """A good file in which one array is replaced by these bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved())) as good, zipfile.ZipFile(buffer, "w") as bad:
        for member in good.namelist():
            bad.writestr(member, content if member == name else good.read(member))
    return buffer.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 28, 28)}\n"
BAD_FILES = {
    "empty": (b"", "not a zip file"),
    "a text": (b"these are no digits", "not a zip file"),
    "truncated": (saved()[:-3000], "not a zip file"),
    "a plain array": (b"\x93NUMPY\x01\x00" + bytes(100), "not a zip file"),
    "other arrays": (saved(y_test=None), "it contains x_train, y_train, x_test"),
    "pickled": (saved(y_train=np.array([{}] * 30, dtype=object)), "pickled objects"),
    "floats": (saved(x_train=np.zeros((30, 28, 28), np.float32)), "x_train is float32"),
    "of another shape": (saved(x_test=np.zeros((20, 32, 32), np.uint8)), r"x_test is uint8 of shape \(20, 32, 32\)"),
    "no images": (saved(x_test=np.zeros((0, 28, 28), np.uint8)), r"x_test is uint8 of shape \(0, 28, 28\)"),
    "labels too few": (saved(y_train=np.zeros(29, np.uint8)), "30 images, but y_train has 29 labels"),
    "labels too large": (saved(y_train=np.full(30, 10)), "range from 10 to 10"),
    "labels below 0": (saved(y_train=np.full(30, -1)), "range from -1 to -1"),
    "labels that are words": (saved(y_train=np.array(["one"] * 30)), "y_train is <U3"),
    "no array inside": (with_member("x_train.npy", b"nothing"), "cannot be used"),
    "claims too much": (with_member("x_train.npy", header(HUGE % 10**12)), r"shape \(1000000000000, 28, 28\)"),
    "shorter than it says": (with_member("x_train.npy", header(HUGE % 30) + bytes(99)), "cannot be used"),
    "longer than it says": (with_member("x_test.npy", header(HUGE % 20) + bytes(20 * 28 * 28 + 1)), "longer than"),
    "a header that is a program": (with_member("x_train.npy", header("__import__('os').abort()\n")), "cannot be used"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_rejected_with_its_path_and_stays_unchanged(folder, kind):
    content, reason = BAD_FILES[kind]
    path = folder / "mnist.npz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=reason) as refusal:
        load("mnist")
    assert str(path) in str(refusal.value)
    assert "uint8 of shape (n, 28, 28)" in str(refusal.value)
    assert path.read_bytes() == content
    assert list(folder.iterdir()) == [path]


def test_a_damaged_byte_is_detected(folder):
    content = bytearray(saved())
    content[2_000] ^= 1
    (folder / "mnist.npz").write_bytes(content)
    with pytest.raises(DatasetError, match="Bad CRC-32"):
        load("mnist")


def test_a_folder_in_place_of_the_file_is_rejected(folder):
    (folder / "mnist.npz").mkdir()
    with pytest.raises(DatasetError, match="Is a directory"):
        load("mnist")


# Downloads: torchvision runs in a subprocess, in which a fake module replaces it

TORCHVISION = """
import gzip, pathlib, sys, time
import numpy as np

class datasets:
    class MNIST:
        def __init__(self, folder, train, download):
            assert download
            file = pathlib.Path(folder, "MNIST", "raw", f"train-{train}.gz")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes(5_000_000))
            time.sleep(0.3)
            n = 30 if train else 20
            self.data = np.full((n, 28, 28), 7, np.uint8)
            self.targets = np.arange(n) % 10
            WHAT_HAPPENS
"""


@pytest.fixture
def torchvision(tmp_path_factory, monkeypatch):
    """torchvision("a line") installs a fake torchvision that downloads a little and then executes the line."""

    def install(what_happens: str = "pass") -> None:
        place = tmp_path_factory.mktemp("modules")
        (place / "torchvision.py").write_text(TORCHVISION.replace("WHAT_HAPPENS", what_happens))
        monkeypatch.setenv("PYTHONPATH", str(place))

    return install


@pytest.mark.slow
def test_a_download_reports_its_progress_and_is_saved(folder, torchvision):
    torchvision()
    shown = []
    data = load("mnist", progress=lambda fraction, text: shown.append((fraction, text)))
    assert len(data.y_train) == 30
    assert {path.name for path in folder.iterdir()} == {"mnist.npz"}
    fractions = [fraction for fraction, _ in shown]
    assert fractions == sorted(fractions)
    assert 0.4 < fractions[-1] <= 1
    assert "Downloading MNIST: 5 of 12 MB" in [text for _, text in shown]
    with np.load(folder / "mnist.npz", allow_pickle=False) as saved_file:
        assert (saved_file["x_test"] == 7).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what_happens", "reason"),
    [
        ("raise OSError('the network is unreachable')", "the network is unreachable. Check the network"),
        ("raise RuntimeError('File not found or corrupted.')", "File not found or corrupted. Check the network"),
        ("sys.stdout.flush(); import os; os._exit(7)", "its process ended with 7"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_failed_download_gives_the_reason_and_leaves_no_file(folder, torchvision, what_happens, reason):
    torchvision(what_happens)
    with pytest.raises(DatasetError, match="MNIST could not be downloaded") as failure:
        load("mnist")
    assert reason in str(failure.value)
    assert "mnist-5k, which is built in" in str(failure.value)
    assert not list(folder.iterdir())


def test_an_interrupted_download_leaves_no_file(folder, torchvision):
    torchvision("time.sleep(60)")

    def interrupt(fraction: float, text: str) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("mnist", progress=interrupt)
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_a_stalled_download_is_cancelled(folder, torchvision, monkeypatch):
    torchvision("time.sleep(60)")
    monkeypatch.setattr(datasets, "DOWNLOAD_TIMEOUT", 2.0)
    with pytest.raises(DatasetError, match="nothing arrived for 2 seconds"):
        load("mnist")
    assert not list(folder.iterdir())


def test_a_torchvision_that_does_not_load_is_explained(folder, tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("modules")
    (place / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.setenv("PYTHONPATH", str(place))
    with pytest.raises(DatasetError, match=r"nms does not exist.*pip install torch torchvision"):
        load("mnist")


def test_torchvision_has_the_class_of_every_downloaded_dataset():
    published = pytest.importorskip(
        "torchvision.datasets", reason="torchvision does not load here", exc_type=RuntimeError
    )
    assert all(hasattr(published, DATASETS[name].torchvision_class) for name in NAMES)


def test_a_folder_that_cannot_be_written_is_explained(folder, torchvision, monkeypatch):
    torchvision()
    (folder / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(folder / "file" / "inside"))
    with pytest.raises(DatasetError, match="could not be downloaded"):
        load("mnist")


def test_availability_is_known_without_loading(folder):
    info = DATASETS["cifar10"]
    assert not info.is_available
    assert info.download_megabytes == 170
    assert DATASETS["mnist-5k"].is_available
    (folder / "cifar10.npz").write_bytes(b"")
    assert info.is_available
