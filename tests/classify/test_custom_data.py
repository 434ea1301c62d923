"""Custom datasets: which uploads become datasets, and which are rejected before they can do harm."""

import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.classify import custom_data, datasets
from core.classify.custom_data import import_files, import_npz, import_zip
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
    imported = import_zip(zipped(ANIMALS | {"__MACOSX/pets/cat/._1.png": b"x", ".DS_Store": b"x"}), check_progress)
    name = imported.name
    assert imported.notes == (), "hidden files are not the visitor's own"
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
    assert load(import_zip(zipped(grey), check_progress).name).x_train.shape == (4, 28, 28)


@pytest.mark.parametrize(
    "path", ["../cat/1.png", "a/../../cat/1.png", "/etc/cat/1.png", "\\cat\\1.png", "C:\\cat\\1.png", "a/..\\cat/1.png"]
)
def test_paths_outside_the_folder_are_rejected(path, data_dir):
    with pytest.raises(DatasetError, match="points outside its folder"):
        import_zip(zipped(ANIMALS | {path: png((0, 0, 0))}), check_progress)
    assert not list(data_dir.rglob("*.png"))


def test_the_last_folder_is_the_class():
    images = {f"set\\{kind}/{i}.png": png((i, 2, 3)) for kind in "ab" for i in range(2)}
    hidden = {"a/.hidden/c.png": b"x"}
    assert load(import_files((images | hidden).items(), 5, check_progress).name).classes == ("a", "b")


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
    dataset = load(import_npz(npz(**given)).name)
    for key in datasets.ARRAY_NAMES:
        np.testing.assert_array_equal(getattr(dataset, key), given[key])
    assert dataset.classes == ("0", "1", "2")
    assert load(import_npz(npz(**arrays(classes=np.array(["one", "two", "three"])))).name).classes == (
        "one",
        "two",
        "three",
    )


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
    first = import_npz(npz(**arrays())).name
    os.utime(datasets.path_of(first), (1, 1))
    monkeypatch.setattr(custom_data, "CACHE_LIMIT", 1)
    second = import_zip(zipped(ANIMALS), check_progress).name
    assert load(second)
    assert not datasets.path_of(first).exists()


# What is left out, or looks wrong


def test_every_suffix_of_a_readable_format_is_taken():
    photo = io.BytesIO()
    Image.new("RGB", (50, 40), (9, 99, 9)).save(photo, "JPEG")
    birds = {f"pets/bird/{i}.{suffix}": photo.getvalue() for i, suffix in enumerate(["jfif", "jpe", "JPG", "tif"])}
    imported = import_zip(zipped(ANIMALS | birds), check_progress)
    assert load(imported.name).classes == ("bird", "cat", "dog")
    assert imported.notes == ()


def test_files_that_are_left_out_are_listed_with_their_kinds_and_classes():
    others = {"pets/bird/1.HEIC": b"x", "pets/bird/2.heic": b"x", "pets/cat/notes.txt": b"x", "LICENSE": b"x"}
    imported = import_zip(zipped(ANIMALS | others), check_progress)
    [files, classes] = imported.notes
    assert files.startswith("4 files were left out")
    assert ".heic (2), .txt (1), no suffix (1)" in files
    assert "pets/bird/1.HEIC" in files
    assert classes == "These folders have no other images, so they are not classes: bird."


def test_the_error_about_missing_classes_lists_what_was_left_out():
    with pytest.raises(DatasetError, match=r"found no images\. 2 files were left out.*heic \(2\)"):
        import_zip(zipped({"cat/1.heic": b"x", "dog/1.heic": b"x"}), check_progress)


def test_a_colon_in_a_name_is_allowed():
    photo = {
        "pets/cat/IMG 10:20.png": png((1, 2, 3)),
        "pets/a:b/1.png": png((1, 2, 3)),
        "pets/a:b/2.png": png((3, 2, 1)),
    }
    assert load(import_zip(zipped(ANIMALS | photo), check_progress).name).classes == ("a:b", "cat", "dog")


def without_utf8_flag(names: dict[str, bytes], encoding: str) -> io.BytesIO:
    """A zip whose names are in this encoding, without a flag that says so."""
    placeholders = {name: f"{'#' * (len(name.encode(encoding)) - 1)}{number}" for number, name in enumerate(names)}
    data = zipped({placeholders[name]: content for name, content in names.items()}).getvalue()
    for name, placeholder in placeholders.items():
        assert data.count(placeholder.encode()) == 2
        data = data.replace(placeholder.encode(), name.encode(encoding))
    return io.BytesIO(data)


def test_names_in_utf8_are_read_without_the_flag():
    names = {f"{kind}/{i}.png": png((i, 2, 3)) for kind in ("Hündchen", "Kätzchen") for i in range(2)}
    imported = import_zip(without_utf8_flag(names, "utf-8"), check_progress)
    assert load(imported.name).classes == ("Hündchen", "Kätzchen")
    assert imported.notes == ()


@pytest.mark.parametrize(
    ("encoding", "kinds"), [("shift-jis", "犬猫"), ("gbk", "狗猫"), ("cp1252", "éü"), ("cp866", "жя")]
)
def test_names_in_an_old_encoding_are_pointed_out(encoding, kinds):
    names = {f"{kind}/{i}.png": png((i, 2, 3)) for kind in kinds for i in range(2)}
    imported = import_zip(without_utf8_flag(names, encoding), check_progress)
    assert len(load(imported.name).classes) == 2
    assert "old encoding" in imported.notes[0]


def test_the_same_name_from_a_mac_is_the_same_class():
    names = {"caf\u00e9/1.png": png((1, 2, 3)), "cafe\u0301/2.png": png((1, 2, 3))}
    assert load(import_zip(zipped(ANIMALS | names), check_progress).name).classes == ("café", "cat", "dog")


def test_more_pixels_than_the_limit_are_not_decoded(monkeypatch):
    monkeypatch.setattr(custom_data, "MAX_DECODED_PIXELS", 14 * 50 * 40)
    decoded = []
    monkeypatch.setattr(custom_data, "read_image", lambda data, path: decoded.append(path) or Image.new("RGB", (9, 9)))
    with pytest.raises(DatasetError, match="million pixels together"):
        import_zip(zipped(ANIMALS), check_progress)
    assert len(decoded) == 14


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (["a", "\ud800", "c"], "cannot be shown"),
        (["a", "b\nc", "c"], "cannot be shown"),
        (["a", "\x00b", "c"], "cannot be shown"),
        (["a", " ", "c"], "empty name"),
        (["a", "b", "b"], "same name, b"),
    ],
)
def test_class_names_that_cannot_be_told_apart_or_shown_are_rejected(classes, says, data_dir):
    with pytest.raises(DatasetError, match=says):
        import_npz(npz(**arrays(classes=np.array(classes))))
    assert not list(data_dir.rglob("own-*"))


@pytest.mark.parametrize("folder", ["a\x07b", "x" * 61])
def test_folder_names_that_cannot_be_shown_are_rejected(folder):
    with pytest.raises(DatasetError, match=r"Rename it|Shorten it"):
        import_zip(zipped(ANIMALS | {f"{folder}/{i}.png": png((1, 2, 3)) for i in range(2)}), check_progress)


def test_classes_without_training_images_are_pointed_out():
    from_one = import_npz(npz(**arrays(y_train=np.arange(30) % 3 + 1, y_test=np.arange(6) % 3 + 1)))
    assert from_one.notes == (
        "These classes have no training images, and no test images: 0.",
        "The labels in y_train begin with 1. Subtract 1 from them if the first class should be number 0.",
    )
    only_tested = import_npz(npz(**arrays(y_train=np.arange(30) % 2, y_test=np.arange(6) % 3)))
    [note] = only_tested.notes
    assert "have test images, which it will get wrong: 2" in note
    assert import_npz(npz(**arrays())).notes == ()


def test_a_dataset_that_is_deleted_while_it_is_uploaded_again_is_written_again(data_dir, monkeypatch):
    name = import_npz(npz(**arrays())).name
    utime = os.utime

    def deleted_first(path):
        monkeypatch.setattr(os, "utime", utime)
        datasets.path_of(name).unlink()
        utime(path)

    monkeypatch.setattr(os, "utime", deleted_first)
    assert import_npz(npz(**arrays())).name == name
    assert datasets.path_of(name).exists()
    assert [path.name for path in (data_dir / "own").iterdir()] == [f"{name}.npz"]
