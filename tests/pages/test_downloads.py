"""Files to take home: pictures that show the chart, tables that come back as they were, names for every system."""

import io
import struct
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from pages.ui import downloads
from pages.ui.charts import VERMILLION, learning_curves
from pages.ui.downloads import render_chart, safe_name, to_csv_bytes

CURVE = pd.DataFrame({"x": range(20), "y": np.linspace(3, 0, 20)})


@pytest.fixture(scope="module")
def chart():
    return learning_curves({"training": CURVE, "다른 것": CURVE / 2}, "Epoch", "Loss (nats)")


def test_a_chart_becomes_a_png_on_white_that_shows_its_curves(chart):
    picture = Image.open(io.BytesIO(render_chart(chart, "png"))).convert("RGB")
    assert picture.width > 1800
    pixels = np.asarray(picture)
    assert (pixels[0, 0] == 255).all()
    colour = struct.unpack("3B", bytes.fromhex(VERMILLION[1:]))
    assert (pixels == colour).all(axis=2).sum() > 100


def test_a_chart_becomes_an_svg_with_its_titles_and_legend(chart):
    drawing = ElementTree.fromstring(render_chart(chart, "svg"))
    assert drawing.tag.endswith("svg")
    words = " ".join(drawing.itertext())
    for expected in ("Epoch", "Loss (nats)", "training", "다른 것"):
        assert expected in words


def test_a_chart_of_several_keeps_its_own_sizes():
    small = alt.Chart(CURVE).mark_line().encode(x="x", y="y").properties(width=100, height=50)
    assert Image.open(io.BytesIO(render_chart(alt.hconcat(small, small), "png"))).width < 800


def test_a_table_comes_back_from_csv_to_the_last_digit():
    table = pd.DataFrame({"epoch": [0, 1], "loss": [1 / 3, 1e-17], "it said": ['a, "b"\n', "안녕 👋🏽"]})
    data = to_csv_bytes(table)
    assert data.startswith(b"\xef\xbb\xbf")
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(data)), table)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("training loss.png", "training-loss.png"),
        ("../../etc/passwd", "etc-passwd"),
        ("???", "file"),
        ("안녕.csv", "안녕.csv"),
    ],
)
def test_a_name_is_made_safe(name, safe):
    assert safe_name(name) == safe


def test_a_file_made_for_a_click_outlives_the_redraws_of_a_class(monkeypatch):
    storage = MemoryMediaFileStorage("/media")
    files = media_file_manager.MediaFileManager(storage)
    url = files.execute_deferred(files.add_deferred(lambda: b"a,b", "text/csv", "place", "numbers.csv"))
    file_name = url.rpartition("/")[2]
    files.clear_session_refs()  # the page was drawn anew
    for _ in range(100):
        files.remove_orphaned_files()
    assert storage.get_file(file_name).content == b"a,b"

    monkeypatch.setattr(downloads, "RETENTION_SECONDS", 0.0)
    files.remove_orphaned_files()
    with pytest.raises(MediaFileStorageError):
        storage.get_file(file_name)
