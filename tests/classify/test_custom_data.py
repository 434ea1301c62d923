"""Custom datasets: which uploads become datasets, and which are rejected before they can do harm."""

import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.classify import custom_data, datasets
from core.classify.custom_data import class_of, import_files, import_npz, import_zip
from core.classify.datasets import DatasetError, get_info, load


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


def check_progress(fraction: float, text: str) -> None:
    assert 0 <= fraction <= 1


def png(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    buffer.seek(0)
    return buffer


def npz(**arrays) -> io.BytesIO:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    buffer.seek(0)
    return buffer


ANIMALS = {f"pets/cat/{i}.png": png((250, i, 0)) for i in range(10)} | {
    f"pets/dog/{i}.PNG": png((0, i, 250)) for i in range(5)
}


def test_a_zip_of_folders_becomes_a_dataset():
    name = import_zip(
        zipped(ANIMALS | {"__MACOSX/pets/cat/._1.png": b"x", ".DS_Store": b"x", "pets/notes.txt": b"x"}), check_progress
    )
    dataset = load(name)
    assert dataset.classes == ("cat", "dog")
    assert dataset.x_train.shape == (12, 32, 32, 3)
    assert np.bincount(dataset.y_test).tolist() == [2, 1]
    for images, labels in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        np.testing.assert_array_equal(images[:, 0, 0, 0] > 100, labels == 0)
    assert get_info(name).image_shape == (32, 32, 3)
    assert get_info(name).classes == ("cat", "dog")
    assert get_info(name).is_available


def test_the_name_depends_on_the_images_only():
    assert import_zip(zipped(ANIMALS), check_progress) == import_files(ANIMALS.items(), len(ANIMALS), check_progress)
    assert import_zip(zipped(ANIMALS | {"pets/dog/9.png": png((1, 2, 3))}), check_progress) != import_zip(
        zipped(ANIMALS), check_progress
    )


def test_grey_images_stay_grey():
    grey = {f"{kind}/{i}.png": png((i, i, i)) for kind in "ab" for i in range(3)}
    assert load(import_zip(zipped(grey), check_progress)).x_train.shape == (4, 28, 28)


@pytest.mark.parametrize(
    "path", ["../cat/1.png", "a/../../cat/1.png", "/etc/cat/1.png", "\\cat\\1.png", "C:\\cat\\1.png", "a/..\\cat/1.png"]
)
def test_paths_outside_the_folder_are_rejected(path, data_dir):
    with pytest.raises(DatasetError, match="points outside its folder"):
        import_zip(zipped(ANIMALS | {path: png((0, 0, 0))}), check_progress)
    assert not list(data_dir.rglob("*.png"))


def test_the_last_folder_is_the_class():
    assert class_of("a/b/c.png") == "b"
    assert class_of("a\\b\\c.jpg") == "b"
    assert class_of("a/b/c.txt") is None
    assert class_of("a/.hidden/c.png") is None


def test_a_zip_bomb_is_rejected_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_UNPACKED", 40 * 2**20)
    bomb = zipped({f"a/{i}.png": bytes(15 * 2**20) for i in range(4)})
    assert len(bomb.getvalue()) < 2**17
    with pytest.raises(DatasetError, match="would unpack to 4 files of 60 MB together"):
        import_zip(bomb, check_progress)


def test_a_zip_with_false_sizes_is_rejected():
    data = zipped({"a/1.png": bytes(30 * 2**20), "b/1.png": png((0, 0, 0))}).getvalue()
    honest = (30 * 2**20).to_bytes(4, "little")
    assert honest in data
    with pytest.raises(DatasetError):
        import_zip(io.BytesIO(data.replace(honest, (100).to_bytes(4, "little"))), check_progress)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "found no images"),
        ({"cat/1.png": png((1, 2, 3)), "cat/2.png": png((1, 2, 3))}, r"found 1 \(cat\)"),
        ({"1.png": png((1, 2, 3))}, "is not in a folder"),
        ({"cat/1.png": b"text named .png", "dog/1.png": png((1, 2, 3))}, "cat/1.png is not a readable image"),
        (
            {"cat/1.png": png((1, 2, 3)), "dog/1.png": png((1, 2, 3)), "dog/2.png": png((1, 2, 3))},
            "cat has only one image",
        ),
        ({f"{i}/{j}.png": png((i, 2, 3)) for i in range(101) for j in range(2)}, "found 101"),
    ],
)
def test_a_zip_that_is_not_a_dataset_is_explained(files, says, data_dir):
    with pytest.raises(DatasetError, match=says):
        import_zip(zipped(files), check_progress)
    assert not list(data_dir.rglob("own-*"))


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 but damaged"])
def test_files_that_are_not_zips_are_explained(data):
    with pytest.raises(DatasetError, match="This zip cannot be read"):
        import_zip(io.BytesIO(data), check_progress)


def test_too_many_images_are_rejected(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_FILES", 14)
    with pytest.raises(DatasetError, match="more than 14 images"):
        import_zip(zipped(ANIMALS), check_progress)


def arrays(**changed) -> dict:
    rng = np.random.default_rng(0)
    good = {
        "x_train": rng.integers(0, 256, (30, 10, 12), dtype=np.uint8),
        "y_train": np.arange(30) % 3,
        "x_test": rng.integers(0, 256, (6, 10, 12), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }
    return {key: value for key, value in (good | changed).items() if value is not None}


def test_an_npz_becomes_a_dataset():
    given = arrays()
    dataset = load(import_npz(npz(**given)))
    for key in datasets.ARRAY_NAMES:
        np.testing.assert_array_equal(getattr(dataset, key), given[key])
    assert dataset.classes == ("0", "1", "2")
    assert load(import_npz(npz(**arrays(classes=np.array(["one", "two", "three"]))))).classes == ("one", "two", "three")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"x_train": None}, "x_train"),
        ({"x_train": np.array([{"an": "object"}] * 30, dtype=object)}, "pickled objects"),
        ({"classes": np.array(["a", None], dtype=object)}, "pickled objects"),
        ({"classes": np.array(["x" * 100] * 3)}, "at most 60 characters"),
        ({"x_train": np.zeros((30, 10, 12))}, "float64"),
        ({"x_train": np.zeros((30, 200, 200), np.uint8), "x_test": np.zeros((6, 200, 200), np.uint8)}, "shape"),
        ({"x_train": np.zeros((30, 10, 12, 4), np.uint8)}, "shape"),
        ({"x_train": np.zeros(30, np.uint8)}, "shape"),
        ({"y_train": np.arange(29) % 3}, "30 images, but y_train has 29 labels"),
        ({"y_train": np.arange(30) - 1}, "labels"),
        ({"y_train": np.arange(30) * 100}, "labels"),
        ({"y_train": np.zeros(30, int), "y_test": np.zeros(6, int)}, "one class"),
    ],
)
def test_an_npz_that_is_not_a_dataset_is_explained(changed, says, data_dir):
    with pytest.raises(DatasetError, match=says):
        import_npz(npz(**arrays(**changed)))
    assert not list(data_dir.rglob("own-*"))


def test_an_npz_that_would_fill_the_memory_is_rejected(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_VALUES", 4_000)
    with pytest.raises(DatasetError, match="would take"):
        import_npz(npz(**arrays()))


def test_guessed_and_forged_names_are_rejected():
    with pytest.raises(DatasetError, match="has been deleted"):
        load("own-" + "0" * 24)
    for name in ("own-../../etc/passwd", "own-" + "g" * 24, "../own", "own-" + "0" * 25):
        with pytest.raises(DatasetError, match="Unknown dataset"):
            load(name)


def test_the_least_recently_used_dataset_is_deleted_first(data_dir, monkeypatch):
    first = import_npz(npz(**arrays()))
    os.utime(datasets.path_of(first), (1, 1))
    monkeypatch.setattr(custom_data, "CACHE_LIMIT", 1)
    second = import_zip(zipped(ANIMALS), check_progress)
    assert load(second)
    assert not datasets.path_of(first).exists()
