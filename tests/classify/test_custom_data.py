"""Pictures that somebody brings along: what is kept of them, and what is refused before it can do harm."""

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


def silent(share: float, text: str) -> None:
    assert 0 <= share <= 1


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


def test_a_zip_of_folders_becomes_a_data_set():
    name = import_zip(
        zipped(ANIMALS | {"__MACOSX/pets/cat/._1.png": b"x", ".DS_Store": b"x", "pets/notes.txt": b"x"}), silent
    )
    dataset = load(name)
    assert dataset.classes == ("cat", "dog")
    assert dataset.x_train.shape == (12, 32, 32, 3)
    assert np.bincount(dataset.y_test).tolist() == [2, 1]
    for pictures, labels in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        np.testing.assert_array_equal(pictures[:, 0, 0, 0] > 100, labels == 0)
    assert get_info(name).image_shape == (32, 32, 3)
    assert get_info(name).classes == ("cat", "dog")
    assert get_info(name).is_available


def test_the_same_pictures_have_the_same_name_and_others_another():
    assert import_zip(zipped(ANIMALS), silent) == import_files(ANIMALS.items(), len(ANIMALS), silent)
    assert import_zip(zipped(ANIMALS | {"pets/dog/9.png": png((1, 2, 3))}), silent) != import_zip(
        zipped(ANIMALS), silent
    )


def test_grey_pictures_become_grey_ones():
    grey = {f"{kind}/{i}.png": png((i, i, i)) for kind in "ab" for i in range(3)}
    assert load(import_zip(zipped(grey), silent)).x_train.shape == (4, 28, 28)


@pytest.mark.parametrize(
    "path", ["../cat/1.png", "a/../../cat/1.png", "/etc/cat/1.png", "\\cat\\1.png", "C:\\cat\\1.png", "a/..\\cat/1.png"]
)
def test_a_path_out_of_the_folder_is_refused(path, data_dir):
    with pytest.raises(DatasetError, match="points out of its folder"):
        import_zip(zipped(ANIMALS | {path: png((0, 0, 0))}), silent)
    assert not list(data_dir.rglob("*.png"))


def test_a_class_is_the_last_folder():
    assert class_of("a/b/c.png") == "b"
    assert class_of("a\\b\\c.jpg") == "b"
    assert class_of("a/b/c.txt") is None
    assert class_of("a/.hidden/c.png") is None


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_UNPACKED", 40 * 2**20)
    bomb = zipped({f"a/{i}.png": bytes(15 * 2**20) for i in range(4)})
    assert len(bomb.getvalue()) < 2**17
    with pytest.raises(DatasetError, match="would unpack to 4 files of 60 MB"):
        import_zip(bomb, silent)


def test_a_zip_that_lies_about_its_sizes_is_refused():
    data = zipped({"a/1.png": bytes(30 * 2**20), "b/1.png": png((0, 0, 0))}).getvalue()
    honest = (30 * 2**20).to_bytes(4, "little")
    assert honest in data
    with pytest.raises(DatasetError):
        import_zip(io.BytesIO(data.replace(honest, (100).to_bytes(4, "little"))), silent)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no picture at all"),
        ({"cat/1.png": png((1, 2, 3)), "cat/2.png": png((1, 2, 3))}, "in 1: cat"),
        ({"1.png": png((1, 2, 3))}, "lies in no folder"),
        ({"cat/1.png": b"text that calls itself a picture", "dog/1.png": png((1, 2, 3))}, "cat/1.png is not a picture"),
        (
            {"cat/1.png": png((1, 2, 3)), "dog/1.png": png((1, 2, 3)), "dog/2.png": png((1, 2, 3))},
            "cat has one picture",
        ),
        ({f"{i}/{j}.png": png((i, 2, 3)) for i in range(101) for j in range(2)}, "in 101"),
    ],
)
def test_a_zip_that_is_no_data_set_is_explained(files, says, data_dir):
    with pytest.raises(DatasetError, match=says):
        import_zip(zipped(files), silent)
    assert not list(data_dir.rglob("own-*"))


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 but damaged"])
def test_what_is_no_zip_is_explained(data):
    with pytest.raises(DatasetError, match="This zip cannot be read"):
        import_zip(io.BytesIO(data), silent)


def test_too_many_pictures_are_refused(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_FILES", 14)
    with pytest.raises(DatasetError, match="more than 14 pictures"):
        import_zip(zipped(ANIMALS), silent)


def arrays(**changed) -> dict:
    rng = np.random.default_rng(0)
    good = {
        "x_train": rng.integers(0, 256, (30, 10, 12), dtype=np.uint8),
        "y_train": np.arange(30) % 3,
        "x_test": rng.integers(0, 256, (6, 10, 12), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }
    return {key: value for key, value in (good | changed).items() if value is not None}


def test_an_npz_becomes_a_data_set():
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
        ({"y_train": np.arange(29) % 3}, "30 pictures, but y_train 29 labels"),
        ({"y_train": np.arange(30) - 1}, "labels"),
        ({"y_train": np.arange(30) * 100}, "labels"),
        ({"y_train": np.zeros(30, int), "y_test": np.zeros(6, int)}, "one class"),
    ],
)
def test_an_npz_that_is_no_data_set_is_explained(changed, says, data_dir):
    with pytest.raises(DatasetError, match=says):
        import_npz(npz(**arrays(**changed)))
    assert not list(data_dir.rglob("own-*"))


def test_an_npz_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_VALUES", 4_000)
    with pytest.raises(DatasetError, match="would take"):
        import_npz(npz(**arrays()))


def test_names_that_nobody_was_given_lead_nowhere():
    with pytest.raises(DatasetError, match="no longer kept"):
        load("own-" + "0" * 24)
    for name in ("own-../../etc/passwd", "own-" + "g" * 24, "../own", "own-" + "0" * 25):
        with pytest.raises(DatasetError, match="There is no data set"):
            load(name)


def test_what_was_used_longest_ago_is_forgotten_first(data_dir, monkeypatch):
    first = import_npz(npz(**arrays()))
    os.utime(datasets.path_of(first), (1, 1))
    monkeypatch.setattr(custom_data, "CACHE_LIMIT", 1)
    second = import_zip(zipped(ANIMALS), silent)
    assert load(second)
    assert not datasets.path_of(first).exists()
