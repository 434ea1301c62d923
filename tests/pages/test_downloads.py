"""Downloads: images that show the chart, CSV that preserves the numbers, and file names for every system."""

import io
import struct
import tomllib
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pages.ui import charts
from pages.ui.charts import VERMILLION, learning_curves
from pages.ui.downloads import render_chart, safe_name, to_csv_bytes
from pages.ui.theme import DARK, LIGHT
from tests.pages.conftest import PROJECT

CURVE = pd.DataFrame({"x": range(20), "y": np.linspace(3, 0, 20)})


@pytest.fixture(scope="module")
def chart():
    return learning_curves({"training": CURVE, "다른 것": CURVE / 2}, "Epoch", "Loss (nats)")


def test_a_png_shows_the_chart_s_curves_on_white(chart):
    image = Image.open(io.BytesIO(render_chart(chart, "png"))).convert("RGB")
    assert image.width > 1800
    pixels = np.asarray(image)
    assert (pixels[0, 0] == 255).all()
    colour = struct.unpack("3B", bytes.fromhex(VERMILLION[1:]))
    assert (pixels == colour).all(axis=2).sum() > 100


def test_a_chart_in_the_colours_of_the_dark_theme_is_legible(monkeypatch):
    monkeypatch.setattr(charts, "colors", lambda: DARK)
    pixels = np.asarray(Image.open(io.BytesIO(render_chart(learning_curves({"training": CURVE}, "x", "y"), "png"))))
    corner, text = pixels[0, 0, :3].astype(int), np.array(list(bytes.fromhex(DARK.text[1:])))
    assert (pixels[..., :3] == text).all(axis=2).any(), "the text's colour is the theme's"
    assert np.abs(corner - text).sum() > 500, "and it differs from the background"


def test_the_backgrounds_are_those_of_the_page():
    themes = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert themes["light"]["backgroundColor"] == LIGHT.background
    assert themes["dark"]["backgroundColor"] == DARK.background


def test_an_svg_contains_the_chart_s_titles_and_legend(chart):
    drawing = ElementTree.fromstring(render_chart(chart, "svg"))
    assert drawing.tag.endswith("svg")
    words = " ".join(drawing.itertext())
    for expected in ("Epoch", "Loss (nats)", "training", "다른 것"):
        assert expected in words


def test_a_compound_chart_keeps_the_sizes_of_its_parts():
    small = alt.Chart(CURVE).mark_line().encode(x="x", y="y").properties(width=100, height=50)
    assert Image.open(io.BytesIO(render_chart(alt.hconcat(small, small), "png"))).width < 800


def test_csv_preserves_every_digit_of_a_table():
    table = pd.DataFrame({"epoch": [0, 1], "loss": [1 / 3, 1e-17], "generated": ['a, "b"\n', "안녕 👋🏽"]})
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
def test_file_names_are_made_safe(name, safe):
    assert safe_name(name) == safe


def test_a_csv_contains_no_formula():
    table = pd.DataFrame({"text": ["=HYPERLINK(1)", "@x", "plain"], "number": [-1.5, 2, 3]})
    lines = to_csv_bytes(table).decode("utf-8-sig").splitlines()
    assert lines == ["text,number", "'=HYPERLINK(1),-1.5", "'@x,2.0", "plain,3.0"]
